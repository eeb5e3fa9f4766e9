//! Stores on web servers.

use local_hub::{LocalWebStore, WebStoreSettings};
use url_parse::{CommitId, ErrorKind};
use weight_store::{Error, Put, RefPut, Store, StoreSettings};

use crate::support::{Stage, ago, chain, open, record};

fn store_on(server: &LocalWebStore) -> Store {
    open(&format!("{}/models", server.url()), &StoreSettings::default())
}

fn commit() -> CommitId {
    CommitId::from_bytes([1; 20])
}

/// Method, path and status of all requests, with random parts removed.
fn seen(server: &LocalWebStore) -> Vec<String> {
    let line = |request: local_hub::WebStoreRequest| {
        let path = request.path.split(".tmp-").next().unwrap_or_default().to_owned();
        let mark = if path.len() < request.path.len() { "~" } else { "" };
        format!("{} {path}{mark} {}", request.method, request.status)
    };
    server.requests().into_iter().map(line).collect()
}

#[tokio::test]
async fn a_blob_is_moved_to_its_name() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    let blob = stage.blob(b"weights");
    store_on(&server).put_blob(&blob, false).await.unwrap();
    let path = format!("/models/blobs/sha256/{}", blob.id);
    assert_eq!(
        seen(&server),
        [format!("HEAD {path} 404"), format!("PUT {path}~ 201"), format!("MOVE {path}~ 201")]
    );
    let request = server.requests().pop().unwrap();
    let header =
        |name| request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str());
    let to = format!("{}{path}", server.url());
    assert_eq!((header("destination"), header("overwrite")), (Some(to.as_str()), Some("F")));
}

/// A proxy in front of it may have changed its URL.
#[tokio::test]
async fn a_server_may_not_know_its_own_url() {
    let settings = WebStoreSettings { knows_another_url: true, ..Default::default() };
    let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
    let blob = stage.blob(b"weights");
    assert_eq!(store_on(&server).put_blob(&blob, false).await.unwrap(), Put::Written);
    assert_eq!(server.paths(), [format!("/models/blobs/sha256/{}", blob.id)]);
}

/// A blob cut short is written again without `replace`.
#[tokio::test]
async fn a_blob_of_another_size_is_replaced() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    let blob = stage.blob(b"weights");
    let path = format!("/models/blobs/sha256/{}", blob.id);
    server.put(&path, "weigh");
    assert_eq!(store_on(&server).put_blob(&blob, false).await.unwrap(), Put::Written);
    assert_eq!(server.get(&path).unwrap(), "weights");
}

/// Two writers of the same blob: the second finds it there when it is done.
#[tokio::test]
async fn the_second_writer_of_a_blob_succeeds_too() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    let (store, blob) = (store_on(&server), stage.blob(b"weights"));
    server.put(&format!("/models/blobs/sha256/{}", blob.id), "weights");
    server.refuse("blobs", 404);
    assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::Written);
    assert_eq!(server.paths(), [format!("/models/blobs/sha256/{}", blob.id)]);
}

#[tokio::test]
async fn folders_are_created_where_they_are_missing() {
    let settings = WebStoreSettings { wants_folders: true, ..Default::default() };
    let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
    let blob = stage.blob(b"weights");
    store_on(&server).put_blob(&blob, false).await.unwrap();
    let path = format!("/models/blobs/sha256/{}", blob.id);
    let folders = ["/models/blobs/sha256/ 409", "/models/blobs/ 409", "/models/ 201", "/models/blobs/ 201"];
    let mut expected = vec![format!("HEAD {path} 404"), format!("PUT {path}~ 409")];
    expected.extend(folders.iter().map(|folder| format!("MKCOL {folder}")));
    expected.push("MKCOL /models/blobs/sha256/ 201".to_owned());
    expected.extend([format!("PUT {path}~ 201"), format!("MOVE {path}~ 201")]);
    assert_eq!(seen(&server), expected);
}

/// An aborted attempt leaves nothing behind, and the message says that the server cannot rename.
#[tokio::test]
async fn a_server_without_move_needs_a_setting() {
    let settings = WebStoreSettings { knows_no_move: true, ..Default::default() };
    let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
    let blob = stage.blob(b"weights");
    let error = store_on(&server).put_blob(&blob, false).await.unwrap_err();
    assert!(chain(&error).contains("cannot rename to http://127.0.0.1"), "{}", chain(&error));
    assert!(server.paths().is_empty(), "{:?}", server.paths());
}

/// A wrong blob is aborted before its end, so that no server ever has all of it, under any name.
#[tokio::test]
async fn a_wrong_blob_is_never_sent_whole() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    let blob = stage.mistaken(&vec![7; 3 << 20]);
    let error = store_on(&server).put_blob(&blob, false).await.unwrap_err();
    assert!(matches!(error, Error::OtherContent { .. }), "{error:?}");
    assert!(
        !seen(&server).iter().any(|line| line.starts_with("PUT") && line.ends_with("201")),
        "{:?}",
        seen(&server)
    );
    assert!(server.paths().is_empty());
}

