//! MD5 of several files at once, in the lanes of vector registers.

use md5_many::{Md5Many, Md5State};

use super::read::BLOCK_BYTES;
use crate::Md5Digest;

#[cfg(test)]
mod tests;

/// The most files that are hashed at once.
pub(super) const MAX_LANES: usize = 16;

/// The content of unused lanes.
static DUMMY: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// The MD5 of the first bytes of a file. Only this engine can continue it.
pub(super) struct Stream(Md5State);

impl Stream {
    /// Adds the file's next bytes without sharing lanes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(&self) -> Md5Digest {
        Md5Digest::from_bytes(self.0.finalize())
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

    /// The MD5 of a file before its first byte.
    #[expect(clippy::unused_self, reason = "where there is no engine, there is no stream")]
    pub(super) fn new_stream(self) -> Stream {
        Stream(Md5State::new())
    }

    /// An engine that computes wrong results in the first lane.
    #[cfg(test)]
    pub(super) fn faulty() -> Option<Self> {
        Self::detect().map(|engine| Self { faulty: true, ..engine })
    }

    /// Adds a block to each of up to [`MAX_LANES`] files. All blocks have the same length, a multiple
    /// of 64 and at most [`BLOCK_BYTES`].
    pub(super) fn update(self, streams: &mut [&mut Stream], blocks: &[&[u8]]) {
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
            *state = stream.0;
            *input = block;
        }
        #[cfg(test)]
        if self.faulty {
            inputs[0] = &DUMMY[..length];
        }
        if let (Some(states), Some(inputs)) = (states.get_mut(..lanes), inputs.get(..lanes)) {
            self.many.update_many(states, inputs);
        }
        for (stream, state) in streams.iter_mut().zip(states) {
            stream.0 = state;
        }
    }

    /// How many lanes to use for this many files: always 8 or 16, since the engine is slow in between.
    /// `None` if hashing one by one is faster. Measured; see docs/performance.md.
    fn lanes_for(self, files: usize) -> Option<usize> {
        match (self.native, files) {
            (_, 0 | 1 | 17..) | (Native::Four, 2 | 3) => None,
            (Native::Four | Native::Eight, ..=8) => Some(8),
            (Native::Sixteen, _) | (_, 9..) => Some(16),
        }
    }
}
