//! For tests/fuzz.

use bytes::BytesMut;

use super::advertisement::Advertisement;
use super::packets::{Packet, take_packet};

/// How many references a list has, if it is one.
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
