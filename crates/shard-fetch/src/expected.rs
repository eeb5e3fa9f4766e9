//! What a file must be, and how it differs.

use std::fmt;

use crate::{Checked, Digests, Md5Digest, Sha256Digest};

/// What is known about a file before it is fetched: its size, and any known digests (MD5 from a
/// manifest, SHA-256 from a git-lfs pointer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The size in bytes.
    pub size: u64,
    /// The MD5, if known.
    pub md5: Option<Md5Digest>,
    /// The SHA-256, if known.
    pub sha256: Option<Sha256Digest>,
}

impl Expected {
    /// Compares `actual` with the expectation: first the size, then SHA-256, then MD5.
    ///
    /// # Errors
    ///
    /// The first [`Mismatch`]. An expected digest that was not computed also counts as one.
    pub fn check(&self, actual: &Digests) -> Result<(), Mismatch> {
        if actual.size != self.size {
            return Err(Mismatch::Size { expected: self.size, actual: ActualSize::Exactly(actual.size) });
        }
        if let Some(expected) = self.sha256
            && actual.sha256 != Some(expected)
        {
            return Err(Mismatch::Sha256 { expected, actual: actual.sha256 });
        }
        match self.md5 {
            Some(expected) if actual.md5 != Some(expected) => {
                Err(Mismatch::Md5 { expected, actual: actual.md5 })
            }
            _ => Ok(()),
        }
    }
}

/// How a file differs from the expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The size differs.
    #[non_exhaustive]
    Size {
        /// The expected size.
        expected: u64,
        /// What is known about the actual one.
        actual: ActualSize,
    },
    /// The MD5 differs.
    #[non_exhaustive]
    Md5 {
        /// The expected one.
        expected: Md5Digest,
        /// The actual one; `None` if it was not computed.
        actual: Option<Md5Digest>,
    },
    /// The SHA-256 differs.
    #[non_exhaustive]
    Sha256 {
        /// The expected one.
        expected: Sha256Digest,
        /// The actual one; `None` if it was not computed.
        actual: Option<Sha256Digest>,
    },
}

/// What is known about a wrong size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ActualSize {
    /// It is exactly this.
    Exactly(u64),
    /// It is more than expected; the rest was not counted.
    Longer,
    /// It is less than this.
    EndsBefore(u64),
}

impl Mismatch {
    /// The property that was compared.
    pub fn what(&self) -> Checked {
        match self {
            Self::Size { .. } => Checked::Size,
            Self::Md5 { .. } => Checked::Md5,
            Self::Sha256 { .. } => Checked::Sha256,
        }
    }
}

/// "its MD5 is … instead of …", following the file's name.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { expected, actual } => write!(f, "{actual}, expected {expected}"),
            Self::Md5 { expected, actual } => digests(f, self.what(), actual.as_ref(), expected),
            Self::Sha256 { expected, actual } => digests(f, self.what(), actual.as_ref(), expected),
        }
    }
}

fn digests<D: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    what: Checked,
    actual: Option<&D>,
    expected: &D,
) -> fmt::Result {
    match actual {
        Some(actual) => write!(f, "its {what} is {actual}, expected {expected}"),
        None => write!(f, "its {what} is not known, expected {expected}"),
    }
}

impl fmt::Display for ActualSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(size) => write!(f, "it has {size} bytes"),
            Self::Longer => write!(f, "it has more bytes"),
            Self::EndsBefore(size) => write!(f, "it ends before byte {size}"),
        }
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    fn md5(byte: u8) -> Md5Digest {
        Md5Digest::from_bytes([byte; 16])
    }

    fn sha256(byte: u8) -> Sha256Digest {
        Sha256Digest::from_bytes([byte; 32])
    }

    #[track_caller]
    fn check(expected: Expected, actual: Digests, verdict: Result<(), &str>) {
        let result = expected.check(&actual);
        assert_eq!(result.map_err(|mismatch| mismatch.to_string()), verdict.map_err(str::to_owned));
    }

    #[test]
    fn every_known_property_is_compared() {
        let expected = Expected { size: 5, md5: Some(md5(1)), sha256: Some(sha256(2)) };
        let right = Digests { size: 5, md5: Some(md5(1)), sha256: Some(sha256(2)) };
        check(expected, right, Ok(()));
        check(Expected { md5: None, sha256: None, ..expected }, right, Ok(()));
        check(expected, Digests { size: 6, ..right }, Err("it has 6 bytes, expected 5"));
        check(
            expected,
            Digests { md5: Some(md5(3)), ..right },
            Err("its MD5 is 03030303030303030303030303030303, expected 01010101010101010101010101010101"),
        );
        let message = format!("its SHA-256 is {}, expected {}", sha256(9), sha256(2));
        check(expected, Digests { sha256: Some(sha256(9)), ..right }, Err(&message));
        check(
            expected,
            Digests { md5: None, ..right },
            Err("its MD5 is not known, expected 01010101010101010101010101010101"),
        );
    }

    #[test]
    fn a_wrong_size_is_reported_as_far_as_known() {
        for (actual, text) in [
            (ActualSize::Exactly(1), "it has 1 bytes, expected 5"),
            (ActualSize::Longer, "it has more bytes, expected 5"),
            (ActualSize::EndsBefore(3), "it ends before byte 3, expected 5"),
        ] {
            assert_eq!(Mismatch::Size { expected: 5, actual }.to_string(), text);
        }
    }
}