/// The ref changed between reading and writing, so it is read again.
#[tokio::test]
async fn a_ref_is_compared_again_when_another_was_faster() {
    let settings = WebStoreSettings { knows_conditions: true, ..Default::default() };
    let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
    let store = store_on(&server);
    store.init().await.unwrap();
    store.put_ref(&stage.name(), &record(1, ago(50))).await.unwrap();
    let before = server.requests().len();
    let rival = store.clone();
    // Both read and write; one of them is refused, reads again and decides again.
    let (name, one, later) = (stage.name(), record(2, ago(40)), record(3, ago(30)));
    let (one, two) = tokio::join!(store.put_ref(&name, &one), rival.put_ref(&name, &later));
    assert_eq!(two.unwrap(), RefPut::Written);
    assert!(matches!(one.unwrap(), RefPut::Written | RefPut::Later(_)));
    assert_eq!(store.find_ref(&name).await.unwrap().unwrap(), later);
    let after = server.requests();
    let conditions = after.iter().skip(before).filter(|request| request.method == "PUT");
    assert!(conditions.flat_map(|request| &request.headers).any(|(name, _)| name == "if-match"));
}

#[tokio::test]
async fn a_ref_that_others_keep_writing_is_an_error() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    server.put("/models/mlc-weights-store.json", r#"{"format":1,"conditional_put":true}"#);
    let store = store_on(&server);
    for _ in 0..5 {
        // Reading it, and writing it.
        server.refuse("refs/", 404);
        server.refuse("refs/", 412);
    }
    let error = store.put_ref(&stage.name(), &record(1, ago(1))).await.unwrap_err();
    assert!(matches!(error, Error::Contended { .. }), "{error:?}");
    assert_eq!(store.put_ref(&stage.name(), &record(1, ago(1))).await.unwrap(), RefPut::Written);
}

/// A ref of a later format must not be overwritten; a file that is not a ref may be.
#[tokio::test]
async fn only_a_ref_of_a_known_format_is_overwritten() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    let store = store_on(&server);
    let path = "/models/refs/huggingface.co/mlc-ai/!tiny-q4f16_1-!m!l!c/refs!!2fpr!!2f1.json";
    server.put(path, r#"{"format":2}"#);
    let error = store.put_ref(&stage.name(), &record(1, ago(1))).await.unwrap_err();
    assert!(matches!(error, Error::LaterFormat { .. }), "{error:?}");
    server.put(path, "<html>");
    assert!(matches!(store.find_ref(&stage.name()).await.unwrap_err(), Error::Corrupt { .. }));
    assert_eq!(store.put_ref(&stage.name(), &record(1, ago(1))).await.unwrap(), RefPut::Written);
}

/// S3 answers 403 for a missing object if the caller may not list it.
#[tokio::test]
async fn a_refusal_is_absence_only_where_the_store_can_be_read() {
    let settings = WebStoreSettings { hides_absence: true, ..Default::default() };
    let server = LocalWebStore::start_with(settings);
    let error = store_on(&server).find_pack(&commit()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 403, .. }), "{error:?}");
    server.put("/models/mlc-weights-store.json", r#"{"format":1}"#);
    assert_eq!(store_on(&server).find_pack(&commit()).await.unwrap(), None);
}

#[tokio::test]
async fn refusals_and_failures_have_their_kinds() {
    let server = LocalWebStore::start();
    let store = store_on(&server);
    for (status, kind) in [(401, ErrorKind::Refused), (503, ErrorKind::Network), (500, ErrorKind::Network)] {
        server.refuse("packs/", status);
        let error = store.find_pack(&commit()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        let words = format!("cannot read {}/models/packs/{}.pack: status {status}", server.url(), commit());
        assert!(chain(&error).starts_with(&words), "{}", chain(&error));
    }
    server.refuse("packs/", 410);
    assert_eq!(store.find_pack(&commit()).await.unwrap(), None);
    server.put(&format!("/models/packs/{}.pack", commit()), vec![0; (64 << 20) + 1]);
    assert!(matches!(store.find_pack(&commit()).await.unwrap_err(), Error::TooLarge { .. }));
}

/// Packs may come from caches until one was wrong; refs never.
#[tokio::test]
async fn only_a_first_pack_may_come_from_a_cache() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    let store = store_on(&server);
    store.find_pack(&commit()).await.unwrap();
    store.find_pack_past_caches(&commit()).await.unwrap();
    store.find_ref(&stage.name()).await.unwrap();
    let is_fresh = |request: &local_hub::WebStoreRequest| {
        request.headers.iter().any(|(name, value)| name == "cache-control" && value == "no-cache")
    };
    let fresh: Vec<bool> = server.requests().iter().map(is_fresh).collect();
    assert_eq!(fresh, [false, true, true]);
}
