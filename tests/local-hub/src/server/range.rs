//! `Range` and `Content-Range`.

use std::ops::{Range, RangeInclusive};

/// The range in a request's `Range` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// No usable `Range`: everything, with 200.
    Whole,
    /// `bytes=first-last`, or `bytes=first-`.
    From { first: u64, last: Option<u64> },
    /// `bytes=-count`.
    Last(u64),
}

impl Asked {
    /// Several ranges, other units and malformed headers count as none, as RFC 9110 allows.
    pub(super) fn parse(header: Option<&str>) -> Self {
        header.and_then(Self::parse_bytes).unwrap_or(Self::Whole)
    }

    fn parse_bytes(header: &str) -> Option<Self> {
        let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
        if first.is_empty() {
            return last.parse().ok().map(Self::Last);
        }
        let first = first.parse().ok()?;
        let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
        let is_upside_down = last.is_some_and(|last| last < first);
        (!is_upside_down).then_some(Self::From { first, last })
    }

    /// The bytes that may be meant, whatever the file's size; `None` if no range is requested.
    pub(super) fn at_most(self) -> Option<RangeInclusive<u64>> {
        match self {
            Self::Whole => None,
            Self::From { first, last } => Some(first..=last.unwrap_or(u64::MAX)),
            Self::Last(_) => Some(0..=u64::MAX),
        }
    }

    /// The requested bytes of a file of `size`: `Ok(None)` for a whole file with 200, `Err` for 416.
    pub(super) fn within(self, size: u64) -> Result<Option<Range<u64>>, Unsatisfiable> {
        match self {
            Self::Whole => Ok(None),
            Self::From { first, last } if first < size => {
                Ok(Some(first..last.map_or(size, |last| size.min(last.saturating_add(1)))))
            }
            Self::Last(count) if count > 0 && size > 0 => Ok(Some(size.saturating_sub(count)..size)),
            Self::From { .. } | Self::Last(_) => Err(Unsatisfiable),
        }
    }
}

/// The range contains no byte of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsatisfiable;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, size: u64, expected: &Result<Option<Range<u64>>, Unsatisfiable>) {
        assert_eq!(Asked::parse(Some(header)).within(size), *expected, "{header} of {size}");
    }

    #[test]
    fn single_ranges_are_parsed() {
        check("bytes=0-9", 100, &Ok(Some(0..10)));
        check("bytes=90-", 100, &Ok(Some(90..100)));
        check("bytes=90-1000", 100, &Ok(Some(90..100)));
        check("bytes=-7", 100, &Ok(Some(93..100)));
        check("bytes=0-18446744073709551615", 100, &Ok(Some(0..100)));
        check("bytes=100-", 100, &Err(Unsatisfiable));
        check("bytes=0-", 0, &Err(Unsatisfiable));
        check("bytes=-0", 100, &Err(Unsatisfiable));
    }

    #[test]
    fn leaves_other_headers_alone() {
        for header in ["bytes=0-1,5-6", "items=0-1", "bytes=", "bytes=b-a", "bytes=9-3"] {
            check(header, 100, &Ok(None));
        }
    }
}
