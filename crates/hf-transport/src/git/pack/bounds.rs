//! The limits on a pack, and what can be wrong with one.

use std::io;

/// The kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    /// The word with which git begins the hashed form of an object.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// Limits on a pack; sizes are in bytes. docs/security.md has the same table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The number of objects.
    pub objects: u32,
    /// All objects together, unpacked, plus the deltas that store some of them.
    pub bytes: u64,
    /// One commit.
    pub commit: u64,
    /// One tree, which is a folder's listing.
    pub tree: u64,
    /// One plain file.
    pub file: u64,
    /// One annotated tag.
    pub tag: u64,
    /// A delta, its base and its result, all of which are in memory at once.
    pub delta: u64,
    /// The number of deltas between an object and one that is stored whole.
    pub depth: u32,
    /// The bytes unpacked on the way to one object.
    pub chain: u64,
    /// The same for all objects together.
    pub work: u64,
}

impl Limits {
    /// The limits for a pack that may unpack to this many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self {
            objects: 250_000,
            bytes,
            commit: 1 << 20,
            tree: 16 << 20,
            file: 256 << 20,
            tag: 1 << 20,
            delta: 96 << 20,
            depth: 64,
            chain: 512 << 20,
            work: bytes.saturating_mul(4),
        }
    }

    /// Checks the size of an object of this kind.
    pub(super) fn check_size(&self, kind: Kind, size: u64) -> Result<(), Flaw> {
        match kind {
            Kind::Commit => within(size, "bytes in a commit", self.commit),
            Kind::Tree => within(size, "bytes in the list of a folder", self.tree),
            Kind::Blob => within(size, "bytes in a plain file", self.file),
            Kind::Tag => within(size, "bytes in a tag", self.tag),
        }
    }
}

/// Checks an amount against a limit.
pub(super) fn within(amount: u64, what: &'static str, limit: u64) -> Result<(), Flaw> {
    if amount > limit { Err(Flaw::TooMuch { what, limit }) } else { Ok(()) }
}

/// Why a pack is not unpacked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Flaw {
    /// It exceeds a limit.
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// It contradicts itself, although its checksum is right.
    Broken(&'static str),
    /// Its checksum is wrong: it was truncated or changed in transit.
    Damaged,
    /// It could not be read.
    Disk(io::Error),
    /// The result is no longer wanted.
    Cancelled,
}
