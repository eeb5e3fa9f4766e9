use shard_fetch::{Error, ErrorKind, Expected, verify_file};

use crate::scratch;

fn abc() -> Expected {
    Expected {
        size: 3,
        md5: Some("900150983cd24fb0d6963f7d28e17f72".parse().unwrap()),
        sha256: Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse().unwrap()),
    }
}

#[track_caller]
fn check(content: &[u8], expected: &Expected, problem: Option<&str>) {
    let dir = scratch();
    let path = dir.path().join("file");
    std::fs::write(&path, content).unwrap();
    match (verify_file(&path, expected), problem) {
        (Ok(verified), None) => assert_eq!(verified.md5, expected.md5),
        (Err(error), Some(problem)) => {
            assert_eq!(error.to_string(), format!("{} is damaged: {problem}", path.display()));
            assert_eq!(error.kind(), ErrorKind::Integrity);
        }
        (result, _) => panic!("{result:?}"),
    }
}

#[test]
fn a_file_is_compared_by_size_and_digests() {
    check(b"abc", &abc(), None);
    check(b"ab", &abc(), Some("it has 2 bytes, expected 3"));
    check(b"", &abc(), Some("it has 0 bytes, expected 3"));
    let (md5, sha256) = (abc().md5.unwrap(), abc().sha256.unwrap());
    check(
        b"abd",
        &Expected { sha256: None, ..abc() },
        Some(&format!("its MD5 is 4911e516e5aa21d327512e0c8b197616, expected {md5}")),
    );
    check(
        b"abd",
        &abc(),
        Some(&format!(
            "its SHA-256 is a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9, expected {sha256}"
        )),
    );
    // Without digests, only the size is compared.
    check(b"abd", &Expected { md5: None, sha256: None, ..abc() }, None);
}

#[test]
fn a_file_larger_than_the_buffer_is_hashed_completely() {
    let content = vec![7; (1 << 20) + 1];
    let zero = Expected { size: content.len() as u64, md5: Some([0; 16].into()), sha256: None };
    check(
        &content,
        &zero,
        Some("its MD5 is f8c6fc2107925cdb6add9bea0f7deb1f, expected 00000000000000000000000000000000"),
    );
}

#[test]
fn a_file_that_is_not_there() {
    let path = scratch().path().join("none");
    let error = verify_file(&path, &abc()).unwrap_err();
    assert!(matches!(error, Error::Disk(_)), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot open {}", path.display()));
}
