use std::fs;

use super::*;
use crate::{CacheConfig, testing};

fn receipt() -> Receipt {
    let mut receipt = Receipt::new(CommitId::from_bytes([0xab; 20]), [1; 32]);
    receipt.made_at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let file = |path: &str| ReceiptFile { path: path.parse().unwrap(), size: 3, sha256: None, md5: None };
    receipt.files = vec![
        ReceiptFile { sha256: Some([2; 32]), md5: Some([3; 16]), ..file("params_shard_0.bin") },
        file("sub/README.md"),
    ];
    receipt.revision = Some("refs/pr/1".parse().unwrap());
    receipt.seen_at = Some(receipt.made_at);
    receipt.lacking = vec!["tokenizer.model".parse().unwrap()];
    receipt.proof = Some(Proof::Git);
    receipt.endpoint = Some("https://mirror.example/prefix".parse().unwrap());
    receipt.edits = vec![Edit { path: "sub/README.md".parse().unwrap(), sha256: [4; 32] }];
    receipt
}

#[test]
fn a_receipt_is_read_as_written() {
    let json = receipt().to_json();
    assert_eq!(serde_json::from_slice::<Receipt>(&json).unwrap(), receipt());
}

#[test]
fn an_unusable_receipt_is_ignored() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    assert_eq!(layout.receipt(&slot), None, "no private folder");
    let good = String::from_utf8(receipt().to_json()).unwrap();
    let check = |text: &str, expected: Option<Receipt>| {
        testing::write(&slot.receipt_file(), text);
        assert_eq!(layout.receipt(&slot), expected, "{text}");
    };
    check(&good, Some(receipt()));
    check(&good.replace("\"size\": 3", "\"size\": 3, \"of a later version\": []"), Some(receipt()));
    let older = Receipt { proof: None, endpoint: None, edits: Vec::new(), ..receipt() };
    check(&String::from_utf8(older.to_json()).unwrap(), Some(older));
    check(&good.replace("\"git\"", "\"faith\""), None);
    check(&good.replace("https://", "ftp://"), None);
    check(&good.replace("0404", "04"), None);
    check("", None);
    check("[]", None);
    check(&good.replace("\"version\": 1", "\"version\": 2"), None);
    check(&good.replace("abab", "ab"), None);
    check(&good.replace("0101", "01"), None);
    check(&good.replace("0303", "03x3"), None);
    check(&good.replace("sub/README", "../README"), None);
    check(&good.replace("refs/pr", "refs//pr"), None);
    check(&good.replace("1700000000", "-1"), None);
    check(&good.replace("1700000000", &u64::MAX.to_string()), None);
    let lacking = |files: usize| good.replace("\"tokenizer.model\"", &vec!["\"a\""; files].join(","));
    testing::write(&slot.receipt_file(), &lacking(100_000));
    assert_eq!(layout.receipt(&slot).unwrap().lacking.len(), 100_000);
    testing::write(&slot.receipt_file(), &lacking(100_001));
    assert_eq!(layout.receipt(&slot), None, "a longer list than any good one");

    fs::remove_file(slot.receipt_file()).unwrap();
    fs::create_dir(slot.receipt_file()).unwrap();
    assert_eq!(layout.receipt(&slot), None, "a folder");
}

#[test]
fn an_entry_leads_back_to_its_slot() {
    let folder = testing::folder();
    let layout = CacheLayout::new(CacheConfig::new(folder.path())).unwrap();
    let too_long = format!("user/repo@{}", "x".repeat(250));
    for model in ["user/repo", "user/repo@main", "user/repo@refs/pr/1", "user/repo@V1", &too_long] {
        let slot = layout.slot(&model.parse().unwrap());
        let mut receipt = Receipt::new("ab".repeat(20).parse().unwrap(), [7; 32]);
        receipt.revision = slot.model().revision().cloned();
        testing::write(&slot.receipt_file(), std::str::from_utf8(&receipt.to_json()).unwrap());
        let name = slot.entry().file_name().unwrap().to_str().unwrap();
        assert_eq!(layout.slot_of_entry("user", name).as_ref(), Some(&slot), "{name}");
        assert_eq!(layout.slot_of_file_name(slot.file_name()).as_ref(), Some(&slot), "{name}");
    }
    for (user, name) in [
        ("user", "repo@V1"),
        ("user", "repo@V2@0123456789abcdef"),
        ("user", "repo@V1@../x"),
        ("..", "repo"),
        ("user", "."),
    ] {
        assert_eq!(layout.slot_of_entry(user, name), None, "{user}/{name}");
    }
}
