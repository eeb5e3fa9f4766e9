//! How much a pack may hold, and what can be wrong with one.

use std::io;

/// What kind of object a pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    /// As git writes it before the content whose SHA-1 is the object's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }
}

/// How much a pack may hold; sizes are in bytes. docs/security.md has the same table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Objects.
    pub objects: u32,
    /// All objects together, unpacked, and the deltas that some of them are stored as.
    pub bytes: u64,
    /// A commit.
    pub commit: u64,
    /// A tree, which is a folder's list of names.
    pub tree: u64,
    /// A plain file.
    pub file: u64,
    /// An annotated tag.
    pub tag: u64,
    /// A delta, its base and what it unfolds to, which have to be in memory at once.
    pub delta: u64,
    /// Deltas between an object and the one that is stored whole.
    pub depth: u32,
    /// What is unpacked on the way to one object.
    pub chain: u64,
    /// The same for all objects together.
    pub work: u64,
}

impl Limits {
    /// The limits for a pack that may unpack to so many bytes.
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

    /// An object of this kind and size must not be over its limit.
    pub(super) fn check_size(&self, kind: Kind, size: u64) -> Result<(), Flaw> {
        match kind {
            Kind::Commit => within(size, "bytes in a commit", self.commit),
            Kind::Tree => within(size, "bytes in the list of a folder", self.tree),
            Kind::Blob => within(size, "bytes in a plain file", self.file),
            Kind::Tag => within(size, "bytes in a tag", self.tag),
        }
    }
}

/// An amount must not be over a limit.
pub(super) fn within(amount: u64, what: &'static str, limit: u64) -> Result<(), Flaw> {
    if amount > limit { Err(Flaw::TooMuch { what, limit }) } else { Ok(()) }
}

/// Why a pack is not unpacked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Flaw {
    /// It holds more than it may.
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// It contradicts itself, although it is as it was made.
    Broken(&'static str),
    /// Its checksum does not match: it was cut or changed on the way.
    Damaged,
    /// It could not be read.
    Disk(io::Error),
    /// It is not wanted any more.
    Cancelled,
}
