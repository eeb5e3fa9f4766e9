//! Locating files.

use std::time::{Duration, SystemTime};

use hf_transport::{Error, ErrorKind, Token};
use local_hub::{Access, Fault, FaultTarget, ModelFixture, Route, Times};

use crate::support::{ID, Stage, TOKEN, hex, hub};

const SHARD: &str = "params_shard_0.bin";

fn header(name: &str, value: Option<&str>) -> Fault {
    Fault::Header { name: name.to_owned(), value: value.map(str::to_owned) }
}

#[tokio::test]
async fn a_large_file_is_on_the_data_host() {
    let stage = Stage::usual();
    let shard = stage.model.file(SHARD).unwrap();
    let found = stage.locate(SHARD).await.unwrap();
    assert!(
        found.url.as_str().starts_with(&format!("{}/xet-bridge-us/", stage.hub.data_origin())),
        "{found:?}"
    );
    assert!(found.url.query().unwrap().contains("Signature="), "the signed query is needed as it is");
    assert_eq!(
        (found.size, found.sha256.map(|sha256| hex(&sha256))),
        (Some(shard.size), Some(shard.sha256.clone()))
    );
    assert_eq!(found.authorization, None, "the data host has no business with the token");
    let left = found.expires_at.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!((Duration::from_secs(3500)..=Duration::from_secs(3600)).contains(&left), "{left:?}");
    assert!(!format!("{found:?}").contains("Signature"), "{found:?}");

    let requests = stage.hub.log().requests();
    assert_eq!(requests.len(), 1, "the data host is not contacted");
    let request = &requests[0];
    assert_eq!((request.method.as_str(), request.route), ("HEAD", Route::Resolve));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("authorization"), Some("Bearer hf_s3cret"));
    assert!(request.header("user-agent").unwrap().starts_with("mlc-weights/"));
}

#[tokio::test]
async fn a_small_file_is_at_the_hub_itself() {
    let stage = Stage::usual();
    let config = stage.model.file("mlc-chat-config.json").unwrap();
    let found = stage.locate("mlc-chat-config.json").await.unwrap();
    let place =
        format!("{}/api/resolve-cache/models/user/model/{}/", stage.hub.endpoint(), stage.model.commit);
    assert!(found.url.as_str().starts_with(&place), "{found:?}");
    // The length of the file, not that of the redirect.
    assert_eq!((found.size, found.sha256, found.expires_at), (Some(config.size), None, None));
    assert_eq!(found.authorization.unwrap(), format!("Bearer {TOKEN}"));
    assert_eq!(stage.hub.log().with_header("authorization").count(), 2);
}

#[tokio::test]
async fn paths_are_encoded_right() {
    let mut paths = vec!["sub/dir/shard #3+%41.bin", "%2e%2e/x", "a b/\u{e9}[0]^`.bin", "~-_.!$'(),@;=&"];
    if cfg!(not(windows)) {
        paths.extend(["a?b=c.bin", "|\"<>*.bin", "x/a:b"]);
    }
    let fixture = ModelFixture::without_files(ID);
    let fixture = paths.iter().fold(fixture, |fixture, path| fixture.lfs_file(path, path.as_bytes()));
    let stage = Stage::new(&fixture);
    for path in paths {
        let found = stage.locate(path).await.unwrap();
        assert_eq!(found.size, Some(path.len() as u64), "{path}");
        assert_eq!(stage.hub.log().file(path).count(), 1, "{path}");
    }
}

