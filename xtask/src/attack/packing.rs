//! git's formats, written by hand: shapes that no honest git would write.

use std::io::Write as _;

use anyhow::Result;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};

/// A pkt-line.
pub(super) fn packet(contents: &[u8]) -> Vec<u8> {
    [format!("{:04x}", contents.len() + 4).as_bytes(), contents].concat()
}

/// The list of references of a repository that has one branch.
pub(super) fn advertised(commit: &str, capabilities: &str) -> Vec<u8> {
    let service = packet(b"# service=git-upload-pack\n");
    let head = packet(format!("{commit} HEAD\0{capabilities}\n").as_bytes());
    let branch = packet(format!("{commit} refs/heads/main\n").as_bytes());
    [service, b"0000".to_vec(), head, branch, b"0000".to_vec()].concat()
}

/// The kinds of objects, as a pack numbers them.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Commit = 1,
    Tree = 2,
    Blob = 3,
    Delta = 6,
}

/// A pack in the making.
#[derive(Default)]
pub(super) struct Pack {
    objects: u32,
    /// What comes after the head.
    bytes: Vec<u8>,
    last: usize,
}

impl Pack {
    /// Adds an object of `size` bytes that come in pieces.
    pub(super) fn object<'a>(
        &mut self,
        kind: Kind,
        size: usize,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<()> {
        self.begin(kind, size);
        self.deflate(pieces)
    }

    /// Adds a delta to the object before.
    pub(super) fn delta(&mut self, delta: &[u8]) -> Result<()> {
        let before = self.last;
        self.begin(Kind::Delta, delta.len());
        let distance = self.last - before;
        self.bytes.extend(offset(distance));
        self.deflate([delta])
    }

    fn begin(&mut self, kind: Kind, size: usize) {
        self.last = self.bytes.len();
        self.objects += 1;
        let mut rest = size >> 4;
        let mut byte = (kind as u8) << 4 | low(size, 0x0f);
        while rest > 0 {
            self.bytes.push(byte | 0x80);
            byte = low(rest, 0x7f);
            rest >>= 7;
        }
        self.bytes.push(byte);
    }

    fn deflate<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        let mut encoder = ZlibEncoder::new(&mut self.bytes, Compression::best());
        pieces.into_iter().try_for_each(|piece| encoder.write_all(piece))?;
        encoder.finish()?;
        Ok(())
    }

    /// With its head and its digest.
    pub(super) fn finish(self) -> Vec<u8> {
        let head = [b"PACK".as_slice(), &2_u32.to_be_bytes(), &self.objects.to_be_bytes()].concat();
        let pack = [head, self.bytes].concat();
        let digest = Sha1::digest(&pack);
        [pack.as_slice(), digest.as_slice()].concat()
    }
}

/// A delta that makes `times` copies of the first `length` (at most 24 bits) of `base` bytes.
pub(super) fn copies(base: usize, length: usize, times: usize) -> Vec<u8> {
    let mut delta = [varint(base), varint(length * times)].concat();
    for _ in 0..times {
        delta.extend([0xf0, low(length, 0xff), low(length >> 8, 0xff), low(length >> 16, 0xff)]);
    }
    delta
}

/// The name of an object of `size` bytes that come in pieces.
pub(super) fn name_of<'a>(kind: &str, size: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; 20] {
    let head = Sha1::new().chain_update(format!("{kind} {size}\0"));
    pieces.into_iter().fold(head, Sha1::chain_update).finalize().into()
}

pub(super) fn hex(name: &[u8]) -> String {
    name.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(low(number, 0x7f) | 0x80);
        number >>= 7;
    }
    bytes.push(low(number, 0x7f));
    bytes
}

/// How a delta says how far before it its base is.
fn offset(mut distance: usize) -> Vec<u8> {
    let mut bytes = vec![low(distance, 0x7f)];
    distance >>= 7;
    while distance > 0 {
        distance -= 1;
        bytes.push(low(distance, 0x7f) | 0x80);
        distance >>= 7;
    }
    bytes.reverse();
    bytes
}

fn low(number: usize, mask: u8) -> u8 {
    number.to_le_bytes()[0] & mask
}
