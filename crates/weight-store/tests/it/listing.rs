//! Listing stores, and reading what was listed.

use std::fs;

use local_hub::{LocalWebStore, WebStoreSettings};
use url_parse::ErrorKind;
use weight_store::{BlobVerdict, Error, OnRead, StoreSettings};

use crate::support::{Stage, ago, chain, in_folder, open, record};

#[tokio::test]
async fn a_web_server_without_webdav_cannot_be_listed() {
    let settings = WebStoreSettings { cannot_list: true, ..Default::default() };
    let server = LocalWebStore::start_with(settings);
    let store = open(&format!("{}/models", server.url()), &StoreSettings::default());
    let error = store.list_refs().await.unwrap_err();
    assert!(matches!(error, Error::NotListable { status: 405, .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let words = format!("{}/models cannot be listed: its server does not answer as WebDAV", server.url());
    assert!(chain(&error).starts_with(&words), "{}", chain(&error));
}

/// A 404 for a folder may come from a server without WebDAV, which answers so to everything unknown.
#[tokio::test]
async fn a_folder_that_is_missing_is_empty_only_where_the_store_can_be_listed() {
    let server = LocalWebStore::start();
    let store = open(&format!("{}/models", server.url()), &StoreSettings::default());
    assert!(matches!(store.list_packs().await.unwrap_err(), Error::NotListable { status: 404, .. }));
    store.init().await.unwrap();
    assert!(store.list_packs().await.unwrap().known.is_empty());
    for (status, kind) in [(401, ErrorKind::Refused), (503, ErrorKind::Network)] {
        server.refuse("packs/", status);
        assert_eq!(store.list_packs().await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn other_files_are_counted_and_links_are_not_followed() {
    let stage = Stage::new();
    let root = stage.folder.path().join("store");
    fs::create_dir(&root).unwrap();
    let store = in_folder(&root);
    assert!(store.list_blobs().await.unwrap().known.is_empty());
    let blob = stage.blob(b"weights");
    store.put_blob(&blob, false).await.unwrap();
    store.put_ref(&stage.name(), &record(1, ago(1))).await.unwrap();
    let blobs = root.join("blobs/sha256");
    fs::write(blobs.join(format!("{}.tmp-0123456789abcdef", blob.id)), "wei").unwrap();
    fs::write(blobs.join("README"), "hands off").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&root, blobs.join("loop")).unwrap();
    let listed = store.list_blobs().await.unwrap();
    assert_eq!((listed.known, listed.others, listed.other_bytes), ([(blob.id, 7)].into(), 2, 12));

    let refs = root.join("refs/huggingface.co/mlc-ai");
    fs::create_dir_all(refs.join("other/too/deep")).unwrap();
    fs::write(refs.join("other/too/deep/main.json"), "{}").unwrap();
    fs::write(refs.join("other/Main.json"), "{}").unwrap();
    fs::write(refs.join("other/main.json"), "{}").unwrap();
    let listed = store.list_refs().await.unwrap();
    assert_eq!((listed.known.len(), listed.others), (2, 1));
    let other = &listed.known[1];
    assert_eq!(
        (other.model.to_string().as_str(), other.revision.as_ref().unwrap().as_str()),
        ("mlc-ai/other", "main")
    );
    let read = store.find_ref(&other.name()).await.unwrap_err();
    assert!(matches!(read, Error::Corrupt { .. }), "{read:?}");

    let missing = in_folder(&stage.folder.path().join("stick"));
    assert_eq!(missing.list_packs().await.unwrap_err().kind(), ErrorKind::Disk);
}

/// A listing shows what exists; only reading shows whether it is intact.
#[tokio::test]
async fn damaged_blobs_are_found_by_reading() {
    let (stage, server) = (Stage::new(), LocalWebStore::start());
    let on_the_web = open(&format!("{}/models", server.url()), &StoreSettings::default());
    let root = stage.folder.path().join("store");
    fs::create_dir(&root).unwrap();
    let blob = stage.blob(b"weights");
    for store in [on_the_web, in_folder(&root)] {
        store.put_blob(&blob, false).await.unwrap();
        for (bytes, words) in
            [("Weights", "another SHA-256"), ("weigh", "5 B of 7 B"), ("weights!", " of 7 ")]
        {
            server.put(&format!("/models/blobs/sha256/{}", blob.id), bytes);
            fs::create_dir_all(root.join("blobs/sha256")).unwrap();
            fs::write(root.join(format!("blobs/sha256/{}", blob.id)), bytes).unwrap();
            let verdict = store.inspect_blob(&blob.id, 7, &OnRead::default()).await.unwrap();
            let BlobVerdict::Wrong(problem) = verdict else { panic!("{verdict:?}") };
            assert!(problem.contains(words) || problem == "it has more than 7 bytes", "{problem}");
        }
    }
}
