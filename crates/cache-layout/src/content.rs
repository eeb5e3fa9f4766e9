//! Names of verified files, derived from their content.

use std::fmt;

use url_parse::{CommitId, RepoPath, hex};

/// The name of a file in a pool. Two files with the same name have the same content.
///
/// ```
/// use cache_layout::ContentName;
///
/// let name = ContentName::md5_and_size([0xab; 16], 1024);
/// assert_eq!(name.to_string(), "md5-abababababababababababababababab-1024");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentName(String);

/// Longer paths are cut and distinguished by a hash, which keeps names far below 255 bytes.
const LONGEST_PATH: usize = 120;

impl ContentName {
    /// The name for this SHA-256, the most reliable one.
    pub fn sha256(digest: [u8; 32]) -> Self {
        Self(format!("sha256-{}", hex(&digest)))
    }

    /// The name for this MD5 and size in bytes, for files without a SHA-256.
    pub fn md5_and_size(digest: [u8; 16], size: u64) -> Self {
        Self(format!("md5-{}-{size}", hex(&digest)))
    }

    /// The name for a file without any digest. It includes the commit, which alone determines the
    /// content.
    pub fn size_and_name(size: u64, commit: &CommitId, path: &RepoPath) -> Self {
        Self(format!("name-{commit}-{size}-{}", file_name_of(path.as_str())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` as a file name for every system: bytes outside `[A-Za-z0-9._-]` are percent-encoded.
fn file_name_of(text: &str) -> String {
    let mut name = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => name.push(byte.into()),
            _ => {
                name.push('%');
                name.push_str(&hex(&[byte]));
            }
        }
    }
    if name.len() > LONGEST_PATH {
        name.truncate(LONGEST_PATH);
        name.push('+');
        name.push_str(&hex(&fnv1a(text.as_bytes()).to_be_bytes()));
    }
    name.push('+'); // A name must not end in a dot.
    name
}

/// FNV-1a, 64 bits. A collision requires two such files of the same size in one commit, constructed by
/// the commit's author, who could just as well have chosen the content.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn named(path: &str) -> String {
        let commit = CommitId::from_bytes([0xcd; 20]);
        ContentName::size_and_name(7, &commit, &path.parse().unwrap()).to_string()
    }

    #[test]
    fn a_name_gives_the_digest() {
        assert_eq!(ContentName::sha256([1; 32]).to_string(), format!("sha256-{}", "01".repeat(32)));
        assert_eq!(ContentName::md5_and_size([2; 16], 9).to_string(), format!("md5-{}-9", "02".repeat(16)));
        assert_eq!(named("a/b c.bin"), format!("name-{}-7-a%2fb%20c.bin+", "cd".repeat(20)));
    }

    #[test]
    fn names_without_a_digest_are_distinct_file_names() {
        let long = "x/".repeat(1000) + "y";
        let longer = "x/".repeat(1000) + "z";
        let paths = ["a/b", "a%2fb", "a_b", "ä", "a b", &long, &longer];
        let names: BTreeSet<_> = paths.iter().map(|path| named(path)).collect();
        assert_eq!(names.len(), paths.len());
        for name in names {
            assert!(name.len() < 255, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%+".contains(&b)), "{name}");
            assert!(!name.ends_with('.'), "{name}");
        }
    }
}
