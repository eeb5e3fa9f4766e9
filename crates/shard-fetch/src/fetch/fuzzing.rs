//! For tests/fuzz: the parsers that are not public.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::answer::{Verdict, Wanted, judge};
use super::journal::Content;
use crate::Expected;

/// How many bytes a journal says are there of such a file.
pub fn journal(bytes: &[u8], expected: &Expected) -> u64 {
    Content::of(expected).parse(bytes).bytes()
}

/// A journal of such a file with these ranges.
pub fn written(expected: &Expected, ranges: &[std::ops::Range<u64>]) -> Vec<u8> {
    Content::of(expected).written(ranges)
}

/// The bytes that an answer to a request for `from..until` of `size` bytes is taken to hold.
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
