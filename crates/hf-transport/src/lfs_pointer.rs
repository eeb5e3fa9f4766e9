//! LFS pointers: small texts that represent large files in a git tree.

use url_parse::from_hex;

/// Identifies a large file's content by its SHA-256 and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LfsPointer {
    /// SHA-256 of the content, the pointer's `oid`.
    pub oid: [u8; 32],
    /// Size of the content in bytes.
    pub size: u64,
}

/// A pointer is shorter than this, by the LFS specification.
pub(crate) const MAX_POINTER_BYTES: usize = 1024;

/// The current version line's value, and aliases found in old repositories.
const VERSIONS: [&str; 3] =
    ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"];

/// What a small blob is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recognized {
    /// Not a pointer: the blob is the file itself.
    PlainFile,
    /// A pointer.
    Pointer(LfsPointer),
    /// A pointer with unsupported content.
    Unusable(&'static str),
}

/// Distinguishes pointers from files by the format in the LFS specification.
///
/// Like the LFS client it is strict about order and keys: text that merely begins like a pointer is a
/// file.
pub(crate) fn recognize(blob: &[u8]) -> Recognized {
    if blob.len() >= MAX_POINTER_BYTES {
        return Recognized::PlainFile;
    }
    let Ok(text) = std::str::from_utf8(blob) else { return Recognized::PlainFile };
    let mut lines = text.trim().lines();
    let is_version = |line: &str| line.strip_prefix("version ").is_some_and(|v| VERSIONS.contains(&v));
    if !lines.next().is_some_and(is_version) {
        return Recognized::PlainFile;
    }
    let mut rest = lines.peekable();
    if rest.peek().is_some_and(|line| line.starts_with("ext-")) {
        return Recognized::Unusable("it uses an LFS extension, which changes the content");
    }
    let oid = rest.next().and_then(|line| line.strip_prefix("oid sha256:")).and_then(from_hex);
    let size = rest.next().and_then(|line| line.strip_prefix("size ")).and_then(parse_size);
    match (oid, size, rest.next()) {
        (Some(oid), Some(size), None) => Recognized::Pointer(LfsPointer { oid, size }),
        _ => Recognized::PlainFile,
    }
}

fn parse_size(text: &str) -> Option<u64> {
    // `u64::from_str` would accept a leading `+`.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    fn pointer(version: &str, oid: &str, size: &str) -> String {
        format!("version {version}\noid sha256:{oid}\nsize {size}\n")
    }

    #[track_caller]
    fn check(blob: &str, expected: &Recognized) {
        assert_eq!(recognize(blob.as_bytes()), *expected, "{blob:?}");
    }

    #[test]
    fn pointers_of_every_version_are_recognized() {
        let expected = LfsPointer { oid: from_hex(OID).unwrap(), size: 12345 };
        for version in VERSIONS {
            check(&pointer(version, OID, "12345"), &Recognized::Pointer(expected));
        }
        let without_last_line_end = pointer(VERSIONS[0], OID, "12345");
        check(without_last_line_end.trim_end(), &Recognized::Pointer(expected));
        assert_eq!(expected.oid[..3], [0x4d, 0x7a, 0x21]);
    }

    #[test]
    fn anything_else_is_a_file() {
        let v1 = VERSIONS[0];
        for blob in [
            String::new(),
            "version 2".to_owned(),
            format!("version {v1}\n"),
            pointer("https://example.com/v1", OID, "1"),
            pointer(v1, &OID.to_uppercase(), "1"),
            pointer(v1, &OID[1..], "1"),
            pointer(v1, OID, "-1"),
            pointer(v1, OID, "+1"),
            pointer(v1, OID, ""),
            pointer(v1, OID, "99999999999999999999"),
            pointer(v1, OID, "1") + "more text\n",
            format!("version {v1}\nsize 1\noid sha256:{OID}\n"),
            pointer(v1, OID, "1") + &"\n".repeat(1024),
        ] {
            check(&blob, &Recognized::PlainFile);
        }
        assert_eq!(recognize(&[0xff, 0xfe]), Recognized::PlainFile);
    }

    #[test]
    fn extensions_are_refused() {
        let blob = format!("version {}\next-0-foo sha256:{OID}\noid sha256:{OID}\nsize 1\n", VERSIONS[0]);
        assert!(matches!(recognize(blob.as_bytes()), Recognized::Unusable(_)));
    }
}
