//! `/resolve/`, header for header.

use local_hub::{LocalHub, ModelFixture};

use crate::client::{get, get_range, head, post, request};

const ID: &str = "mlc-ai/tiny";

fn url(hub: &LocalHub, revision: &str, path: &str) -> String {
    format!("{}/{ID}/resolve/{revision}/{path}", hub.endpoint())
}

#[test]
fn an_lfs_file_is_a_302_to_another_port() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID));
    let shard = model.file("params_shard_1.bin").unwrap();
    let answer = get(&url(&hub, "main", &shard.path));

    assert_eq!(answer.status, 302);
    let location = answer.location().to_owned();
    assert!(location.starts_with(&format!("{}/xet-bridge-us/", hub.data_origin())), "{location}");
    assert_ne!(hub.data_origin(), hub.endpoint());
    for part in ["?Expires=", "&Key-Pair-Id=", "&Policy=", "&Signature=", "&response-content-disposition="] {
        assert!(location.contains(part), "{part} in {location}");
    }
    assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
    assert_eq!(answer.text(), format!("Found. Redirecting to {location}"));
    let hash = answer.header("x-xet-hash").unwrap();
    assert!(hash.len() == 64 && hash != shard.sha256 && location.contains(hash));
    let link = answer.header("link").unwrap();
    assert!(
        link.starts_with(&format!("</api/models/{ID}/xet-read-token/{}>; rel=\"xet-auth\"", model.commit))
    );
    for (name, value) in [
        ("x-linked-size", shard.size.to_string().as_str()),
        ("x-linked-etag", &format!("\"{}\"", shard.sha256)),
        ("x-repo-commit", &model.commit),
        ("accept-ranges", "bytes"),
        ("cache-control", "no-store"),
        ("vary", "Origin, Accept"),
        ("content-type", "text/plain; charset=utf-8"),
        ("x-powered-by", "huggingface-moon"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.header("etag"), None);
    assert!(answer.header("x-hf-warning").is_some_and(|warning| warning.starts_with("unauthenticated;")));
}

#[test]
fn a_head_response_equals_that_of_get() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    for path in ["params_shard_0.bin", "README.md"] {
        let (got, headed) = (get(&url(&hub, "main", path)), head(&url(&hub, "main", path)));
        let names = |answer: &crate::client::Answer| {
            answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        assert_eq!((got.status, names(&got)), (headed.status, names(&headed)));
        assert_eq!(headed.header("content-length").unwrap(), got.body.len().to_string());
    }
}

#[test]
fn a_plain_file_is_a_relative_307_and_then_the_bytes() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID));
    let config = model.file("mlc-chat-config.json").unwrap();
    let redirect = get(&url(&hub, "main", &config.path));

    assert_eq!(redirect.status, 307);
    let location = redirect.location();
    let expected = format!("/api/resolve-cache/models/{ID}/{}/mlc-chat-config.json?", model.commit);
    assert!(location.starts_with(&expected), "{location}");
    let etag = redirect.header("x-linked-etag").unwrap();
    assert_eq!(etag.len(), 42, "a quoted git blob name: {etag}");
    assert_eq!((redirect.header("x-linked-size"), redirect.header("etag")), (None, None));

    let bytes = get(&format!("{}{location}", hub.endpoint()));
    assert_eq!(bytes.status, 200);
    assert_eq!(bytes.body, config.bytes());
    assert_eq!(bytes.header("etag"), Some(etag));
    assert_eq!(bytes.header("x-repo-commit"), Some(model.commit.as_str()));
    let part = get_range(&format!("{}{location}", hub.endpoint()), "bytes=2-5");
    assert_eq!((part.status, part.body.as_slice()), (206, &config.bytes()[2..6]));
}

#[test]
fn the_etag_of_a_plain_file_is_its_blobs_name() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::without_files(ID).plain_file("greeting", "hello\n"));
    let answer = get(&url(&hub, "main", "greeting"));
    // As `echo hello | git hash-object --stdin` prints it.
    assert_eq!(answer.header("x-linked-etag"), Some("\"ce013625030ba8dba906f756967f9e9ca394464a\""));
}

#[test]
fn revisions_are_branches_tags_references_and_commits() {
    let hub = LocalHub::start();
    let old = hub.publish(&ModelFixture::new(ID).tag("v1").tag("refs/pr/1"));
    let new = hub.publish(&ModelFixture::new(ID).seed(1));
    let dev = hub.publish(&ModelFixture::new(ID).seed(2).on_branch("dev/one"));
    for (revision, commit) in [
        ("main", &new.commit),
        ("dev%2Fone", &dev.commit),
        ("v1", &old.commit),
        ("refs%2Fpr%2F1", &old.commit),
        ("refs%2Fheads%2Fmain", &new.commit),
        (&old.commit, &old.commit),
        (&new.commit, &new.commit),
    ] {
        let answer = head(&url(&hub, revision, "params_shard_0.bin"));
        assert_eq!(
            (answer.status, answer.header("x-repo-commit")),
            (302, Some(commit.as_str())),
            "{revision}"
        );
    }
    let branch = format!("{}/api/resolve-cache/models/{ID}/main/README.md", hub.endpoint());
    assert_eq!(get(&branch).status, 404, "only a commit's name counts here");
}

