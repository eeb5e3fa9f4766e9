//! git's packet lines: four hexadecimal digits for the packet's length including them, then its
//! contents.

use bytes::{Bytes, BytesMut};

const HEAD: usize = 4;

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// `0000`, the end of a list.
    Flush,
    /// `ERR …`: git refuses with this message.
    Refusal(Bytes),
    Line(Bytes),
}

/// A line of a response with side bands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Band {
    /// The next bytes of the pack.
    Pack(Bytes),
    /// A progress message of the server.
    Progress,
    /// git refuses with this message.
    Refusal(Bytes),
}

/// The band of a line.
pub(super) fn band(mut line: Bytes) -> Result<Band, Malformed> {
    if line.is_empty() {
        return Err(Malformed);
    }
    let contents = line.split_off(1);
    match *line {
        [1] => Ok(Band::Pack(contents)),
        [2] => Ok(Band::Progress),
        [3] => Ok(Band::Refusal(contents)),
        _ => Err(Malformed),
    }
}

/// Not a valid packet line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Takes the first packet off `bytes`; `None` while it is incomplete.
pub(super) fn take_packet(bytes: &mut BytesMut) -> Result<Option<Packet>, Malformed> {
    let Some(digits) = bytes.get(..HEAD) else { return Ok(None) };
    let length = match length(digits)? {
        0 => {
            drop(bytes.split_to(HEAD));
            return Ok(Some(Packet::Flush));
        }
        // Markers of another protocol version, and a line without contents.
        1..=HEAD => return Err(Malformed),
        length => length,
    };
    if length > bytes.len() {
        return Ok(None);
    }
    let mut line = bytes.split_to(length).freeze().split_off(HEAD);
    Ok(Some(if line.starts_with(b"ERR ") {
        Packet::Refusal(line.split_off(HEAD))
    } else {
        Packet::Line(line)
    }))
}

fn length(digits: &[u8]) -> Result<usize, Malformed> {
    // `from_str_radix` would accept a sign.
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.and_then(|digits| usize::from_str_radix(digits, 16).ok()).ok_or(Malformed)
}

/// A packet to send with these contents.
pub(super) fn packet(contents: &str) -> String {
    format!("{:04x}{contents}", contents.len() + HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_taken_one_by_one() {
        let mut bytes = BytesMut::from(&b"0008NAK\n0000000fERR not you0006"[..]);
        let mut next = || take_packet(&mut bytes).unwrap();
        assert_eq!(next(), Some(Packet::Line("NAK\n".into())));
        assert_eq!(next(), Some(Packet::Flush));
        assert_eq!(next(), Some(Packet::Refusal("not you".into())));
        assert_eq!(next(), None);
        bytes.extend_from_slice(b"ab");
        assert_eq!(take_packet(&mut bytes), Ok(Some(Packet::Line("ab".into()))));
        assert_eq!(take_packet(&mut bytes), Ok(None));
        assert_eq!(packet("NAK\n"), "0008NAK\n");
    }

    #[test]
    fn the_first_byte_is_the_band() {
        assert_eq!(band("\u{1}PACK".into()), Ok(Band::Pack("PACK".into())));
        assert_eq!(band("\u{2}counting".into()), Ok(Band::Progress));
        assert_eq!(band("\u{3}not you".into()), Ok(Band::Refusal("not you".into())));
        for line in ["", "PACK", "\0", "\u{4}"] {
            assert_eq!(band(line.into()), Err(Malformed), "{line:?}");
        }
    }

    #[test]
    fn malformed_packets_are_rejected() {
        for bytes in ["<htm", "0001", "0002", "0003", "0004", "-001", "+00a", "\u{e9}00"] {
            assert_eq!(take_packet(&mut BytesMut::from(bytes)), Err(Malformed), "{bytes:?}");
        }
        for bytes in ["", "000", "0005", "ffffabc"] {
            assert_eq!(take_packet(&mut BytesMut::from(bytes)), Ok(None), "{bytes:?}");
        }
    }
}
