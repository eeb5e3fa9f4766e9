//! What a caller permits the cache to do.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The values of `MLC_DOWNLOAD_CACHE_POLICY`.
///
/// ```
/// use cache_layout::CachePolicy;
///
/// assert_eq!("REDO".parse::<CachePolicy>()?, CachePolicy::Redo);
/// assert!("redo".parse::<CachePolicy>().is_err());
/// # Ok::<(), cache_layout::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CachePolicy {
    /// `ON`: return a cached model, download any other.
    #[default]
    On,
    /// `OFF`: return a cached model; a needed download is an error.
    Off,
    /// `REDO`: download again and replace what the writable tier has.
    Redo,
    /// `READONLY`: return a cached model; anything else is an error.
    ReadOnly,
}

impl CachePolicy {
    const ALL: [Self; 4] = [Self::On, Self::Off, Self::Redo, Self::ReadOnly];

    /// The policy's name in the environment variable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "ON",
            Self::Off => "OFF",
            Self::Redo => "REDO",
            Self::ReadOnly => "READONLY",
        }
    }
}

impl FromStr for CachePolicy {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::UnknownPolicy`] for anything but one of the four names in capitals.
    fn from_str(value: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == value);
        found.ok_or_else(|| Error::UnknownPolicy { value: value.to_owned() })
    }
}

impl fmt::Display for CachePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_four_names_are_policies() {
        for policy in CachePolicy::ALL {
            assert_eq!(policy.to_string().parse::<CachePolicy>().unwrap(), policy);
        }
        for other in ["", "on", "Off", " ON", "ON ", "READ_ONLY", "READ-ONLY", "1"] {
            let error = other.parse::<CachePolicy>().unwrap_err();
            assert_eq!(
                error.to_string(),
                "not a cache policy: expected ON, OFF, REDO or READONLY",
                "{other}"
            );
        }
        assert_eq!(CachePolicy::default(), CachePolicy::On);
    }
}
