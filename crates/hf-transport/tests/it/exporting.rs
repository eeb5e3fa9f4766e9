//! A commit's files: written byte for byte, or listed.

use std::collections::BTreeMap;
use std::sync::Arc;

use hf_transport::{Error, ErrorKind, FileKind, LfsPointer};
use local_hub::{ModelFixture, RawTarget, Route};

use crate::support::{ID, Stage, hex, listing};

const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

#[tokio::test]
async fn a_model_is_listed_and_its_plain_files_are_written() {
    let stage = Stage::usual();
    let fetched = stage.fetch_whole().await;
    let plain = stage.model.files.iter().filter(|file| !file.lfs);
    let expected: BTreeMap<_, _> = plain.map(|file| (file.path.clone(), file.bytes())).collect();
    assert_eq!(listing(&fetched.tree), expected);
    for file in stage.model.lfs_files() {
        let listed = fetched.snapshot.files.iter().find(|listed| listed.path.as_str() == file.path).unwrap();
        let FileKind::Lfs(LfsPointer { oid, size }) = listed.kind else { panic!("{listed:?}") };
        assert_eq!((hex(&oid), size), (file.sha256.clone(), file.size), "{}", file.path);
    }
}

#[tokio::test]
async fn plain_files_are_written_verbatim() {
    let every_byte: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let files: &[(&str, &[u8])] = &[
        // Attributes that would make a checkout change contents.
        (".gitattributes", b"* text eol=crlf ident\n*.bin filter=lfs diff=lfs merge=lfs\n"),
        ("crlf.txt", b"one\r\ntwo\r\n"),
        ("lf.txt", b"one\ntwo\n$Id$\n"),
        ("mixed.txt", b"one\r\ntwo\nthree\r"),
        ("binary.bin", &every_byte),
        ("empty", b""),
        ("a/b/c/d/deep.json", b"{}"),
        ("a/b/beside.json", b"[]"),
        ("a b/with spaces .txt", b"1"),
        ("hash #1.txt", b"2"),
        ("percent %41%2e%2e.txt", b"3"),
        ("plus+brackets[0]^.txt", b"4"),
        ("\u{e9}t\u{e9}/\u{2603} \u{1f600}.txt", b"5"),
        ("-leading-dash", b"6"),
        (".hidden", b"7"),
        (".gitmodules", b"8"),
        ("a.git/config", b"9"),
    ];
    let fixture = ModelFixture::without_files(ID);
    let fixture = files.iter().fold(fixture, |fixture, (path, bytes)| fixture.plain_file(path, *bytes));
    let stage = Stage::new(&fixture);
    let fetched = stage.fetch_whole().await;

    let written = listing(&fetched.tree);
    let written: BTreeMap<_, _> = written.iter().filter(|(path, _)| !path.ends_with('/')).collect();
    let expected: BTreeMap<_, _> =
        files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    assert_eq!(written, expected.iter().collect());
}

#[cfg(unix)]
#[tokio::test]
async fn modes_follow_the_umask() {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    let content = || RawTarget::Blob(b"#!/bin/sh\n".to_vec());
    let fixture = ModelFixture::without_files(ID)
        .raw_entry("100755", "run.sh", content())
        .raw_entry("100775", "group-run.sh", content())
        .raw_entry("100644", "read.txt", content())
        .raw_entry("100664", "group-read.txt", content());
    let stage = Stage::new(&fixture);
    let fetched = stage.fetch().await.unwrap();

    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let reference = crate::scratch();
    let made_with = |bits: u32| {
        let path = reference.path().join(bits.to_string());
        std::fs::OpenOptions::new().write(true).create_new(true).mode(bits).open(&path).unwrap();
        mode(&path)
    };
    let (executable, plain) = (made_with(0o777), made_with(0o666));
    assert_ne!(executable, plain);
    for (name, expected) in
        [("run.sh", executable), ("group-run.sh", executable), ("read.txt", plain), ("group-read.txt", plain)]
    {
        assert_eq!(mode(&fetched.tree.join(name)), expected, "{name}");
    }
}

