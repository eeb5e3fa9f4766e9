//! Full commit ids, and what proves that files belong to a commit.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::excerpt::Excerpt;
use crate::hex::{from_hex, hex};

/// The SHA-1 id of a commit, in full; written as exactly 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId([u8; 20]);

impl CommitId {
    /// The id made of these bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for CommitId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        from_hex(text).map(Self).ok_or_else(|| Error::CommitId { input: Excerpt::of(text) })
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl AsRef<[u8]> for CommitId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 20]> for CommitId {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitId({self})")
    }
}

/// What proves that files belong to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// git's object names: the commit's id is a digest of the commit, which contains the digest of its
    /// tree, and so on down to each file and LFS pointer.
    Git,
    /// The claim of the endpoint that listed them.
    Word,
}

impl Proof {
    /// As a word in lower case: `git` or `endpoint`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Word => "endpoint",
        }
    }
}

/// As [`as_str`](Self::as_str) has it.
impl FromStr for Proof {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        let proof = [Self::Git, Self::Word].into_iter().find(|proof| proof.as_str() == word);
        proof.ok_or_else(|| Error::Proof { input: Excerpt::of(word) })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_forty_lower_case_digits() {
        let good = "00ff1234567890abcdef00ff1234567890abcdef";
        assert_eq!(good.parse::<CommitId>().unwrap().to_string(), good);
        assert_eq!(format!("{:?}", good.parse::<CommitId>().unwrap()), format!("CommitId({good})"));
        for bad in [
            "",
            "main",
            &good[1..],
            &format!("{good}0"),
            &good.to_uppercase(),
            &good.replace('a', "g"),
            &good.replace("00", "é"),
        ] {
            let message = bad.parse::<CommitId>().unwrap_err().to_string();
            assert_eq!(
                message,
                format!("`{bad}` is not a commit: expected 40 lower-case hexadecimal digits")
            );
        }
    }

    proptest! {
        #[test]
        fn bytes_convert_both_ways(bytes: [u8; 20]) {
            let id = CommitId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.as_bytes(), &bytes);
        }

        #[test]
        fn no_text_panics(text: String) {
            let _: Result<CommitId, Error> = text.parse();
        }
    }
}
