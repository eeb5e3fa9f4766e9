//! MD5 and SHA-256 as values.

use std::fmt;
use std::str::FromStr;

use url_parse::{Excerpt, from_hex, hex};

/// The MD5 of a file, as in a manifest's `md5sum`. It detects damage but not manipulation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Md5Digest([u8; 16]);

/// The SHA-256 of a file, as in a git-lfs pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

/// The size and digests of some data; only requested digests are present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Digests {
    /// The number of bytes.
    pub size: u64,
    /// The MD5.
    pub md5: Option<Md5Digest>,
    /// The SHA-256.
    pub sha256: Option<Sha256Digest>,
}

/// A property of a file that was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Checked {
    /// Its size.
    Size,
    /// Its MD5.
    Md5,
    /// Its SHA-256.
    Sha256,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "size",
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        })
    }
}

/// A text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not {} {what}: expected {} hexadecimal digits", article(*what), digits(*what))]
pub struct ParseDigestError {
    what: Checked,
    input: Excerpt,
}

fn article(what: Checked) -> &'static str {
    if what == Checked::Md5 { "an" } else { "a" }
}

fn digits(what: Checked) -> u8 {
    if what == Checked::Md5 { 32 } else { 64 }
}

macro_rules! digest {
    ($name:ident, $bytes:literal, $what:expr) => {
        impl $name {
            /// The digest made of these bytes.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes of the digest.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl From<[u8; $bytes]> for $name {
            fn from(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        /// From hexadecimal digits of either case.
        impl FromStr for $name {
            type Err = ParseDigestError;

            fn from_str(text: &str) -> Result<Self, ParseDigestError> {
                let digest = from_hex(&text.to_ascii_lowercase()).map(Self);
                digest.ok_or_else(|| ParseDigestError { what: $what, input: Excerpt::of(text) })
            }
        }

        /// As lower-case hexadecimal digits.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

digest!(Md5Digest, 16, Checked::Md5);
digest!(Sha256Digest, 32, Checked::Sha256);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_in_either_case() {
        for text in ["c3fb463ece02fca48fa99f0448408b1b", "C3FB463ECE02FCA48FA99F0448408B1B"] {
            let digest: Md5Digest = text.parse().unwrap();
            assert_eq!(digest.to_string(), "c3fb463ece02fca48fa99f0448408b1b");
            assert_eq!(digest.as_bytes()[..2], [0xc3, 0xfb]);
        }
        let long: Sha256Digest = "0F".repeat(32).parse().unwrap();
        assert_eq!(long, Sha256Digest::from_bytes([0x0f; 32]));
        assert_eq!(format!("{long:?}"), format!("Sha256Digest({})", "0f".repeat(32)));
    }

    #[test]
    fn other_text_is_refused_and_shown() {
        for text in ["", "c3fb", "g3fb463ece02fca48fa99f0448408b1b", "+3fb463ece02fca48fa99f0448408b1b", " "]
        {
            let error = text.parse::<Md5Digest>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not an MD5: expected 32 hexadecimal digits"));
        }
        // As many bytes as an MD5 has digits, but fewer characters.
        assert!("é".repeat(16).parse::<Md5Digest>().is_err());
        let error = "c3fb463ece02fca48fa99f0448408b1b".parse::<Sha256Digest>().unwrap_err();
        assert!(error.to_string().ends_with("is not a SHA-256: expected 64 hexadecimal digits"), "{error}");
    }
}
