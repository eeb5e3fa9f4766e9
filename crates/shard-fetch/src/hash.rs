//! Hashes files while they are written: the writer reports how far a file is complete, and separate
//! threads hash it, many files at a time. Bytes that arrive in order are hashed from memory, within a
//! limit; others are read back, usually from the page cache. Connections never wait for a digest.
//!
//! The MD5 of one file cannot use several cores or vector lanes, but those of several files can. With
//! the feature `fast-md5` a thread takes one block each of up to 16 files, computes SHA-256 for one
//! after another while the block is in the cache, then MD5 for all at once (`lanes`). A thread does not
//! wait for all lanes to fill. If this engine computes a wrong MD5, the file is read again and hashed
//! with `md-5` before it counts as damaged.

mod batch;
mod fresh;
mod job;
#[cfg_attr(not(feature = "fast-md5"), path = "hash/no_lanes.rs")]
mod lanes;
mod queue;
mod read;
mod stage;
mod verify;

#[cfg(test)]
mod tests;

pub(crate) use job::HashJob;
pub(crate) use stage::{HashHandle, HashStage};
pub use verify::verify_files;
