//! What an S3 bucket signs and keeps: checksums, and the time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_hub::{LocalWebStore, WebStoreSettings};
use url_parse::{CommitId, ErrorKind};
use weight_store::{Error, Put, Store, StoreSettings};

use crate::support::{Stage, chain, content, id_of, open};

/// An S3 bucket on a server.
fn bucket(server: &LocalWebStore) -> Store {
    let variables = [
        ("AWS_ENDPOINT_URL", server.url()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "s3cret".to_owned()),
    ];
    let mut settings = StoreSettings::default();
    settings.variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    open("s3://models/mlc", &settings)
}

/// A damaged object of the right size is noticed if the server keeps a checksum.
#[tokio::test]
async fn an_object_with_another_checksum_is_replaced() {
    for keeps_checksums in [true, false] {
        let settings = WebStoreSettings { keeps_checksums, knows_conditions: true, ..Default::default() };
        let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
        let (store, blob) = (bucket(&server), stage.blob(b"weights"));
        let path = format!("/models/mlc/blobs/sha256/{}", blob.id);
        assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::Written);
        assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::WasThere);
        let rotten = STANDARD.encode(id_of(b"Weights").as_bytes());
        server.put_with_checksum(&path, "Weights", &rotten);
        assert_eq!(store.has_blob(&blob.id, 7).await.unwrap(), !keeps_checksums);
        let expected = if keeps_checksums { Put::Written } else { Put::WasThere };
        assert_eq!(store.put_blob(&blob, false).await.unwrap(), expected);
        assert_eq!(server.get(&path).unwrap(), if keeps_checksums { "weights" } else { "Weights" });
        // The checksum of a multipart upload says nothing about the whole.
        server.put_with_checksum(&path, "Weights", &format!("{rotten}-3"));
        assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::WasThere);
    }
}

/// A client whose clock is two hours off can read and write all the same.
#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_stores() {
    for ahead in [7200, -7200] {
        let settings =
            WebStoreSettings { clock_ahead: Some(ahead), knows_conditions: true, ..Default::default() };
        let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
        let refused = || server.requests().iter().filter(|request| request.status == 403).count();
        let blob = stage.blob(&vec![7; 100_000]);
        let writer = bucket(&server);
        writer.init().await.unwrap();
        assert_eq!(writer.put_blob(&blob, false).await.unwrap(), Put::Written);
        let commit = CommitId::from_bytes([1; 20]);
        writer.put_pack(&commit, "PACK".into(), false).await.unwrap();
        assert_eq!(refused(), 1, "it is learned once");
        assert!((writer.clock_offset() - ahead).abs() < 60, "{}", writer.clock_offset());

        // Writing alone reveals it too.
        let writer = bucket(&server);
        assert_eq!(writer.put_pack(&commit, "KCAP".into(), true).await.unwrap(), Put::Written);
        let reader = bucket(&server);
        assert_eq!(reader.find_pack(&commit).await.unwrap().unwrap(), "KCAP");
        assert_eq!(content(&reader, &blob.id).await.unwrap().len(), 100_000);
        assert!((reader.clock_offset() - ahead).abs() < 60);
    }
    let server = LocalWebStore::start();
    let store = bucket(&server);
    store.init().await.unwrap();
    assert_eq!(store.clock_offset(), 0);
    // If the server's clock agrees, a refusal is final.
    server.refuse("packs/", 403);
    server.refuse("mlc-weights-store.json", 403);
    let error = store.find_pack(&CommitId::from_bytes([1; 20])).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 403, .. }), "{}", chain(&error));
}

/// If requests cannot be signed with another time, the message names both times.
#[tokio::test]
async fn a_clock_that_cannot_be_corrected_is_named() {
    let settings = WebStoreSettings { clock_ahead: Some(7200), ..Default::default() };
    let (stage, server) = (Stage::new(), LocalWebStore::start_with(settings));
    let variables = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "me".to_owned()),
        ("AZURE_STORAGE_ACCOUNT_KEY", "czNjcmV0".to_owned()),
        ("AZURE_STORAGE_ENDPOINT", server.url()),
    ];
    let mut settings = StoreSettings::default();
    settings.variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let store = || open("az://box/mlc", &settings);
    server.refuse("mlc-weights-store.json", 403);
    let reading = store().info().await.unwrap_err();
    server.refuse("packs/", 404);
    server.refuse("packs/", 403);
    let writing = store().put_pack(&CommitId::from_bytes([1; 20]), "PACK".into(), false).await.unwrap_err();
    for error in [reading, writing] {
        assert!(matches!(error, Error::WrongClock { .. }), "{}", chain(&error));
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(chain(&error).contains(" by the clock of this machine and "), "{}", chain(&error));
    }
    drop(stage);
}