#[tokio::test]
async fn pointers_of_every_version_are_listed_and_not_written() {
    let pointer = |version: &str| format!("version {version}\noid sha256:{OID}\nsize 12345\n");
    let current = pointer("https://git-lfs.github.com/spec/v1");
    let stage = Stage::new(
        &ModelFixture::without_files(ID)
            .plain_file("current", current.clone())
            .plain_file("hawser", pointer("https://hawser.github.com/spec/v1"))
            .plain_file("media", pointer("http://git-media.io/v/2"))
            .plain_file("nested/no-line-end", current.trim_end())
            .plain_file("nested/crlf", current.replace('\n', "\r\n")),
    );
    let fetched = stage.fetch().await.unwrap();
    assert!(listing(&fetched.tree).is_empty(), "{:?}", listing(&fetched.tree));
    assert_eq!(fetched.snapshot.files.len(), 5);
    for file in &fetched.snapshot.files {
        let FileKind::Lfs(pointer) = file.kind else { panic!("{file:?}") };
        assert_eq!((file.size, pointer.size), (12_345, 12_345), "{file:?}");
        assert_eq!(pointer.oid[..3], [0x4d, 0x7a, 0x21], "{file:?}");
    }
}

#[tokio::test]
async fn text_that_only_resembles_a_pointer_is_a_file() {
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n");
    let padded = pointer.clone() + &"\n".repeat(1024);
    let files = [
        ("longer.txt", pointer.clone() + "And this is how a pointer looks.\n"),
        ("padded.txt", padded),
        ("version.txt", pointer.replace("spec/v1", "spec/v9")),
        ("digest.txt", pointer.replace("sha256", "sha512")),
        ("negative.txt", pointer.replace("12345", "-1")),
    ];
    let fixture = ModelFixture::without_files(ID);
    let fixture = files.iter().fold(fixture, |fixture, (path, text)| fixture.plain_file(path, text.as_str()));
    let stage = Stage::new(&fixture);
    let fetched = stage.fetch_whole().await;
    for (path, text) in &files {
        assert_eq!(fetched.read(path), text.as_bytes(), "{path}");
    }
}

#[tokio::test]
async fn pointers_with_extensions_are_refused() {
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\next-0-zip sha256:{OID}\noid sha256:{OID}\nsize 1\n"
    );
    let error = Stage::with_file("weights.bin", pointer).fetch_error().await;
    assert!(matches!(error, Error::UnusablePointer { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().starts_with("`weights.bin` of user/model is an LFS pointer"), "{error}");
}

#[tokio::test]
async fn the_length_of_the_history_costs_nothing() {
    let short = Stage::new(&ModelFixture::new(ID));
    short.fetch_whole().await;
    let long = Stage::new(&ModelFixture::new(ID).history(500, 50_000_000));
    long.fetch_whole().await;
    let (short, long) = (short.hub.log().git(), long.hub.log().git());
    for log in [&short, &long] {
        assert_eq!(log.route(Route::InfoRefs).count(), 1, "{log}");
        assert!(log.count() <= 3, "{log}");
    }
    let (base, bytes) = (short.bytes_sent(), long.bytes_sent());
    assert!(base > 0 && bytes * 10 <= base * 12, "{bytes} bytes with a history, {base} without");
}

#[tokio::test]
async fn the_commit_is_the_one_of_the_branch() {
    let mut stage = Stage::usual();
    stage.fetch_whole().await;
    stage.model = stage.hub.publish(&ModelFixture::new(ID).seed(2));
    stage.fetch_whole().await;
    stage.model = stage.hub.replace(&ModelFixture::new(ID).seed(3));
    stage.fetch_whole().await;
}

#[tokio::test]
async fn a_folder_that_was_discarded_does_not_come_back() {
    let stage = Stage::usual();
    let request = stage.request(None, Arc::new(()));
    let tree = request.export_to.clone();
    std::fs::remove_dir(&tree).unwrap();
    let error = stage.fetch_request(request).await.unwrap_err();
    assert!(matches!(error, Error::Disk(_)), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Disk);
    assert!(!tree.exists());
}

#[tokio::test]
async fn the_scratch_folder_must_exist() {
    let stage = Stage::usual();
    let mut request = stage.request(None, Arc::new(()));
    request.scratch_parent.push("missing");
    let error = stage.fetch_request(request).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot create a scratch folder in "), "{error}");
    assert!(!error.is_transient());
    assert!(stage.hub.log().is_empty());
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let stage = Stage::with_file("a.txt", "from the hub");
    let request = stage.request(None, Arc::new(()));
    let occupied = request.export_to.join("a.txt");
    std::fs::write(&occupied, "mine").unwrap();
    let error = stage.fetch_request(request).await.unwrap_err();
    assert!(error.to_string().contains("`a.txt`"), "{error}");
    assert_eq!(std::fs::read(&occupied).unwrap(), b"mine");
}
