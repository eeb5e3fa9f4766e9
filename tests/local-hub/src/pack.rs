//! Hand-made packs of git objects that no honest server would send.

mod bombs;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};

pub use bombs::Bomb;

/// The kinds of objects in a pack.
const KINDS: [(&str, u8); 4] = [("commit", 1), ("tree", 2), ("blob", 3), ("tag", 4)];
const OFS_DELTA: u8 = 6;
const REF_DELTA: u8 = 7;

/// Builds a pack object by object. Nothing is checked.
#[derive(Clone, Debug)]
pub struct PackBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl Default for PackBuilder {
    fn default() -> Self {
        Self { bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(), count: 0 }
    }
}

impl PackBuilder {
    /// Adds a consistent object; returns its offset.
    pub fn whole(&mut self, kind: &str, content: &[u8]) -> u64 {
        self.lying(kind, content.len() as u64, &[(content, 1)])
    }

    /// Adds an object that declares `size` bytes and contains these, each repeated this many times.
    pub fn lying(&mut self, kind: &str, size: u64, contents: &[(&[u8], usize)]) -> u64 {
        let kind = KINDS.iter().find(|(name, _)| *name == kind).map_or(0, |(_, number)| *number);
        self.add(kind, size, &[], contents)
    }

    /// Adds a delta of the object at offset `base`.
    pub fn delta_at(&mut self, base: u64, delta: &[u8]) -> u64 {
        let mut distance = self.here() - base;
        let mut digits = vec![low_bits(distance, 0)];
        while distance > 0x7f {
            distance = (distance >> 7) - 1;
            digits.insert(0, low_bits(distance, 0x80));
        }
        self.add(OFS_DELTA, delta.len() as u64, &digits, &[(delta, 1)])
    }

    /// Adds a delta of the object with this id of 40 hexadecimal digits.
    pub fn delta_of(&mut self, base: &str, delta: &[u8]) -> u64 {
        self.add(REF_DELTA, delta.len() as u64, &crate::hex::parsed(base), &[(delta, 1)])
    }

    fn add(&mut self, kind: u8, size: u64, base: &[u8], contents: &[(&[u8], usize)]) -> u64 {
        let here = self.here();
        let mut left = size >> 4;
        let first = kind << 4 | low_bits(size, 0) & 15;
        self.bytes.push(if left > 0 { first | 0x80 } else { first });
        while left > 0 {
            self.bytes.push(low_bits(left, if left > 0x7f { 0x80 } else { 0 }));
            left >>= 7;
        }
        self.bytes.extend_from_slice(base);
        let mut encoder = ZlibEncoder::new(&mut self.bytes, Compression::fast());
        for (content, times) in contents {
            for _ in 0..*times {
                // Writing to memory cannot fail.
                let _written = encoder.write_all(content);
            }
        }
        drop(encoder);
        self.count += 1;
        here
    }

    fn here(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The pack with its checksum.
    #[must_use]
    pub fn finish(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes.splice(8..12, self.count.to_be_bytes());
        seal(bytes)
    }
}

/// Appends the checksum to a pack.
#[must_use]
pub fn seal(mut pack: Vec<u8>) -> Vec<u8> {
    let checksum = Sha1::digest(&pack);
    pack.extend_from_slice(&checksum);
    pack
}

/// An entry of a tree.
#[must_use]
pub fn tree_entry(mode: &str, name: &[u8], object: &str) -> Vec<u8> {
    [mode.as_bytes(), b" ", name, b"\0", &crate::hex::parsed(object)].concat()
}

/// A packet line.
#[must_use]
pub fn packet(contents: &[u8]) -> Vec<u8> {
    [format!("{:04x}", contents.len() + 4).as_bytes(), contents].concat()
}

/// git's list of references with one branch, `main`, that leads to this object.
#[must_use]
pub fn reference_list(tip: &str, capabilities: &str) -> Vec<u8> {
    [
        packet(b"# service=git-upload-pack\n"),
        b"0000".to_vec(),
        packet(format!("{tip} HEAD\0{capabilities}\n").as_bytes()),
        packet(format!("{tip} refs/heads/main\n").as_bytes()),
        b"0000".to_vec(),
    ]
    .concat()
}

/// git's response with a pack, for a client that has nothing and supports `side-band-64k`.
#[must_use]
pub fn pack_answer(pack: &[u8]) -> Vec<u8> {
    let pieces = pack.chunks(65_515).map(|piece| packet(&[&[1], piece].concat()));
    let pieces: Vec<u8> = pieces.flatten().collect();
    [packet(b"NAK\n"), packet(b"\x02Counting\n"), pieces, b"0000".to_vec()].concat()
}

/// A delta: the size of its base, the size of its result, and instructions.
#[must_use]
pub fn delta(base_size: u64, size: u64, instructions: &[Vec<u8>]) -> Vec<u8> {
    let mut delta = Vec::new();
    for mut number in [base_size, size] {
        while number > 0x7f {
            delta.push(low_bits(number, 0x80));
            number >>= 7;
        }
        delta.push(low_bits(number, 0));
    }
    delta.extend(instructions.concat());
    delta
}

/// The instruction to copy this part of the base, at most 16 MiB minus one byte.
#[must_use]
pub fn copy(offset: u32, length: u32) -> Vec<u8> {
    let [l0, l1, l2, _] = length.to_le_bytes();
    [&[0xff][..], &offset.to_le_bytes(), &[l0, l1, l2]].concat()
}

/// The instruction to insert these bytes, at most 127.
#[must_use]
pub fn insert(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap_or(0x7f)][..], bytes].concat()
}

/// The id of an object.
#[must_use]
pub fn object_name(kind: &str, content: &[u8]) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(format!("{kind} {}\0", content.len()));
    sha1.update(content);
    crate::hex::hex(&sha1.finalize())
}

fn low_bits(number: u64, more: u8) -> u8 {
    number.to_le_bytes()[0] & 0x7f | more
}
