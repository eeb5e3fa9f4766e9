//! Recorded responses of the real hub, header for header.

use std::time::{Duration, SystemTime};

use hf_transport::{Error, ErrorKind};
use local_hub::{Fault, FaultTarget, Times};

use crate::support::{ID, Stage, hex};

const SHARD: &str = "params_shard_0.bin";
const CONFIG: &str = "mlc-chat-config.json";
const SHA256: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
const XET_HASH: &str = "8b8a3b1a8b4c1b8d5e1f0a7e6c3d2b1a0f9e8d7c6b5a49382716050413f2e1d0";
const COMMIT: &str = "5f91d94bd9cd7190a9f3216ff93cd1dd95f2c7be";
const BLOB: &str = "10c66461e4c109db5a2196bff4bb59be30396ed8";
const EXPOSED: &str = "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash";
const CHALLENGE: (&str, &str) =
    ("www-authenticate", "Bearer realm=\"Authentication required\", charset=\"UTF-8\"");
const LIMIT: (&str, &str) = ("ratelimit", "\"resolvers\";r=2998;t=172");
const POLICY: (&str, &str) = ("ratelimit-policy", "\"fixed window\";\"resolvers\";q=3000;w=300");
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");

fn recorded(code: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Fault::Status { code, headers, body: body.to_owned() }
}

/// The response to `/resolve/` for a large file, with the `Content-Length` of the redirect's own text.
fn large_file(location: &str) -> Fault {
    let link = format!(
        "</api/models/{ID}/xet-read-token/{COMMIT}>; rel=\"xet-auth\", <https://cas-server.xethub.hf.co/v1/reconstructions/{XET_HASH}>; rel=\"xet-reconstruction-info\""
    );
    let etag = format!("\"{SHA256}\"");
    recorded(
        302,
        &[
            TEXT,
            ("content-length", "994"),
            ("accept-ranges", "bytes"),
            ("cache-control", "no-store"),
            ("vary", "Origin, Accept"),
            ("location", location),
            ("link", &link),
            ("x-repo-commit", COMMIT),
            ("x-linked-size", "125162496"),
            ("x-linked-etag", &etag),
            ("x-xet-hash", XET_HASH),
            ("x-powered-by", "huggingface-moon"),
            (
                "x-hf-warning",
                "unauthenticated; Warning: You are sending unauthenticated requests to the HF Hub.",
            ),
            ("access-control-expose-headers", EXPOSED),
            LIMIT,
            POLICY,
        ],
        "Found. Redirecting to the data host",
    )
}

#[tokio::test]
async fn a_large_file_is_located_as_recorded() {
    let stage = Stage::usual();
    let location = format!(
        "https://us.aws.cdn.hf.co/xet-bridge-us/621ffdc036468d709f174328/{XET_HASH}?Expires=1790000000&Hash-Algorithm=SHA256&Key-Pair-Id=K2L8F4GPSG1IFC&Policy=eyJTdGF0ZW1lbnQi~-__&Signature=abc~DEF-__&X-Xet-Cas-Uid=public&response-content-disposition=inline%3B+filename*%3DUTF-8%27%27x&user_id=public"
    );
    stage.hub.fault(FaultTarget::resolve(SHARD), large_file(&location), Times::Once);
    let found = stage.locate(SHARD).await.unwrap();
    assert_eq!(found.url.as_str(), location, "the whole query is signed");
    assert_eq!(found.size, Some(125_162_496));
    assert_eq!(found.sha256.map(|sha256| hex(&sha256)).as_deref(), Some(SHA256));
    assert_eq!(found.expires_at, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)));
    assert_eq!(found.authorization, None);
}

