//! For tests/fuzz.

use bytes::BytesMut;

use super::advertisement::Advertisement;
use super::packets::{Band, Packet, band, take_packet};

/// The number of references in a list, if it is valid.
pub fn advertisement(list: &[u8]) -> Option<usize> {
    let offered = Advertisement::read(BytesMut::from(list)).ok()?;
    for object in offered.objects() {
        offered.object_for(&object);
    }
    offered.offers("shallow");
    Some(offered.objects().count())
}

/// The contents of the packet lines at the start of `bytes`.
pub fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = BytesMut::from(bytes);
    let mut lines = Vec::new();
    while let Ok(Some(packet)) = take_packet(&mut bytes) {
        match packet {
            Packet::Line(line) | Packet::Refusal(line) => lines.push(line.to_vec()),
            Packet::Flush => {}
        }
    }
    lines
}

/// The pack in a response with side bands that arrives in these pieces; `None` if it is refused,
/// missing or incomplete.
pub fn side_bands<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let (mut bytes, mut pack) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        bytes.extend_from_slice(piece);
        while let Some(packet) = take_packet(&mut bytes).ok()? {
            match packet {
                Packet::Flush => return Some(pack),
                Packet::Refusal(_) => return None,
                Packet::Line(line) => match band(line).ok()? {
                    Band::Pack(bytes) => pack.extend_from_slice(&bytes),
                    Band::Progress => {}
                    Band::Refusal(_) => return None,
                },
            }
        }
    }
    None
}
