//! Packs that are kept: complete ones of a commit, and marks for those that were cut off.

use std::fs::File;
use std::io::{self, Read as _, Seek, SeekFrom, Write};

use url_parse::CommitId;

use crate::kept::Kept;

/// Larger packs are not kept. Packs of models have a few megabytes; those with a whole history are
/// never kept.
const LARGEST: u64 = 64 << 20;

/// Being cut off earlier than this loses little.
const WORTH_NOTING: u64 = 16 << 10;

/// What is kept of the pack of one object and everything it refers to.
#[derive(Clone)]
pub(super) struct Shelf {
    kept: Kept,
    object: CommitId,
}

impl Shelf {
    pub(super) fn new(kept: &Kept, object: CommitId) -> Self {
        Self { kept: kept.clone(), object }
    }

    fn pack(&self) -> String {
        format!("pack-{}", self.object)
    }

    fn note(&self) -> String {
        format!("cut-off-{}", self.object)
    }

    /// Copies the pack to `spool`, where no other user can write to it. Returns whether there is one.
    pub(super) fn take(&self, spool: &mut File) -> io::Result<bool> {
        let Some(pack) = self.kept.open(&self.pack(), LARGEST) else { return Ok(false) };
        io::copy(&mut pack.take(LARGEST), spool)?;
        Ok(true)
    }

    /// Keeps a pack that was scanned, reading it from its start.
    pub(super) fn keep(&self, spool: &mut File) -> io::Result<()> {
        if spool.metadata()?.len() <= LARGEST {
            spool.rewind()?;
            self.kept.keep(&self.pack(), spool);
        }
        self.kept.remove(&self.note());
        Ok(())
    }

    /// Discards everything; the next fetch starts from scratch.
    pub(super) fn clear(&self) {
        self.kept.remove(&self.pack());
        self.kept.remove(&self.note());
    }

    /// Whether an earlier fetch was cut off while receiving the pack.
    pub(super) fn was_cut_off(&self) -> bool {
        self.kept.is_there(&self.note())
    }
}

/// The file that a pack is spooled to. Leaves a mark on the shelf once enough has arrived.
pub(super) struct Spool<'a> {
    pub(super) file: &'a mut File,
    pub(super) shelf: Option<Shelf>,
    pub(super) received: u64,
}

impl Write for Spool<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.received += written as u64;
        if self.received >= WORTH_NOTING
            && let Some(shelf) = self.shelf.take()
        {
            drop(shelf.kept.begin(&shelf.note()));
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Spool<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