/// The response to `/resolve/` for a plain file.
fn small_file() -> Fault {
    let location = format!(
        "/api/resolve-cache/models/{ID}/{COMMIT}/{CONFIG}?%2F{ID}%2Fresolve%2Fmain%2F{CONFIG}=&etag=%22{BLOB}%22"
    );
    let etag = format!("\"{BLOB}\"");
    recorded(
        307,
        &[
            TEXT,
            ("content-length", "232"),
            ("location", &location),
            ("x-repo-commit", COMMIT),
            ("x-linked-etag", &etag),
            ("accept-ranges", "bytes"),
            LIMIT,
            POLICY,
        ],
        "",
    )
}

fn small_files_bytes() -> Fault {
    let etag = format!("\"{BLOB}\"");
    recorded(
        200,
        &[
            TEXT,
            ("etag", &etag),
            ("content-length", "665"),
            ("x-repo-commit", COMMIT),
            (
                "content-disposition",
                "inline; filename*=UTF-8''mlc-chat-config.json; filename=\"mlc-chat-config.json\";",
            ),
            ("content-security-policy", "default-src 'none'; sandbox"),
        ],
        "",
    )
}

#[tokio::test]
async fn a_small_file_is_located_as_recorded() {
    let stage = Stage::usual();
    stage.hub.fault(FaultTarget::resolve(CONFIG), small_file(), Times::Once);
    stage.hub.fault(FaultTarget::resolve_cache(CONFIG), small_files_bytes(), Times::Once);
    let found = stage.locate(CONFIG).await.unwrap();
    assert_eq!(found.url.path(), format!("/api/resolve-cache/models/{ID}/{COMMIT}/{CONFIG}"));
    assert_eq!((found.size, found.sha256), (Some(665), None));
    assert!(found.authorization.is_some(), "the bytes are at the hub");
}

#[tokio::test]
async fn a_rename_before_either() {
    let renamed =
        |path: &str| recorded(307, &[TEXT, ("location", &format!("/{ID}/resolve/{COMMIT}/{path}"))], "");
    let stage = Stage::usual();
    for (path, answer) in [(CONFIG, small_file()), (SHARD, large_file("https://us.aws.cdn.hf.co/x"))] {
        stage.hub.fault(FaultTarget::resolve(path), renamed(path), Times::Once);
        stage.hub.fault(FaultTarget::resolve(path), answer, Times::Once);
        stage.hub.fault(FaultTarget::resolve_cache(path), small_files_bytes(), Times::Once);
        assert!(stage.locate(path).await.unwrap().size.is_some());
    }
    assert_eq!(stage.hub.log().count(), 5);
}

/// A refusal as sent to git and to `/resolve/`.
async fn check(fault: Fault, variant: &str, kind: ErrorKind, words: &[&str]) {
    let stage = Stage::usual();
    stage.hub.fault(FaultTarget::resolve(SHARD), fault.clone(), Times::Once);
    check_error(&stage.locate(SHARD).await.unwrap_err(), variant, kind, words);
    stage.hub.fault(FaultTarget::info_refs(ID), fault, Times::Once);
    // git does not ask for single files.
    if variant != "FileNotFound" {
        check_error(&stage.fetch_error().await, variant, kind, words);
    }
    assert_eq!(stage.hub.log().resolve().count(), 1, "a refusal is one answer");
}

#[track_caller]
fn check_error(error: &Error, variant: &str, kind: ErrorKind, words: &[&str]) {
    assert!(format!("{error:?}").starts_with(variant), "{variant}: {error:?}");
    assert_eq!(error.kind(), kind, "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is missing in {error}");
    }
}