#[tokio::test]
async fn digests_are_read_in_every_spelling() {
    let stage = Stage::usual();
    let sha256 = stage.model.file(SHARD).unwrap().sha256.clone();
    for etag in [format!("\"{sha256}\""), format!("W/\"{sha256}\""), sha256.clone()] {
        stage.hub.fault(FaultTarget::resolve(SHARD), header("x-linked-etag", Some(&etag)), Times::Once);
        assert_eq!(hex(&stage.locate(SHARD).await.unwrap().sha256.unwrap()), sha256, "{etag}");
    }
    for etag in
        [None, Some(""), Some("\"\""), Some("\"abc\""), Some("\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"")]
    {
        stage.hub.fault(FaultTarget::resolve(SHARD), header("x-linked-etag", etag), Times::Once);
        assert_eq!(stage.locate(SHARD).await.unwrap().sha256, None, "{etag:?}");
    }
}

#[tokio::test]
async fn a_mirror_may_know_less() {
    let stage = Stage::usual();
    for size in [None, Some("many"), Some("-1"), Some("")] {
        stage.hub.fault(FaultTarget::resolve(SHARD), header("x-linked-size", size), Times::Once);
        let found = stage.locate(SHARD).await.unwrap();
        // The redirect's own length is not the file's.
        assert_eq!(found.size, None, "{size:?}");
        assert!(found.sha256.is_some());
    }
    let small = "README.md";
    stage.hub.fault(FaultTarget::resolve_cache(small), header("content-length", None), Times::Once);
    assert_eq!(stage.locate(small).await.unwrap().size, None);
}

#[tokio::test]
async fn a_hub_may_send_the_bytes_itself() {
    let stage = Stage::usual();
    let headers =
        vec![("x-linked-size".to_owned(), "12".to_owned()), ("content-length".to_owned(), "3".to_owned())];
    let itself = Fault::Status { code: 200, headers, body: "abc".to_owned() };
    stage.hub.fault(FaultTarget::resolve(SHARD), itself, Times::Once);
    let found = stage.locate(SHARD).await.unwrap();
    let place = format!("{}/user/model/resolve/{}/{SHARD}", stage.hub.endpoint(), stage.model.commit);
    assert_eq!(found.url.as_str(), place);
    assert_eq!(found.size, Some(12), "what the hub has on record comes first");
    assert!(found.authorization.is_some());
}

#[tokio::test]
async fn another_origin_is_the_answer_and_is_not_contacted() {
    let stage = Stage::usual();
    let other = hub();
    let elsewhere = format!("{}/bytes?sig=x%20y+z", other.endpoint());
    for code in [301, 302, 303, 307, 308] {
        stage.hub.fault(FaultTarget::resolve(SHARD), Fault::redirect(code, &elsewhere), Times::Once);
        let found = stage.locate(SHARD).await.unwrap();
        assert_eq!((found.url.as_str(), found.authorization), (elsewhere.as_str(), None));
    }
    assert!(other.log().is_empty());
}

#[tokio::test]
async fn renames_and_wrong_case_are_followed() {
    let mut stage = Stage::usual();
    stage.hub.rename(ID, "user/renamed");
    for url in ["HF://user/model", "HF://USER/RENAMED"] {
        stage.model.url = url.to_owned();
        assert!(stage.locate(SHARD).await.unwrap().size.is_some());
        assert!(stage.locate("README.md").await.unwrap().authorization.is_some());
    }
    assert_eq!(stage.hub.log().with_header("authorization").count(), stage.hub.log().count());
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let stage = Stage::usual();
    stage.hub.fault(FaultTarget::resolve(SHARD), Fault::redirect(307, SHARD), Times::Forever);
    let error = stage.locate(SHARD).await.unwrap_err();
    assert!(matches!(error, Error::Net(net::Error::TooManyRedirects { .. })), "{error:?}");
    assert_eq!(stage.hub.log().count(), 6);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let mut stage = Stage::usual();
    let error = stage.locate("params_shard_9.bin").await.unwrap_err();
    assert!(matches!(error, Error::FileNotFound { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with("user/model has no file `params_shard_9.bin` at that commit"),
        "{error}"
    );
    assert!(error.to_string().contains("the hub says: Entry not found (request Root=1-"), "{error}");

    let unknown = "0123456789abcdef0123456789abcdef01234567";
    let error = stage.locate_at(unknown, SHARD).await.unwrap_err();
    assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("has no revision `{unknown}`")), "{error}");

    stage.model.url = "HF://user/missing".to_owned();
    for token in [Some(TOKEN), None] {
        stage.set(|config| config.token = token.map(|token| Token::new(token).unwrap()));
        let error = stage.locate(SHARD).await.unwrap_err();
        assert!(matches!(error, Error::MissingOrPrivate { .. }), "{error:?}");
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Refused, false));
    }
}

