//! MD5 and SHA-256 of several files at once, in the lanes of vector registers.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod sha256;
#[cfg(test)]
mod tests;

use md5_many::{Md5Many, Md5State};

use self::sha256::Sha256Stream;
use super::read::BLOCK_BYTES;
use crate::{Digests, Expected};

/// The most files that are hashed at once.
pub(super) const MAX_LANES: usize = sha256::LANES;

/// The content of unused lanes.
static DUMMY: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// The digests of the first bytes of a file, as far as they are computed in lanes.
pub(super) struct Stream {
    md5: Option<Md5State>,
    sha256: Option<Sha256Stream>,
}

impl Stream {
    /// Adds the file's next bytes without sharing lanes: a multiple of 64, except for the last ones.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// What is left of `expected` to be computed elsewhere.
    pub(super) fn rest_of(&self, expected: Expected) -> Expected {
        let md5 = expected.md5.filter(|_| self.md5.is_none());
        let sha256 = expected.sha256.filter(|_| self.sha256.is_none());
        Expected { md5, sha256, ..expected }
    }

    /// Adds these digests to those computed elsewhere.
    pub(super) fn finish(&self, digests: &mut Digests) {
        if let Some(md5) = &self.md5 {
            digests.md5 = Some(md5.finalize().into());
        }
        if let Some(sha256) = &self.sha256 {
            digests.sha256 = Some(sha256.finish());
        }
    }
}

/// The abilities of this machine.
#[derive(Clone, Copy)]
pub(super) struct Engine {
    many: Md5Many,
    native: Native,
    #[cfg(test)]
    faulty: bool,
}

/// The number of lanes in a vector register.
#[derive(Clone, Copy)]
enum Native {
    Four,
    Eight,
    Sixteen,
}

impl Engine {
    /// `None` if lanes would not help.
    pub(super) fn detect() -> Option<Self> {
        let many = Md5Many::new();
        let native = match many.lanes() {
            16 => Native::Sixteen,
            8 => Native::Eight,
            4 => Native::Four,
            _ => return None,
        };
        Some(Self {
            many,
            native,
            #[cfg(test)]
            faulty: false,
        })
    }

    /// A file before its first byte; `None` if none of its digests is computed in lanes.
    pub(super) fn new_stream(self, expected: &Expected) -> Option<Stream> {
        let md5 = expected.md5.map(|_| Md5State::new());
        // Fewer lanes are slower than the instructions for SHA-256.
        let has_lanes = matches!(self.native, Native::Sixteen);
        let sha256 = expected.sha256.filter(|_| has_lanes).map(|_| Sha256Stream::new());
        (md5.is_some() || sha256.is_some()).then_some(Stream { md5, sha256 })
    }

    /// An engine that computes wrong results in the first lane.
    #[cfg(test)]
    pub(super) fn faulty() -> Option<Self> {
        Self::detect().map(|engine| Self { faulty: true, ..engine })
    }

    /// Adds a block to each of up to [`MAX_LANES`] files. All blocks have the same length, a multiple
    /// of 64 and at most [`BLOCK_BYTES`].
    pub(super) fn update(self, streams: &mut [&mut Stream], blocks: &[&[u8]]) {
        #[cfg(test)]
        let blocks = &*self.spoil(blocks);
        let of_md5 =
            streams.iter_mut().zip(blocks).filter_map(|(stream, block)| Some((stream.md5.as_mut()?, *block)));
        let (mut md5, inputs): (Vec<_>, Vec<_>) = of_md5.unzip();
        self.update_md5(&mut md5, &inputs);
        let of_sha256 = streams
            .iter_mut()
            .zip(blocks)
            .filter_map(|(stream, block)| Some((stream.sha256.as_mut()?, *block)));
        let (mut sha256, inputs): (Vec<_>, Vec<_>) = of_sha256.unzip();
        sha256::update_many(&mut sha256, &inputs);
    }

    fn update_md5(self, streams: &mut [&mut Md5State], blocks: &[&[u8]]) {
        let Some(lanes) = self.lanes_for(streams.len()) else {
            for (stream, block) in streams.iter_mut().zip(blocks) {
                stream.update(block);
            }
            return;
        };
        let length = blocks.first().map_or(0, |block| block.len());
        let mut states = [Md5State::new(); MAX_LANES];
        let mut inputs = [DUMMY.get(..length).unwrap_or_default(); MAX_LANES];
        for (((state, input), stream), block) in
            states.iter_mut().zip(&mut inputs).zip(streams.iter()).zip(blocks)
        {
            *state = **stream;
            *input = block;
        }
        if let (Some(states), Some(inputs)) = (states.get_mut(..lanes), inputs.get(..lanes)) {
            self.many.update_many(states, inputs);
        }
        for (stream, state) in streams.iter_mut().zip(states) {
            **stream = state;
        }
    }

    /// What a faulty engine hashes.
    #[cfg(test)]
    fn spoil<'a>(self, blocks: &[&'a [u8]]) -> Vec<&'a [u8]> {
        let mut blocks = blocks.to_vec();
        if let Some(first) = blocks.first_mut().filter(|_| self.faulty) {
            *first = &DUMMY[..first.len()];
        }
        blocks
    }

    /// How many lanes to use for the MD5 of this many files: always 8 or 16, since the engine is slow in between.
    /// `None` if hashing one by one is faster. Measured; see docs/performance.md.
    fn lanes_for(self, files: usize) -> Option<usize> {
        match (self.native, files) {
            (_, 0 | 1 | 17..) | (Native::Four, 2 | 3) => None,
            (Native::Four | Native::Eight, ..=8) => Some(8),
            (Native::Sixteen, _) | (_, 9..) => Some(16),
        }
    }
}