#[tokio::test]
async fn each_recorded_refusal_is_recognized() {
    use ErrorKind::{Network, Refused};
    let id = ("x-request-id", "Root=1-6a61b7f2-0c4f3d5e");
    let coded = |status, code, words, more: &[(&str, &str)]| {
        let headers = [&[TEXT, LIMIT, POLICY, id, ("x-error-code", code), ("x-error-message", words)], more];
        recorded(status, &headers.concat(), words)
    };
    let uncoded = |status, words, more: &[(&str, &str)]| {
        let headers = [&[TEXT, LIMIT, POLICY, id, ("x-error-message", words)], more];
        recorded(status, &headers.concat(), words)
    };
    let shown = "(request Root=1-6a61b7f2-0c4f3d5e)";
    let entry = [("x-repo-commit", COMMIT), ("etag", "W/\"f-mY2VvLxuxB7KhsoOdQTlMTccuAQ\"")];
    check(
        coded(404, "EntryNotFound", "Entry not found", &entry),
        "FileNotFound",
        Refused,
        &["has no file `params_shard_0.bin`", shown],
    )
    .await;
    let revision = "Invalid rev id: does-not-exist";
    check(coded(404, "RevisionNotFound", revision, &[]), "RevisionNotFound", Refused, &[revision, shown])
        .await;
    check(
        uncoded(401, "Invalid username or password.", &[CHALLENGE]),
        "MissingOrPrivate",
        Refused,
        &["is missing, or the access token may not read it", "Invalid username or password."],
    )
    .await;
    check(
        coded(404, "RepoNotFound", "Repository not found", &[]),
        "MissingOrPrivate",
        Refused,
        &["is missing, or the access token may not read it", "Repository not found"],
    )
    .await;
    check(
        uncoded(401, "Invalid credentials in Authorization header", &[CHALLENGE]),
        "BadToken",
        Refused,
        &["does not accept the access token"],
    )
    .await;
    let restricted = "Access to model user/model is restricted. You must have access to it and be authenticated to access it. Please log in.";
    check(
        coded(401, "GatedRepo", restricted, &[CHALLENGE]),
        "Gated",
        Refused,
        &["its owner grants access at http://127.0.0.1", "/user/model", restricted],
    )
    .await;
    let not_listed = "Access to model user/model is restricted and you are not in the authorized list. Visit https://huggingface.co/user/model to ask for access.";
    check(
        coded(403, "GatedRepo", not_listed, &[]),
        "Gated",
        Refused,
        &["its owner grants access at", not_listed],
    )
    .await;
    check(
        uncoded(403, "Access to this resource is disabled.", &[]),
        "Disabled",
        Refused,
        &["has been disabled by the hub"],
    )
    .await;
    let used_up = [TEXT, ("ratelimit", "\"resolvers\";r=0;t=1"), POLICY, id];
    check(
        recorded(429, &used_up, "We had to rate limit you."),
        "RateLimited",
        Network,
        &["too many requests", shown],
    )
    .await;
    check(recorded(416, &[TEXT], ""), "UnexpectedStatus", Refused, &["returned status 416"]).await;
}

#[tokio::test]
async fn words_in_json_and_in_a_page() {
    let refused = |headers: &[(&str, &str)], body: &str| recorded(404, headers, body);
    let stage = Stage::usual();
    for (fault, words) in [
        (
            refused(
                &[JSON, ("x-error-code", "RevisionNotFound")],
                "{\"error\":\"Invalid rev id: does-not-exist\"}",
            ),
            "the hub says: Invalid rev id: does-not-exist",
        ),
        (
            recorded(
                503,
                &[("content-type", "text/html")],
                "<html><title>Down for maintenance</title></html>",
            ),
            "the hub says: a web page, \"Down for maintenance\"",
        ),
    ] {
        stage.hub.fault(FaultTarget::info_refs(ID), fault, Times::Once);
        let error = stage.fetch_error().await;
        assert!(error.to_string().ends_with(words), "{error}");
    }
}

#[tokio::test]
async fn an_echo_of_the_token_is_not_passed_on() {
    let stage = Stage::usual();
    let echo = recorded(401, &[TEXT], "hf_s3cret is not a token I know");
    stage.hub.fault(FaultTarget::info_refs(ID), echo, Times::Once);
    let error = stage.fetch_error().await;
    assert!(error.to_string().contains("the hub says: … is not a token I know"), "{error}");
}
