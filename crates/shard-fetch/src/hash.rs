//! Hashes files while they are written: the writer reports how far a file is complete, and separate
//! threads hash it, many files at a time. Bytes that arrive in order are hashed from memory, within a
//! limit; others are read back, usually from the page cache. Connections never wait for a digest.
//!
//! A digest of one file cannot use several cores or vector lanes, but those of several files can. With the
//! feature `hash-lanes` a thread takes one block each of up to 16 files and computes their MD5 all at once,
//! and with AVX-512 their SHA-256 too (`lanes`). Full lanes cost no more than a few, so a thread waits for
//! them, but neither long nor until it is far behind (`queue`). If a digest from a lane is wrong, the file is
//! read again and hashed with `md-5` and `sha2` before it counts as damaged.

mod batch;
mod fresh;
mod job;
#[cfg_attr(not(feature = "hash-lanes"), path = "hash/no_lanes.rs")]
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
