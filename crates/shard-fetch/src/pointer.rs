//! Recognizes git-lfs pointers that were not replaced by the files' content.

/// The format's own limit: a pointer has fewer bytes than this.
pub(crate) const MAX_POINTER_BYTES: u64 = 1024;

/// The first line of a pointer, without the line feed: the current one, and two older spellings that
/// git-lfs still reads.
const VERSION_LINES: [&str; 3] = [
    "version https://git-lfs.github.com/spec/v1",
    "version https://hawser.github.com/spec/v1",
    "version http://git-media.io/v/2",
];

/// Whether this is the content of a git-lfs pointer.
pub fn is_pointer_text(content: &[u8]) -> bool {
    let first_line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first_line = first_line.strip_suffix(b"\r").unwrap_or(first_line);
    (content.len() as u64) < MAX_POINTER_BYTES
        && VERSION_LINES.iter().any(|line| line.as_bytes() == first_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: bool) {
        assert_eq!(is_pointer_text(content.as_bytes()), expected, "{content:?}");
    }

    #[test]
    fn the_version_line_decides() {
        check("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", true);
        check("version https://git-lfs.github.com/spec/v1\r\noid sha256:00\r\nsize 1\r\n", true);
        check("version https://hawser.github.com/spec/v1\noid", true);
        check("version http://git-media.io/v/2", true);
        check("version https://git-lfs.github.com/spec/v10\n", false);
        check("{\"version\": 1}", false);
        check("", false);
    }

    #[test]
    fn long_content_is_no_pointer() {
        let pointer = "version https://git-lfs.github.com/spec/v1\n";
        check(&format!("{pointer}{}", "x".repeat(1023 - pointer.len())), true);
        check(&format!("{pointer}{}", "x".repeat(1024 - pointer.len())), false);
    }
}
