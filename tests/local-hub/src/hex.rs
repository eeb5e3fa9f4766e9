//! Digests as hexadecimal text.

use std::fmt::Write as _;

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of pairs of hexadecimal digits; others are left out.
pub(crate) fn parsed(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).filter_map(|at| digits.get(at..at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// A name of `digits` hexadecimal digits (at most 64) derived from `text`.
pub(crate) fn name_of(text: &str, digits: usize) -> String {
    use sha2::{Digest as _, Sha256};
    let mut name = hex(&Sha256::digest(text.as_bytes()));
    name.truncate(digits);
    name
}
