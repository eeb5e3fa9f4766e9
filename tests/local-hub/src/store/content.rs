//! The content of a file: given bytes, or bytes generated from a seed.

use bytes::Bytes;

const BLOCK: usize = 64 * 1024;

/// The contents of one file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Given(Bytes),
    /// Incompressible bytes, the same in every run. Two seeds never give the same bytes (beyond the
    /// first few), nor do two positions in one file, so that a misplaced range is noticed.
    Generated {
        seed: u64,
        size: u64,
    },
}

impl Content {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Given(bytes) => bytes.len() as u64,
            Self::Generated { size, .. } => *size,
        }
    }

    /// The bytes in order, piece by piece.
    pub(crate) fn pieces(&self) -> Pieces {
        match self {
            Self::Given(bytes) => Pieces::Given(Some(bytes.clone())),
            Self::Generated { seed, size } => {
                Pieces::Generated { block: first_block(*seed, *size), number: 0, left: *size }
            }
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.pieces().fold(Vec::new(), |mut bytes, piece| {
            bytes.extend_from_slice(&piece);
            bytes
        })
    }
}

impl<B: Into<Vec<u8>>> From<B> for Content {
    fn from(bytes: B) -> Self {
        Self::Given(Bytes::from(bytes.into()))
    }
}

/// Iterator over the bytes of a [`Content`].
pub(crate) enum Pieces {
    Given(Option<Bytes>),
    Generated { block: Vec<u8>, number: u64, left: u64 },
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Given(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()),
            Self::Generated { left: 0, .. } => None,
            Self::Generated { block, number, left } => {
                // One block of noise per file, with every copy stamped: unlike generating all of it,
                // this costs almost nothing, and a distance of 64 KiB exceeds zlib's window.
                for (byte, stamp) in block.iter_mut().zip((*number).to_be_bytes()) {
                    *byte ^= stamp;
                }
                let length = usize::try_from(*left).map_or(block.len(), |left| left.min(block.len()));
                let piece = Bytes::copy_from_slice(block.get(..length).unwrap_or(block));
                for (byte, stamp) in block.iter_mut().zip((*number).to_be_bytes()) {
                    *byte ^= stamp;
                }
                *number += 1;
                *left -= length as u64;
                Some(piece)
            }
        }
    }
}

fn first_block(seed: u64, size: u64) -> Vec<u8> {
    let length = usize::try_from(size).map_or(BLOCK, |size| size.min(BLOCK));
    let mut state = seed;
    let mut block = Vec::with_capacity(length + 8);
    while block.len() < length {
        block.extend_from_slice(&split_mix(&mut state).to_le_bytes());
    }
    block.truncate(length);
    block
}

/// The splitmix64 generator.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(seed: u64, size: u64) -> Vec<u8> {
        Content::Generated { seed, size }.to_vec()
    }

    #[test]
    fn has_the_size_that_was_asked_for() {
        for size in [0, 1, 7, 8, 9, 65_535, 65_536, 65_537, 200_000] {
            assert_eq!(generated(1, size).len() as u64, size);
        }
    }

    #[test]
    fn generated_bytes_depend_on_the_seed_alone() {
        assert_eq!(generated(7, 1000), generated(7, 1000));
        assert_ne!(generated(7, 1000), generated(8, 1000));
        assert_eq!(generated(7, 100), generated(7, 1000)[..100]);
    }

    #[test]
    fn no_two_blocks_are_alike() {
        let bytes = generated(3, 4 * BLOCK as u64);
        let blocks: std::collections::HashSet<&[u8]> = bytes.chunks(BLOCK).collect();
        assert_eq!(blocks.len(), 4);
    }
}
