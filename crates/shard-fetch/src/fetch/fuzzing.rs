//! For tests/fuzz: access to private parsers.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::answer::{Verdict, Wanted, judge};
use super::journal::Content;
use crate::Expected;

/// How many bytes of such a file exist according to a journal.
pub fn journal(bytes: &[u8], expected: &Expected) -> u64 {
    Content::of(expected).parse(bytes).bytes()
}

/// Writes a journal of such a file with these ranges.
pub fn written(expected: &Expected, ranges: &[std::ops::Range<u64>]) -> Vec<u8> {
    Content::of(expected).written(ranges)
}

/// The bytes that a response to a request for `from..until` of `size` bytes is taken to contain.
pub fn answered(
    status: StatusCode,
    headers: &HeaderMap,
    (from, until, size): (u64, u64, u64),
) -> Option<std::ops::Range<u64>> {
    match judge(status, headers, Wanted { from, until, size }) {
        Verdict::Bytes { from, until } => Some(from..until),
        _ => None,
    }
}