#[tokio::test]
async fn refusals_for_lack_of_access_are_distinguished() {
    let stage = Stage::usual();
    let check = async |access: Access, expected: fn(&Error) -> bool| {
        stage.hub.set_access(ID, access);
        let error = stage.locate(SHARD).await.unwrap_err();
        assert!(expected(&error), "{error:?}");
    };
    let other = || vec!["hf_other".to_owned()];
    check(Access::Gated(other()), |error| matches!(error, Error::Gated { .. })).await;
    check(Access::Private(other()), |error| matches!(error, Error::BadToken { .. })).await;
    check(Access::Disabled, |error| matches!(error, Error::Disabled { .. })).await;
    stage.hub.set_access(ID, Access::Private(vec![TOKEN.to_owned()]));
    stage.locate(SHARD).await.unwrap();
}

#[tokio::test]
async fn failures_and_limits_are_transient() {
    let mut stage = Stage::usual();
    for (fault, wait) in [
        (Fault::rate_limited(7), Some(7)),
        (Fault::retry_after(429, "3"), Some(3)),
        (Fault::retry_after(503, "4"), Some(4)),
        (Fault::status(500), None),
        (Fault::Refuse, None),
    ] {
        // A request over a kept connection is sent twice.
        stage.hub.fault(FaultTarget::resolve(SHARD), fault.clone(), Times::N(2));
        let error = stage.locate(SHARD).await.unwrap_err();
        stage.hub.clear_faults();
        assert!(error.is_transient(), "{fault:?}: {error:?}");
        if matches!(fault, Fault::Refuse) {
            assert!(error.to_string().starts_with("cannot ask for the location of http://"), "{error}");
        }
        assert_eq!(error.server_wait().map(|wait| wait.as_secs()), wait, "{fault:?}");
        stage.forget_waits();
    }
}

#[tokio::test]
async fn web_pages_are_not_taken_for_files() {
    let stage = Stage::usual();
    for target in [FaultTarget::resolve(SHARD), FaultTarget::resolve_cache("README.md")] {
        // The result of the GET decides.
        stage.hub.fault(target, Fault::Html, Times::N(2));
    }
    for path in [SHARD, "README.md"] {
        let error = stage.locate(path).await.unwrap_err();
        assert!(matches!(error, Error::NotAHub { .. }), "{error:?}");
        assert!(
            error.to_string().contains("returned text/html; charset=utf-8 instead of the location of a file")
        );
    }
    // A web page that is a file of the repository names its commit.
    stage.hub.fault(
        FaultTarget::resolve_cache("README.md"),
        header("content-type", Some("text/html")),
        Times::Once,
    );
    stage.locate("README.md").await.unwrap();
}

/// Responses to `HEAD` of a hub that does not support it.
fn refusals_of_head() -> Vec<Fault> {
    let page = ("content-type".to_owned(), "text/html; charset=utf-8".to_owned());
    let empty_page = Fault::Status { code: 200, headers: vec![page], body: String::new() };
    [403, 404, 405, 501].map(Fault::status).into_iter().chain([empty_page]).collect()
}

