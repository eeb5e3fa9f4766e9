//! Plain files that were left out of the pack: fetched one by one over `/resolve/`, each resuming where
//! an earlier run stopped.

use std::io::Write as _;

use git2::Oid;
use url_parse::{CommitId, DiskError, RepoPath};

use super::pack::Limits;
use super::session::{Body, Session};
use crate::Error;
use crate::kept::{Kept, is_blob, name_of};

/// Files from this size on are left out of such a pack. LFS pointers are smaller, and are always
/// needed.
pub(super) const LEFT_OUT_FROM: usize = crate::lfs_pointer::MAX_POINTER_BYTES;

pub(super) struct PlainFiles<'a> {
    pub(super) session: &'a Session,
    pub(super) kept: &'a Kept,
    pub(super) commit: CommitId,
}

impl PlainFiles<'_> {
    /// The content of a file, whose git blob has this id.
    pub(super) fn bring(&self, path: &RepoPath, blob: Oid) -> Result<Vec<u8>, Error> {
        let begun = self.kept.read(&name_of(blob), self.limit()).unwrap_or_default();
        if is_blob(blob, &begun) {
            return Ok(begun);
        }
        let is_resumed = !begun.is_empty();
        match self.fetch(path, blob, begun)? {
            // The kept part may have been damaged.
            None if is_resumed => self.fetch(path, blob, Vec::new())?,
            content => content,
        }
        .ok_or_else(|| Error::WrongContent {
            model: self.session.model().clone(),
            path: path.clone(),
            blob: blob.to_string(),
        })
    }

    /// Fetches what is missing; `None` if the result is not the blob.
    fn fetch(&self, path: &RepoPath, blob: Oid, mut content: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
        let (name, from) = (name_of(blob), content.len() as u64);
        tracing::debug!(file = %path, from, "requesting a single plain file");
        let Some(mut body) = self.session.plain_file(&self.commit, path, from)? else {
            self.kept.remove(&name);
            return Ok(None);
        };
        let mut file = match body.first_byte() {
            0 => {
                content.clear();
                self.kept.begin(&name)
            }
            from => self.kept.go_on(&name, from),
        };
        self.take_all(&mut body, &mut content, &mut |piece| {
            let Some(file) = &mut file else { return Ok(()) };
            Ok(file
                .write_all(piece)
                .map_err(|source| DiskError::new("write", &self.kept.path(&name), source))?)
        })?;
        if is_blob(blob, &content) {
            return Ok(Some(content));
        }
        self.kept.remove(&name);
        Ok(None)
    }

    /// Every piece is kept as it arrives, since this process may be killed at any moment.
    fn take_all(
        &self,
        body: &mut Body,
        content: &mut Vec<u8>,
        keep: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while let Some(piece) = body.next(self.session)? {
            if (content.len() as u64).saturating_add(piece.len() as u64) > self.limit() {
                return Err(self.session.too_much("bytes in one plain file", self.limit()));
            }
            keep(&piece)?;
            content.extend_from_slice(&piece);
        }
        Ok(())
    }

    fn limit(&self) -> u64 {
        Limits::new(self.session.max_bytes()).file
    }
}
