//! The data host.

use std::time::Duration;

use local_hub::{LocalHub, ModelFixture, PublishedModel};

use crate::client::{get, get_range, head, request};

const ID: &str = "mlc-ai/tiny";

fn start() -> (LocalHub, PublishedModel) {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID).shards(1, 1000));
    (hub, model)
}

fn signed(hub: &LocalHub, path: &str) -> String {
    get(&format!("{}/{ID}/resolve/main/{path}", hub.endpoint())).location().to_owned()
}

#[test]
fn serves_whole_files_and_ranges() {
    let (hub, model) = start();
    let url = signed(&hub, "params_shard_0.bin");
    let bytes = model.file("params_shard_0.bin").unwrap().bytes();

    let whole = get(&url);
    assert_eq!((whole.status, &whole.body, whole.header("content-length")), (200, &bytes, Some("1000")));
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
    for (range, from, to) in [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=990-", 990, 1000)] {
        let part = get_range(&url, range);
        assert_eq!((part.status, part.body.as_slice()), (206, &bytes[from..to]), "{range}");
        let expected = format!("bytes {from}-{}/1000", to - 1);
        assert_eq!(part.header("content-range"), Some(expected.as_str()));
    }
    let past_the_end = get_range(&url, "bytes=1000-");
    assert_eq!((past_the_end.status, past_the_end.header("content-range")), (416, Some("bytes */1000")));
    let headed = head(&url);
    assert_eq!((headed.status, headed.header("content-length")), (200, Some("1000")));
}

#[test]
fn has_an_etag_that_is_not_the_digest() {
    let (hub, model) = start();
    let answer = get(&signed(&hub, "params_shard_0.bin"));
    let shard = model.file("params_shard_0.bin").unwrap();
    let etag = answer.header("etag").unwrap();
    assert!(!etag.contains(&shard.sha256) && etag.len() == 66);
    assert_eq!(answer.header("ratelimit"), None);
}

#[test]
fn refuses_every_authorization() {
    let (hub, _model) = start();
    let url = signed(&hub, "params_shard_0.bin");
    for value in ["Bearer hf_x", "Basic eDp5"] {
        let answer = request("GET", &url, &[("authorization", value)]).unwrap();
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("Only one auth mechanism allowed"));
    }
}

#[test]
fn wants_the_signed_query_as_it_is() {
    let (hub, _model) = start();
    let url = signed(&hub, "params_shard_0.bin");
    let (path, _) = url.split_once('?').unwrap();
    assert_eq!(get(&url).status, 200);
    assert_eq!(get(path).status, 403);
    assert_eq!(get(&url.replace("user_id=public", "user_id=me")).status, 403);
    assert_eq!(get(&url.replace("%20", "+")).status, 403);
    assert_eq!(get(&format!("{}/elsewhere", hub.data_origin())).status, 404);
}

#[test]
fn signed_urls_expire_after_their_lifetime() {
    let (hub, _model) = start();
    let url = signed(&hub, "params_shard_0.bin");
    hub.expire_signed_urls();
    assert_eq!(get(&url).status, 403);
    assert_eq!(get(&signed(&hub, "params_shard_0.bin")).status, 200);

    let hub = LocalHub::builder().url_lifetime(Duration::ZERO).start();
    hub.publish(&ModelFixture::new(ID).shards(1, 1000));
    assert_eq!(get(&signed(&hub, "params_shard_0.bin")).status, 403);
}

#[test]
fn may_refuse_to_send_a_large_file_whole() {
    let hub = LocalHub::builder().whole_file_limit(999).start();
    hub.publish(&ModelFixture::new(ID).shards(1, 1000));
    let url = signed(&hub, "params_shard_0.bin");
    assert_eq!(get(&url).status, 400);
    assert_eq!(get_range(&url, "bytes=0-").status, 206);
}

#[test]
fn knows_which_of_two_equal_files_is_asked_for() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID).lfs_file("a/x.dat", "same").lfs_file("b/x.dat", "same"));
    for path in ["b/x.dat", "a/x.dat"] {
        assert_eq!(get(&signed(&hub, path)).body, b"same");
    }
    let files: Vec<_> =
        hub.log().data().requests().into_iter().map(|request| request.file.unwrap()).collect();
    assert_eq!(files, ["b/x.dat", "a/x.dat"]);
}

#[test]
fn serves_files_that_are_larger_than_its_buffers() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID).shards(1, 3_000_001));
    let url = signed(&hub, "params_shard_0.bin");
    let bytes = model.file("params_shard_0.bin").unwrap().bytes();
    assert!(get(&url).body == bytes);
    assert!(get_range(&url, "bytes=131071-2000000").body == bytes[131_071..=2_000_000]);
}

#[test]
fn the_data_host_serves_empty_files() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID).lfs_file("empty.dat", ""));
    let answer = get(&signed(&hub, "empty.dat"));
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, Some("0"), 0));
}
