//! Bytes that were just written and are kept in memory, so that they need not be read back. No I/O.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;

use bytes::BytesMut;
use parking_lot::Mutex;

use super::read::BLOCK_BYTES;

/// How many blocks are kept for all files of a stage: 4 MiB. Others are read back.
const MOST_BLOCKS: usize = 64;

/// The memory shared by all files of a stage.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<FreeBlocks>>);

struct FreeBlocks {
    /// One contiguous allocation, so that blocks do not fragment the heap. The system provides the
    /// pages when they are used.
    free: Vec<BytesMut>,
}

impl Default for FreeBlocks {
    fn default() -> Self {
        let mut all = BytesMut::zeroed(MOST_BLOCKS * BLOCK_BYTES);
        Self { free: (0..MOST_BLOCKS).map(|_| all.split_to(BLOCK_BYTES)).rev().collect() }
    }
}

/// A block of memory, returned when dropped.
pub(super) struct MemoryBlock {
    bytes: BytesMut,
    memory: Memory,
}

/// The blocks of one file that are not hashed yet, in order. They are copies, since a chunk from the
/// network keeps several times its size alive.
pub(super) struct Fresh {
    blocks: Mutex<VecDeque<Filled>>,
    memory: Memory,
}

/// A block starting at a multiple of its size, filled up to a position.
struct Filled {
    start: u64,
    length: usize,
    block: MemoryBlock,
}

impl Filled {
    fn end(&self) -> u64 {
        self.start + self.length as u64
    }
}

impl Memory {
    fn block(&self) -> Option<MemoryBlock> {
        let bytes = self.0.lock().free.pop()?;
        Some(MemoryBlock { bytes, memory: self.clone() })
    }
}

impl Deref for MemoryBlock {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for MemoryBlock {
    fn drop(&mut self) {
        self.memory.0.lock().free.push(std::mem::take(&mut self.bytes));
    }
}

impl Fresh {
    pub(super) fn new(memory: Memory) -> Self {
        Self { blocks: Mutex::default(), memory }
    }

    /// Keeps the bytes written at `at`, if there is space: whole blocks, and the beginning of one.
    pub(super) fn offer(&self, mut at: u64, mut bytes: &[u8]) {
        let mut blocks = self.blocks.lock();
        while !bytes.is_empty() {
            if blocks.back().is_none_or(|last| last.end() != at || last.length == BLOCK_BYTES) {
                let before = usize::try_from(at.next_multiple_of(BLOCK_BYTES as u64) - at).unwrap_or(0);
                let Some(rest) = bytes.get(before..).filter(|rest| !rest.is_empty()) else { return };
                let Some(block) = self.memory.block() else { return };
                (at, bytes) = (at + before as u64, rest);
                blocks.push_back(Filled { start: at, length: 0, block });
            }
            let Some(last) = blocks.back_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - last.length));
            let end = last.length + now.len();
            if let Some(place) = last.block.bytes.get_mut(last.length..end) {
                place.copy_from_slice(now);
            }
            last.length = end;
            (at, bytes) = (at + now.len() as u64, later);
        }
    }

    /// Takes the block of `length` bytes at `at`, if it is kept. Afterwards neither it nor any earlier
    /// one is kept.
    pub(super) fn take(&self, at: u64, length: usize) -> Option<MemoryBlock> {
        let mut blocks = self.blocks.lock();
        while blocks.front().is_some_and(|first| first.start < at) {
            blocks.pop_front();
        }
        blocks.front().is_some_and(|first| first.start == at && first.length >= length).then_some(())?;
        blocks.pop_front().map(|first| first.block)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCK: u64 = BLOCK_BYTES as u64;

    fn content(at: u64, length: usize) -> Vec<u8> {
        (at..).take(length).map(|place| (place % 251).to_le_bytes()[0]).collect()
    }

    fn in_use(memory: &Memory) -> usize {
        MOST_BLOCKS - memory.0.lock().free.len()
    }

    #[test]
    fn bytes_after_a_gap_are_kept_from_the_next_whole_block() {
        let memory = Memory::default();
        let fresh = Fresh::new(memory.clone());
        fresh.offer(10, &content(10, BLOCK_BYTES));
        assert!(fresh.take(0, BLOCK_BYTES).is_none());
        assert!(fresh.take(BLOCK, BLOCK_BYTES).is_none(), "only its beginning is there");
        fresh.offer(BLOCK + 10, &content(BLOCK + 10, BLOCK_BYTES));
        assert_eq!(&*fresh.take(BLOCK, BLOCK_BYTES).unwrap(), content(BLOCK, BLOCK_BYTES));
        // The end of a file.
        assert_eq!(fresh.take(2 * BLOCK, 10).unwrap()[..10], content(2 * BLOCK, 10));
        fresh.offer(4 * BLOCK, &content(4 * BLOCK, BLOCK_BYTES));
        // Starting over: the kept blocks are for later.
        assert!(fresh.take(0, BLOCK_BYTES).is_none());
        assert_eq!(in_use(&memory), 1);
        drop(fresh);
        assert_eq!(in_use(&memory), 0);
    }

    #[test]
    fn all_files_together_keep_no_more_than_the_limit() {
        let memory = Memory::default();
        let (one, two) = (Fresh::new(memory.clone()), Fresh::new(memory.clone()));
        one.offer(0, &content(0, 2 * MOST_BLOCKS * BLOCK_BYTES));
        two.offer(0, &content(0, BLOCK_BYTES));
        assert_eq!(in_use(&memory), MOST_BLOCKS);
        assert!(two.take(0, BLOCK_BYTES).is_none());
        let taken = one.take(0, BLOCK_BYTES).unwrap();
        assert_eq!(in_use(&memory), MOST_BLOCKS);
        drop(taken);
        two.offer(BLOCK, &content(BLOCK, BLOCK_BYTES));
        assert_eq!(&*two.take(BLOCK, BLOCK_BYTES).unwrap(), content(BLOCK, BLOCK_BYTES));
    }

    proptest! {
        /// Whatever was offered and had space: a block that is taken has the right bytes.
        #[test]
        fn a_block_is_what_was_written(
            chunks in proptest::collection::vec((1_usize..3 * BLOCK_BYTES, any::<bool>(), any::<bool>()), 1..20),
        ) {
            let fresh = Fresh::new(Memory::default());
            let (mut at, mut next) = (0, 0);
            for (length, is_offered, is_taken) in chunks {
                if is_offered {
                    fresh.offer(at, &content(at, length));
                }
                at += length as u64;
                while is_taken && next + BLOCK <= at {
                    if let Some(block) = fresh.take(next, BLOCK_BYTES) {
                        prop_assert!(block[..] == content(next, BLOCK_BYTES));
                    }
                    next += BLOCK;
                }
            }
        }
    }
}
