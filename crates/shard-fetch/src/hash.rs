//! Hashing files while they are written: the writer says up to where a file is whole, and threads of their own hash it,
//! many files at a time. What arrives in the file's order is hashed from memory, as far as that is allowed to hold; what
//! does not is read back, as a rule from the page cache. Connections never wait for a digest.
//!
//! A file's MD5 cannot be computed on several cores or in the lanes of a vector register, but those of
//! several files can. With the feature `fast-md5` a thread takes a block of up to 16 files, computes SHA-256
//! one after another while the block is in the cache, and then MD5 of all at once (`lanes`). Nobody waits for
//! lanes to fill: a thread takes what is there. A file whose MD5 is wrong by that engine is read once more and
//! hashed by `md-5` before that counts.

mod batch;
mod fresh;
mod job;
#[cfg_attr(not(feature = "fast-md5"), path = "hash/no_lanes.rs")]
mod lanes;
mod queue;
mod read;
mod stage;
mod verify;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use job::HashJob;
pub(crate) use stage::{HashHandle, HashStage};
pub use verify::verify_files;
