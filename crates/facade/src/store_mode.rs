//! What stores are asked for.

use std::fmt;
use std::str::FromStr;

/// What stores are asked for, and when the hub is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreMode {
    /// `first`: stores are asked for the content of a commit before the hub is. The hub resolves
    /// branches and tags, with one request; a full commit needs none. Stores need no trust.
    #[default]
    First,
    /// `refs`: stores are asked for branches and tags too, so their writers are trusted to name
    /// commits. The hub is asked for what they lack.
    Refs,
    /// `only`: like `refs`, but the hub is never asked.
    Only,
}

impl StoreMode {
    /// The mode as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Refs => "refs",
            Self::Only => "only",
        }
    }
}

impl fmt::Display for StoreMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is not a [`StoreMode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a store mode: expected first, refs or only")]
pub struct ParseStoreModeError(());

impl FromStr for StoreMode {
    type Err = ParseStoreModeError;

    fn from_str(word: &str) -> Result<Self, ParseStoreModeError> {
        let modes = [Self::First, Self::Refs, Self::Only];
        let mode = modes.into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(word));
        mode.ok_or(ParseStoreModeError(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    #[test]
    fn store_modes_are_parsed_from_their_names() {
        for mode in [StoreMode::First, StoreMode::Refs, StoreMode::Only] {
            assert_eq!(mode.to_string().parse::<StoreMode>().unwrap(), mode);
            assert_eq!(mode.to_string().to_uppercase().parse::<StoreMode>().unwrap(), mode);
        }
    }

    #[test]
    fn a_word_that_is_no_mode_is_an_error_of_the_library() {
        let parse = || -> Result<StoreMode, Error> { Ok("always".parse()?) };
        let error = parse().unwrap_err();
        assert_eq!(error.to_string(), "not a store mode: expected first, refs or only");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
