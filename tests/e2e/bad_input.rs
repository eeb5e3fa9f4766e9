//! Unusable repositories, hubs and homes: a clear error, and nothing outside the private folder.

use std::path::PathBuf;

use facade::{Error, ErrorKind};
use local_hub::{Access, Fault, FaultTarget, Manifests, ModelFixture, RawTarget, Times};

use crate::world::{World, request};

/// Checks that a download failed with this kind of error and these words in its message or causes, and
/// left nothing visible.
#[track_caller]
fn refused(world: &World, outcome: Result<facade::Model, Error>, kind: ErrorKind, words: &[&str]) {
    let error = outcome.unwrap_err();
    let message = messages(&error);
    assert_eq!(error.kind(), kind, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in {message:?}");
    }
    assert!(world.visible_files().is_empty(), "{:?}", world.visible_files());
}

fn messages(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

async fn check(fixture: ModelFixture, kind: ErrorKind, words: &[&str]) {
    let (world, published) = World::with(&fixture);
    let outcome = world.download(&published).await;
    refused(&world, outcome, kind, words);
    assert_eq!(world.hub.log().data().count(), 0, "no shard is fetched");
}

fn with_manifest(json: &str) -> ModelFixture {
    ModelFixture::new("mlc-ai/bad").manifest_bytes(json)
}

fn record(data_path: &str) -> String {
    format!(
        r#"{{"metadata": {{}}, "records": [{{"dataPath": {data_path}, "format": "raw-shard", "nbytes": 98304, "records": []}}]}}"#
    )
}

#[tokio::test]
async fn repositories_that_are_no_mlc_models() {
    let new = || ModelFixture::new("mlc-ai/bad");
    check(new().manifests(Manifests::None), ErrorKind::Refused, &["tensor-cache.json or ndarray-cache.json"])
        .await;
    check(new().without_config(), ErrorKind::Refused, &["has no mlc-chat-config.json"]).await;
    let shard_is_missing = with_manifest(&record(r#""params_shard_9.bin""#));
    check(shard_is_missing, ErrorKind::Refused, &["params_shard_9.bin", "does not contain"]).await;
    check(new().empty_repository(), ErrorKind::Refused, &["mlc-ai/bad", "empty repository"]).await;
    check(new().head("nowhere"), ErrorKind::Refused, &["mlc-ai/bad", "no revision"]).await;
}

/// Every other form is a row in shard-fetch's tests of manifests.
#[tokio::test]
async fn manifests_that_cannot_be_used() {
    let refused = ErrorKind::Refused;
    check(with_manifest("not json"), refused, &["tensor-cache.json", "JSON"]).await;
    check(with_manifest(r#"{"records": []}"#), refused, &["tensor-cache.json", "no shards"]).await;
    check(ModelFixture::new("mlc-ai/bad").config_bytes("{"), refused, &["mlc-chat-config.json"]).await;
}

#[tokio::test]
async fn a_path_that_leaves_the_directory_is_refused_by_record() {
    let words = ["tensor-cache.json", "records[0].dataPath"];
    check(with_manifest(&record(r#""a/../../x""#)), ErrorKind::Integrity, &words).await;
}

#[tokio::test]
async fn entries_of_the_repository_that_are_refused_by_name() {
    let new = || ModelFixture::new("mlc-ai/bad");
    let integrity = ErrorKind::Integrity;
    check(new().symlink("link.json", "/etc/passwd"), integrity, &["link.json", "a symbolic link"]).await;
    check(new().submodule("vendor/other"), integrity, &["vendor/other", "a submodule"]).await;
    let target = RawTarget::Blob(b"x".to_vec());
    check(new().raw_entry("100644", "..", target), integrity, &["mlc-ai/bad", "path"]).await;
}

#[tokio::test]
async fn sizes_that_contradict_each_other_are_found_before_any_shard() {
    let fixture = ModelFixture::new("mlc-ai/bad").stated_size(1, 12);
    check(fixture, ErrorKind::Integrity, &["params_shard_1.bin", "12 bytes", "65536 bytes"]).await;
}

#[tokio::test]
async fn refusals_of_a_hub_are_reported() {
    let world = World::new();
    let asked = "HF://mlc-ai/missing".parse().unwrap();
    let outcome = world.downloader().download(asked).await;
    refused(
        &world,
        outcome,
        ErrorKind::Refused,
        &["mlc-ai/missing", "needs a token", "Invalid username or password"],
    );

    let (world, published) =
        World::with(&ModelFixture::new("mlc-ai/gated").access(Access::Gated(Vec::new())));
    let outcome = world.download(&published).await;
    let page = format!("{}/mlc-ai/gated", world.hub.endpoint());
    refused(&world, outcome, ErrorKind::Refused, &["mlc-ai/gated is gated", &page]);
}

#[tokio::test]
async fn an_unreachable_hub_is_reported() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let downloader = world.builder().endpoint("http://127.0.0.1:9".parse().unwrap()).build().unwrap();
    let outcome = downloader.download(request(&published)).await;
    refused(&world, outcome, ErrorKind::Network, &["mlc-ai/tiny", "attempts", "127.0.0.1:9"]);
}

#[tokio::test]
async fn signed_queries_and_tokens_are_in_no_message() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::status(418), Times::Forever);
    let token = facade::Token::new("hf_very_secret").unwrap();
    let downloader = world.builder().token(token).build().unwrap();
    let error = downloader.download(request(&published)).await.unwrap_err();
    let shown = format!("{} {error:?} {downloader:?}", messages(&error));
    for secret in ["hf_very_secret", "Signature", "Policy="] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
    assert!(world.hub.log().hub().count() > 0);
    assert_eq!(world.hub.log().hub().with_header("authorization").count(), world.hub.log().hub().count());
    assert!(world.hub.log().data().with_header("authorization").is_empty());
}

#[tokio::test]
async fn homes_that_cannot_be_used() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let file = world.beside("file");
    std::fs::write(&file, "").unwrap();
    let mut unusable: Vec<PathBuf> = vec![file.clone(), file.join("below")];
    if cfg!(target_os = "linux") {
        // Even root cannot create a folder there.
        unusable.push("/proc/nonexistent/home".into());
    }
    for home in unusable {
        let downloader = world.builder().home(&home).build().unwrap();
        let error = downloader.download(request(&published)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disk, "{error}");
        assert!(messages(&error).contains(home.to_str().unwrap()), "{}", messages(&error));
    }
    assert!(world.hub.log().is_empty(), "found out before any request");
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}