#[test]
fn every_answer_of_the_hub_has_the_rate_limit() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let left = |answer: crate::client::Answer| -> u64 {
        let header = answer.header("ratelimit").unwrap().to_owned();
        header.split("r=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap()
    };
    let first = head(&url(&hub, "main", "README.md"));
    assert!(first.header("ratelimit").unwrap().starts_with("\"resolvers\";r=2999;t="));
    assert_eq!(first.header("ratelimit-policy"), Some("\"fixed window\";\"resolvers\";q=3000;w=300"));
    assert_eq!(left(head(&url(&hub, "main", "missing"))), 2998);
    assert_eq!(left(head(&url(&hub, "missing", "README.md"))), 2997);
    let git = get(&format!("{}/{ID}/info/refs?service=git-upload-pack", hub.endpoint()));
    assert_eq!(git.header("ratelimit-policy"), Some("\"fixed window\";\"pages\";q=100;w=300"));
}

#[test]
fn an_endpoint_may_have_a_path() {
    let hub = LocalHub::builder().path_prefix("/mirror/hf/").start();
    let model = hub.publish(&ModelFixture::new(ID));
    assert!(hub.endpoint().ends_with("/mirror/hf"));
    let redirect = get(&url(&hub, "main", "README.md"));
    assert!(redirect.location().starts_with("/mirror/hf/api/resolve-cache/"));
    let origin = hub.endpoint().replace("/mirror/hf", "");
    let bytes = get(&format!("{origin}{}", redirect.location()));
    assert_eq!(bytes.body, model.file("README.md").unwrap().bytes());
    assert_eq!(get(&format!("{origin}/{ID}/resolve/main/README.md")).status, 404);
}

#[test]
fn odd_paths_are_found_when_they_are_encoded() {
    let path = "sub/dir/shard #3+%41 [ü].bin";
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID).shard(path, 100));
    let answer = get(&url(&hub, "main", "sub/dir/shard%20%233%2B%2541%20%5B%C3%BC%5D.bin"));
    assert_eq!(answer.status, 302);
    assert_eq!(get(answer.location()).body, model.file(path).unwrap().bytes());
    assert_eq!(hub.log().data().requests()[0].file.as_deref(), Some(path));
}

#[test]
fn authorization_is_taken_and_logged() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let headers = [("Authorization", "Bearer hf_secret")];
    let answer = request("GET", &url(&hub, "main", "params_shard_0.bin"), &headers).unwrap();
    assert_eq!((answer.status, answer.header("x-hf-warning")), (302, None));
    let log = hub.log().with_header("authorization");
    assert_eq!(log.requests()[0].header("Authorization"), Some("Bearer hf_secret"));
}

#[test]
fn a_simple_mirror_serves_the_bytes_itself() {
    let hub = LocalHub::builder().serves_files_itself().start();
    let model = hub.publish(&ModelFixture::new(ID));
    let shard = model.file("params_shard_0.bin").unwrap();
    let answer = get(&url(&hub, "main", &shard.path));
    assert_eq!((answer.status, answer.header("x-linked-etag")), (200, None));
    assert_eq!(answer.header("etag"), Some(format!("\"{}\"", shard.sha256).as_str()));
    assert!(answer.body == shard.bytes());
    let part = get_range(&url(&hub, &model.commit, "README.md"), "bytes=4-6");
    assert_eq!((part.status, part.header("x-repo-commit")), (206, Some(model.commit.as_str())));
    assert!(hub.log().data().is_empty());
}

#[test]
fn the_lfs_batch_api_locates_many_files_at_once() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID));
    let shard = model.file("params_shard_0.bin").unwrap();
    let url = format!("{}/{ID}.git/info/lfs/objects/batch", hub.endpoint());
    let nobody = "0".repeat(64);
    let body = format!(
        r#"{{"operation":"download","transfers":["basic"],"objects":[
            {{"oid":"{}","size":{}}},{{"oid":"{nobody}","size":1}}]}}"#,
        shard.sha256, shard.size
    );
    let answer = post(&url, &body);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/vnd.git-lfs+json")));
    let found: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let href = found["objects"][0]["actions"]["download"]["href"].as_str().unwrap();
    assert!(get(href).body == shard.bytes());
    assert_eq!(found["objects"][1]["error"]["code"], 404);
    assert_eq!(post(&url, "{}").status, 422);
}
