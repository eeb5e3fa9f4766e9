//! Stores in folders.

use url_parse::{CommitId, ErrorKind};
use weight_store::{BlobPlace, Error};

use crate::support::{Stage, ago, chain, in_folder, record};

/// A USB stick that is not mounted must not look like an empty store, and nothing may be written in its
/// place.
#[tokio::test]
async fn a_folder_that_is_missing_is_an_error() {
    let stage = Stage::new();
    let root = stage.folder.path().join("stick");
    let store = in_folder(&root);
    let commit = CommitId::from_bytes([1; 20]);
    let blob = stage.blob(b"x");
    for error in [
        store.find_pack(&commit).await.unwrap_err(),
        store.info().await.unwrap_err(),
        store.init().await.unwrap_err(),
        store.put_blob(&blob, true).await.unwrap_err(),
        store.put_ref(&stage.name(), &record(1, ago(1))).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Disk);
        assert!(chain(&error).contains(&root.display().to_string()), "{}", chain(&error));
    }
    assert!(!root.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_plain_files_are_read() {
    let stage = Stage::new();
    let root = stage.folder.path().join("store");
    std::fs::create_dir_all(root.join("packs")).unwrap();
    let commit = CommitId::from_bytes([1; 20]);
    let pipe = root.join(format!("packs/{commit}.pack"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = in_folder(&root).find_pack(&commit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disk);
    std::fs::remove_file(&pipe).unwrap();
    std::fs::write(root.join("pack"), "PACK").unwrap();
    std::os::unix::fs::symlink("../pack", &pipe).unwrap();
    let error = in_folder(&root).find_pack(&commit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disk);
}

#[tokio::test]
async fn names_on_disk() {
    let stage = Stage::new();
    let root = stage.folder.path().join("a store");
    std::fs::create_dir(&root).unwrap();
    let store = in_folder(&root);
    assert_eq!(store.url().to_string(), url_parse::Url::from_file_path(&root).unwrap().as_str());
    store.init().await.unwrap();
    store.put_ref(&stage.name(), &record(1, ago(1))).await.unwrap();
    let path = root.join("refs/huggingface.co/mlc-ai/!tiny-q4f16_1-!m!l!c/refs!!2fpr!!2f1.json");
    assert!(path.is_file());
    let blob = stage.blob(b"x");
    store.put_blob(&blob, false).await.unwrap();
    let BlobPlace::File(path) = store.locate(&blob.id).await.unwrap() else { panic!() };
    assert_eq!(path, root.join(format!("blobs/sha256/{}", blob.id)));
    #[cfg(unix)]
    for path in [path, root.join("mlc-weights-store.json"), root.join("blobs")] {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o002, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn an_oversized_or_later_description_is_refused() {
    let stage = Stage::new();
    let root = stage.folder.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let store = in_folder(&root);
    std::fs::write(root.join("mlc-weights-store.json"), vec![b' '; 65 << 10]).unwrap();
    assert!(matches!(store.info().await.unwrap_err(), Error::TooLarge { .. }));
    std::fs::write(root.join("mlc-weights-store.json"), r#"{"format":2}"#).unwrap();
    let error = store.init().await.unwrap_err();
    assert!(matches!(error, Error::LaterFormat { format: 2, .. }));
    assert!(chain(&error).contains("mlc-weights-store.json has format 2"), "{}", chain(&error));
}