#[tokio::test]
async fn where_head_is_refused_a_get_decides() {
    for refusal in refusals_of_head() {
        let stage = Stage::usual();
        stage.hub.fault(FaultTarget::any("").method("HEAD"), refusal.clone(), Times::Forever);
        let shard = stage.model.file(SHARD).unwrap();
        for _ in 0..2 {
            let found = stage.locate(SHARD).await.unwrap();
            assert!(found.url.as_str().starts_with(&stage.hub.data_origin()), "{refusal:?}: {found:?}");
            assert_eq!(found.size, Some(shard.size));
        }
        let small = stage.model.file("README.md").unwrap();
        assert_eq!(stage.locate("README.md").await.unwrap().size, Some(small.size));
        // It is remembered.
        let log = stage.hub.log();
        assert_eq!((log.method("HEAD").count(), log.data().count()), (1, 0), "{log}");
        assert_eq!(log.method("GET").with_header("range").count(), log.method("GET").count(), "{log}");
    }
}

#[tokio::test]
async fn a_refusal_of_head_and_get_is_final() {
    let stage = Stage::usual();
    for (status, code) in [(403, None), (404, Some("EntryNotFound")), (404, None), (501, None)] {
        let headers = code.map(|code: &str| ("x-error-code".to_owned(), code.to_owned()));
        let refusal =
            Fault::Status { code: status, headers: headers.into_iter().collect(), body: "no".to_owned() };
        stage.hub.fault(FaultTarget::resolve(SHARD), refusal, Times::Forever);
        let log = stage.hub.log().from_now();
        let error = stage.locate(SHARD).await.unwrap_err();
        assert_eq!(matches!(error, Error::FileNotFound { .. }), status == 404, "{error:?}");
        // Only a GET has a body with an explanation.
        assert_eq!(error.to_string().contains("the hub says: no"), code.is_none(), "{error}");
        assert_eq!(log.count(), if code.is_some() { 1 } else { 2 }, "{log}");
        stage.hub.clear_faults();
    }
    stage.locate(SHARD).await.unwrap();
    assert_eq!(stage.hub.log().method("GET").count(), 3, "a refusal is not for HEAD alone");
}

/// A mirror that answers `HEAD` with the bare minimum.
fn bare() -> Fault {
    Fault::Status { code: 200, headers: Vec::new(), body: String::new() }
}

#[tokio::test]
async fn a_hub_that_sends_files_itself_is_asked_once() {
    for without_head in [false, true] {
        let hub = local_hub::LocalHub::builder().files_in(env!("CARGO_TARGET_TMPDIR")).serves_files_itself();
        let stage = Stage::on(hub.start(), &ModelFixture::new(ID).lfs_file("empty", ""));
        let head = FaultTarget::resolve("").method("HEAD");
        stage.hub.fault(head, if without_head { Fault::status(405) } else { bare() }, Times::Forever);
        let place =
            |path: &str| format!("{}/user/model/resolve/{}/{path}", stage.hub.endpoint(), stage.model.commit);
        let first = if without_head { "empty" } else { "params_shard_1.bin" };
        for path in [first, SHARD, "mlc-chat-config.json"] {
            let found = stage.locate(path).await.unwrap();
            assert_eq!(found.url.as_str(), place(path));
            assert_eq!(found.authorization.unwrap(), format!("Bearer {TOKEN}"));
            assert_eq!((found.sha256, found.expires_at), (None, None));
        }
        let asked = 1 + usize::from(without_head);
        assert_eq!(stage.hub.log().count(), asked, "{}", stage.hub.log());
        // A second call means that the address was refused, and asks for the reason.
        stage.hub.clear_faults();
        stage.hub.fault(FaultTarget::resolve(SHARD), Fault::status(404), Times::Forever);
        let error = stage.locate(SHARD).await.unwrap_err();
        assert!(matches!(error, Error::FileNotFound { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_hub_that_redirects_is_asked_for_each_file() {
    let stage = Stage::usual();
    for path in [SHARD, "params_shard_1.bin", "README.md", "mlc-chat-config.json"] {
        stage.locate(path).await.unwrap();
    }
    assert_eq!(stage.hub.log().resolve().count(), 4, "{}", stage.hub.log());
}
