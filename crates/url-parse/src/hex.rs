//! Digests and ids as text.

use std::fmt::Write as _;

/// Bytes as lower-case hexadecimal digits, two for each.
///
/// ```
/// assert_eq!(url_parse::hex(&[0x00, 0xa5]), "00a5");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The `N` bytes that exactly `2 * N` lower-case hexadecimal digits stand for; `None` for any other text.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(ascii: u8) -> Option<u8> {
    match ascii {
        b'0'..=b'9' => Some(ascii - b'0'),
        b'a'..=b'f' => Some(ascii - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes() {
        assert_eq!(hex(&[0x00, 0x0f, 0xa5]), "000fa5");
        assert_eq!(from_hex("000fa5"), Some([0x00, 0x0f, 0xa5]));
        for bad in ["", "000fa", "000fa5a", "000fa500", "000fg5", "+00fa5", "000fA5", "ééé"] {
            assert_eq!(from_hex::<3>(bad), None, "{bad}");
        }
    }
}
