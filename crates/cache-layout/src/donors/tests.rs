use url_parse::CommitId;

use super::*;
use crate::config::CacheConfig;
use crate::receipt::ReceiptFile;
use crate::staging::Purpose;
use crate::testing;

const SHA256: [u8; 32] = [7; 32];

fn wanted() -> HashSet<([u8; 32], u64)> {
    HashSet::from([(SHA256, 4), ([8; 32], 4)])
}

/// An entry with one file of 4 bytes and a receipt that lists it.
fn publish(layout: &CacheLayout, model: &str) -> PathBuf {
    let slot = layout.slot(&model.parse().unwrap());
    let mut receipt = Receipt::new(CommitId::from_bytes([1; 20]), [0; 32]);
    let path = "params/shard".parse().unwrap();
    receipt.files = vec![ReceiptFile { path, size: 4, sha256: Some(SHA256), md5: None }];
    testing::write(slot.receipt_file().path(), std::str::from_utf8(&receipt.to_json()).unwrap());
    let file = slot.entry().join("params/shard");
    testing::write(&file, "four");
    file
}

fn found(layout: &CacheLayout) -> Option<PathBuf> {
    let mut donors = layout.donors(&wanted(), &|| true);
    donors.remove(&SHA256)
}

#[test]
fn receipts_say_where_a_digest_is() {
    let folder = testing::folder();
    let (layout, _) = testing::cache(&folder);
    assert_eq!(found(&layout), None);
    let file = publish(&layout, "other/model@v1");
    testing::write(&layout.private().join("receipts/other+broken.json"), "{");
    assert_eq!(found(&layout), Some(file.clone()));
    assert!(layout.donors(&wanted(), &|| false).is_empty());
    testing::write(&file, "longer");
    assert_eq!(found(&layout), None);
    fs::remove_file(&file).unwrap();
    assert_eq!(found(&layout), None);
}

#[test]
fn a_read_only_tier_that_is_another_cache_helps_too() {
    let folder = testing::folder();
    let (other, _) = testing::cache(&folder);
    let file = publish(&other, "user/repo");
    let config = CacheConfig {
        read_only: vec![other.home().join("model_weights")],
        ..CacheConfig::new(folder.path().join("mine"))
    };
    let layout = CacheLayout::new(config).unwrap();
    assert_eq!(found(&layout), Some(file));
}

#[test]
fn a_copy_is_independent_of_the_original() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let from = publish(&layout, "other/model");
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    run.copy_in(&from, &"a/b".parse().unwrap(), &|| true).unwrap();
    let copy = run.tree().join("a/b");
    fs::write(&from, "else").unwrap();
    assert_eq!(fs::read_to_string(&copy).unwrap(), "four");
    fs::write(&copy, "mine").unwrap();
    assert_eq!(fs::read_to_string(&from).unwrap(), "else");
}

#[test]
fn a_failed_copy_leaves_nothing() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
    let path = |name: &str| name.parse().unwrap();
    for absent in [folder.path().join("absent"), folder.path().to_path_buf()] {
        run.copy_in(&absent, &path("copy"), &|| true).unwrap_err();
    }
    #[cfg(unix)]
    {
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        run.copy_in(&pipe, &path("copy"), &|| true).unwrap_err();
    }
    assert_eq!(testing::listing(run.tree()).len(), 0);
    let from = publish(&layout, "other/model");
    fs::write(run.tree().join("taken"), "tree").unwrap();
    run.copy_in(&from, &path("taken"), &|| true).unwrap_err();
    assert_eq!(fs::read_to_string(run.tree().join("taken")).unwrap(), "tree");
}
