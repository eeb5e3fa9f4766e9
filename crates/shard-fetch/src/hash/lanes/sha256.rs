//! SHA-256 of several files at once, where it is faster than one after another.

use sha2::block_api::compress256;

use crate::Sha256Digest;

/// FIPS 180-4, section 5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// How many files are hashed at once.
pub(super) const LANES: usize = 16;

/// With fewer files, the instructions for SHA-256 of one file are faster. Measured; see docs/decisions.md.
const WORTH_IT: usize = 8;

/// The SHA-256 of the first bytes of a file.
#[derive(Clone)]
pub(super) struct Sha256Stream {
    state: [u32; 8],
    size: u64,
    /// What is left of the last bytes after whole blocks.
    tail: [u8; 64],
}

impl Sha256Stream {
    pub(super) fn new() -> Self {
        Self { state: INITIAL, size: 0, tail: [0; 64] }
    }

    /// Adds the file's next bytes: a multiple of 64, except for the last ones.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        debug_assert!(self.size.is_multiple_of(64), "bytes after the last ones");
        let (blocks, tail) = bytes.as_chunks();
        compress256(&mut self.state, blocks);
        self.tail[..tail.len()].copy_from_slice(tail);
        self.size += bytes.len() as u64;
    }

    pub(super) fn finish(&self) -> Sha256Digest {
        let tail = (self.size % 64) as usize;
        let mut end = [[0; 64]; 2];
        let padded = end.as_flattened_mut();
        padded[..tail].copy_from_slice(&self.tail[..tail]);
        padded[tail] = 0x80;
        let length = if tail < 56 { 64 } else { 128 };
        padded[length - 8..length].copy_from_slice(&(self.size * 8).to_be_bytes());
        let mut state = self.state;
        compress256(&mut state, &end[..length / 64]);
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_be_bytes();
        }
        Sha256Digest::from_bytes(digest)
    }
}

/// Adds a block to each of up to [`LANES`] files. All blocks have the same length, a multiple of 64.
pub(super) fn update_many(streams: &mut [&mut Sha256Stream], blocks: &[&[u8]]) {
    let (Some(first), WORTH_IT..) = (blocks.first(), streams.len()) else {
        for (stream, block) in streams.iter_mut().zip(blocks) {
            stream.update(block);
        }
        return;
    };
    let (mut states, mut inputs) = ([INITIAL; LANES], [first.as_chunks().0; LANES]);
    for (((state, input), stream), block) in
        states.iter_mut().zip(&mut inputs).zip(streams.iter()).zip(blocks)
    {
        *state = stream.state;
        *input = block.as_chunks().0;
    }
    compress_many(&mut states, &inputs);
    for (stream, state) in streams.iter_mut().zip(states) {
        stream.state = state;
        stream.size += first.len() as u64;
    }
}

fn compress_many(states: &mut [[u32; 8]; LANES], inputs: &[&[[u8; 64]]; LANES]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(level) = fearless_simd::Level::new().as_avx512() {
        return super::avx512::compress(level, states, inputs);
    }
    for (state, input) in states.iter_mut().zip(inputs) {
        compress256(state, input);
    }
}
