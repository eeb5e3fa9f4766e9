use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use shard_fetch::{ModelDirState, inspect_model_dir, inspect_model_dir_lacking};
use tempfile::TempDir;

use crate::scratch;

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 26331136\n";

/// A whole model with two shards of 3 and 2000 bytes.
fn whole() -> TempDir {
    let dir = scratch();
    let files = [
        ("mlc-chat-config.json", r#"{"tokenizer_files": ["tokenizer.json", "sub/vocab.json"]}"#),
        ("tokenizer.json", "{}"),
        ("sub/vocab.json", "{}"),
        (
            "tensor-cache.json",
            r#"{"records": [{"dataPath": "a.bin", "nbytes": 3}, {"dataPath": "sub/b.bin", "nbytes": 2000}]}"#,
        ),
        ("a.bin", "abc"),
        ("sub/b.bin", &"b".repeat(2000)),
    ];
    fs::create_dir(dir.path().join("sub")).unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn missing(dir: &Path) -> Vec<String> {
    match inspect_model_dir(dir) {
        ModelDirState::Missing(missing) => missing,
        state => panic!("{state:?}"),
    }
}

/// Checks what is missing from a whole model after `damage`.
#[track_caller]
fn check(damage: impl FnOnce(&Path), expected: &[&str]) {
    let dir = whole();
    damage(dir.path());
    assert_eq!(missing(dir.path()), expected);
}

fn remove(name: &'static str) -> impl FnOnce(&Path) {
    move |dir| fs::remove_file(dir.join(name)).unwrap()
}

fn write<'a>(name: &'static str, content: &'a str) -> impl FnOnce(&Path) + 'a {
    move |dir| fs::write(dir.join(name), content).unwrap()
}

#[test]
fn a_whole_model_may_have_a_manifest_of_either_name() {
    let dir = whole();
    assert_eq!(inspect_model_dir(dir.path()), ModelDirState::Whole);
    fs::rename(dir.path().join("tensor-cache.json"), dir.path().join("ndarray-cache.json")).unwrap();
    assert_eq!(inspect_model_dir(dir.path()), ModelDirState::Whole);
}

#[test]
fn files_that_are_not_there() {
    check(remove("mlc-chat-config.json"), &["mlc-chat-config.json: missing"]);
    check(remove("tokenizer.json"), &["tokenizer.json: missing"]);
    check(remove("sub/vocab.json"), &["sub/vocab.json: missing"]);
    check(remove("tensor-cache.json"), &["tensor-cache.json or ndarray-cache.json: missing"]);
    check(remove("sub/b.bin"), &["sub/b.bin: missing"]);
    check(
        |dir| {
            fs::remove_dir_all(dir.join("sub")).unwrap();
            fs::write(dir.join("sub"), "").unwrap();
        },
        &["sub/vocab.json: missing", "sub/b.bin: missing"],
    );
}

#[test]
fn files_of_another_kind_or_size() {
    check(write("a.bin", "ab"), &["a.bin: 2 bytes, expected 3"]);
    check(write("a.bin", &"a".repeat(5000)), &["a.bin: 5000 bytes, expected 3"]);
    check(
        |dir| {
            fs::remove_file(dir.join("a.bin")).unwrap();
            fs::create_dir(dir.join("a.bin")).unwrap();
        },
        &["a.bin: not a file"],
    );
    check(
        |dir| {
            fs::remove_file(dir.join("mlc-chat-config.json")).unwrap();
            fs::create_dir(dir.join("mlc-chat-config.json")).unwrap();
        },
        &["mlc-chat-config.json: not a file"],
    );
}

#[test]
fn pointers_are_not_the_files() {
    check(write("sub/b.bin", POINTER), &["sub/b.bin: 71 bytes of git-lfs pointer text, expected 2000"]);
    check(write("tokenizer.json", POINTER), &["tokenizer.json: 71 bytes of git-lfs pointer text"]);
    check(
        write("tensor-cache.json", POINTER),
        &["tensor-cache.json is git-lfs pointer text instead of the file's content"],
    );
    // Even if its length happens to be right.
    check(
        |dir| {
            let manifest = r#"{"records": [{"dataPath": "a.bin", "nbytes": 71}]}"#;
            fs::write(dir.join("tensor-cache.json"), manifest).unwrap();
            fs::write(dir.join("a.bin"), POINTER).unwrap();
        },
        &["a.bin: 71 bytes of git-lfs pointer text, expected 71"],
    );
}

#[test]
fn json_that_cannot_be_used() {
    check(
        write("mlc-chat-config.json", "{"),
        &["mlc-chat-config.json is not valid JSON near `{`: EOF while parsing an object at line 1 column 1"],
    );
    check(
        write("tensor-cache.json", r#"{"records": [{"dataPath": "../a", "nbytes": 1}]}"#),
        &["tensor-cache.json: records[0].dataPath must not be used as a path: \
           `../a` is not a path inside a repository: it has a component `.` or `..`"],
    );
}

#[test]
fn a_broken_manifest_is_not_replaced_by_the_other() {
    let dir = whole();
    fs::copy(dir.path().join("tensor-cache.json"), dir.path().join("ndarray-cache.json")).unwrap();
    fs::write(dir.path().join("tensor-cache.json"), "").unwrap();
    assert_eq!(missing(dir.path()).len(), 1);
}

#[test]
fn files_that_the_commit_lacks_are_not_required() {
    let dir = whole();
    fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    fs::remove_file(dir.path().join("a.bin")).unwrap();
    let lacking = BTreeSet::from(["tokenizer.json".parse().unwrap()]);
    assert_eq!(
        inspect_model_dir_lacking(dir.path(), &lacking),
        ModelDirState::Missing(vec!["a.bin: missing".to_owned()])
    );
    let both = BTreeSet::from(["tokenizer.json".parse().unwrap(), "a.bin".parse().unwrap()]);
    assert_eq!(inspect_model_dir_lacking(dir.path(), &both), ModelDirState::Whole);
}

#[test]
fn a_missing_directory_differs_from_an_empty_one() {
    let dir = scratch();
    assert_eq!(inspect_model_dir(&dir.path().join("none")), ModelDirState::NoDirectory);
    fs::write(dir.path().join("file"), "").unwrap();
    let path = dir.path().join("file");
    assert_eq!(missing(&path), [format!("{}: not a directory", path.display())]);
    assert_eq!(
        missing(dir.path()),
        ["mlc-chat-config.json: missing", "tensor-cache.json or ndarray-cache.json: missing"]
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_a_model_is_followed() {
    let dir = whole();
    let link = scratch();
    let path = link.path().join("model");
    std::os::unix::fs::symlink(dir.path(), &path).unwrap();
    assert_eq!(inspect_model_dir(&path), ModelDirState::Whole);
}
