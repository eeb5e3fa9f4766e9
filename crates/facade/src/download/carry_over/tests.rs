use cache_layout::{CacheConfig, CacheLayout, Purpose};

use super::*;

const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

#[track_caller]
fn check(path: &str, old: &[u8], new: &[u8], is_broken: bool) {
    assert_eq!(is_broken_copy(&path.parse().unwrap(), old, new), is_broken);
}

#[test]
fn a_broken_copy_is_distinguished_from_an_edit() {
    check("README.md", b"mine", b"theirs", false);
    check("README.md", b"the", b"theirs", true);
    check("README.md", b"", b"theirs", true);
    check("tokenizer.model", POINTER, b"theirs", true);
    check(CHAT_CONFIG_NAME, br#"{"temperature": 0.1}"#, br#"{"temperature": 0.7}"#, false);
    check(CHAT_CONFIG_NAME, br#"{"temperature": 0."#, br#"{"top_p": 0.7}"#, true);
}

/// The maximum number for a commit: the work per file must not grow with it.
#[test]
fn many_files_are_judged_quickly() {
    let file = |number: usize| RepoFile::plain(format!("{number}.txt").parse().unwrap(), 1);
    let files: Vec<_> = (0..100_000).map(file).collect();
    let commit = CommitId::from_bytes([1; 20]);
    let shards: Vec<_> =
        files.iter().map(|file| (file.path.clone(), Expected { size: 1, md5: None, sha256: None })).collect();
    let snapshot = RepoSnapshot::new(commit, url_parse::Proof::Git, files);
    let began = std::time::Instant::now();
    let new = Commit::new(&snapshot, &shards, &[]);
    assert!(snapshot.files.iter().all(|file| matches!(new.rule_for(&file.path), Rule::Done)));
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

/// In a cache shared by a group, another member may exchange a folder of the tree for a link.
#[cfg(unix)]
#[test]
fn nothing_is_removed_through_a_link_in_the_tree() {
    #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
    let folder = tempfile::tempdir().unwrap();
    let layout = CacheLayout::new(CacheConfig::new(folder.path().join("home"))).unwrap();
    let slot = layout.slot(&"user/repo".parse().unwrap());
    let outside = folder.path().join("outside");
    for folder in [&outside, &slot.entry().join("sub")] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("file"), "precious").unwrap();
    }
    let run = layout.begin_run(&slot, Purpose::Repair).unwrap();
    std::os::unix::fs::symlink(&outside, run.tree().join("sub")).unwrap();
    let commit = CommitId::from_bytes([1; 20]);
    let snapshot = RepoSnapshot::new(commit, url_parse::Proof::Git, Vec::new());
    let receipts = Receipts { about: None, last: None };
    let carried = carry_over(&run, slot.entry(), &Commit::new(&snapshot, &[], &[]), receipts, None);
    assert!(outside.join("file").exists());
    let error = carried.unwrap_err().to_string();
    assert!(error.contains("tree/sub"), "{error}");
}
