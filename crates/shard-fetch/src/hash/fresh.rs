//! What was just written and is still in memory, so that it need not be read back. No I/O.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

/// So many bytes are kept for all files of a stage. What is more is read back.
const MOST_BYTES: usize = 2 << 20;

/// How many bytes all files of a stage keep in memory.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<AtomicUsize>);

/// The chunks of one file that are not hashed yet, in order.
pub(super) struct Fresh {
    chunks: Mutex<VecDeque<(u64, Bytes)>>,
    kept: Kept,
}

/// Where the bytes that were asked for are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Here, without a copy.
    Here(Bytes),
    /// So many are in the caller's buffer; the others are to be read.
    Copied(usize),
}

impl Fresh {
    pub(super) fn new(kept: Kept) -> Self {
        Self { chunks: Mutex::default(), kept }
    }

    /// Keeps what was written from `at` on, if there is room.
    pub(super) fn offer(&self, at: u64, bytes: Bytes) {
        let length = bytes.len();
        if self.kept.0.fetch_add(length, Ordering::Relaxed) + length > MOST_BYTES {
            self.kept.release(length);
            return;
        }
        self.chunks.lock().push_back((at, bytes));
    }

    /// The bytes from `at` on that would fill `block`. What is before them is let go.
    pub(super) fn find(&self, at: u64, block: &mut [u8]) -> Found {
        let mut chunks = self.chunks.lock();
        while let Some((start, bytes)) = chunks.front()
            && start + bytes.len() as u64 <= at
        {
            self.kept.release(bytes.len());
            chunks.pop_front();
        }
        let mut copied = 0;
        for (start, bytes) in &*chunks {
            let wanted = at + copied as u64;
            let Some(skip) = wanted.checked_sub(*start).and_then(|skip| usize::try_from(skip).ok()) else {
                break;
            };
            let Some(rest) = bytes.get(skip..) else { break };
            if copied == 0 && rest.len() >= block.len() {
                return Found::Here(bytes.slice(skip..skip + block.len()));
            }
            let length = rest.len().min(block.len() - copied);
            if let (Some(to), Some(from)) = (block.get_mut(copied..copied + length), rest.get(..length)) {
                to.copy_from_slice(from);
            }
            copied += length;
            if copied == block.len() {
                break;
            }
        }
        Found::Copied(copied)
    }
}

impl Kept {
    fn release(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.kept.release(self.chunks.get_mut().iter().map(|(_, bytes)| bytes.len()).sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(bytes: &'static [u8]) -> Bytes {
        Bytes::from_static(bytes)
    }

    #[test]
    fn chunks_are_found_whole_joined_or_in_part() {
        let (kept, mut block) = (Kept::default(), [0; 4]);
        let fresh = Fresh::new(kept.clone());
        fresh.offer(0, chunk(b"abcdef"));
        fresh.offer(6, chunk(b"gh"));
        fresh.offer(8, chunk(b"i"));
        // There was no room for those in between.
        fresh.offer(20, chunk(b"uvwx"));
        assert_eq!(fresh.find(0, &mut block), Found::Here(chunk(b"abcd")));
        assert_eq!((fresh.find(4, &mut block), &block), (Found::Copied(4), b"efgh"));
        assert_eq!((fresh.find(8, &mut block), block[0]), (Found::Copied(1), b'i'));
        assert_eq!(fresh.find(9, &mut block), Found::Copied(0));
        assert_eq!(fresh.find(18, &mut block), Found::Copied(0));
        assert_eq!(fresh.find(20, &mut block), Found::Here(chunk(b"uvwx")));
        // From the start again: nothing is there any more.
        assert_eq!(fresh.find(0, &mut block), Found::Copied(0));
        assert_eq!(kept.0.load(Ordering::Relaxed), 4);
        drop(fresh);
        assert_eq!(kept.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_files_together_keep_no_more_than_the_bound() {
        let kept = Kept::default();
        let (one, two) = (Fresh::new(kept.clone()), Fresh::new(kept.clone()));
        let half = Bytes::from(vec![0; MOST_BYTES / 2]);
        one.offer(0, half.clone());
        two.offer(0, half.clone());
        two.offer(half.len() as u64, chunk(b"a"));
        assert_eq!(kept.0.load(Ordering::Relaxed), MOST_BYTES);
        drop(one);
        two.offer(half.len() as u64, chunk(b"a"));
        assert_eq!(kept.0.load(Ordering::Relaxed), MOST_BYTES / 2 + 1);
    }
}
