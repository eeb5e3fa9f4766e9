//! Hashing files while they are written: whoever writes says up to where a file is whole, and threads of
//! their own read it back (from the page cache, as a rule) and hash it, many files at a time. Bytes may so
//! arrive in any order, and connections never wait for a digest.

mod job;
mod queue;
mod read;
mod stage;
mod verify;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use job::HashJob;
#[allow(unused_imports, reason = "for the fetcher")]
pub(crate) use stage::{HashHandle, HashStage};
pub use verify::verify_files;

/// How much of a file is read and hashed at once. A file is hashed in whole blocks until its last.
const BLOCK_BYTES: usize = 64 << 10;
