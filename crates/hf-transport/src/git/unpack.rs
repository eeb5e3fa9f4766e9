//! Unpacks a pack: scans it, passes it to libgit2, and finds the commit in it.

use std::io::{self, Read, Seek, Write as _};
use std::path::Path;

use git2::{ErrorClass, ObjectType, Odb, Oid, Repository, RepositoryInitOptions};
use net::SafeUrl;
use url_parse::{DiskError, Revision};

use super::pack::{Costs, Flaw, Limits, scan};
use super::shelf::Shelf;
use super::task::Task;
use super::wanted::Wanted;
use crate::Error;

/// How many levels of tags of tags are followed.
const MAX_TAGS: usize = 8;
/// How much of a pack libgit2 gets at a time; it can be stopped in between.
const PIECE: usize = 64 << 10;

/// A commit, and the repository that contains it.
pub(super) struct FetchedCommit {
    pub(super) repository: Repository,
    pub(super) id: Oid,
    pub(super) costs: Costs,
    /// Where its pack is kept.
    pub(super) shelf: Option<Shelf>,
}

/// A repository that packs are unpacked into.
pub(super) struct Unpacking<'a> {
    pub(super) task: &'a Task,
    pub(super) scratch: &'a Path,
    pub(super) repository: Repository,
}

impl<'a> Unpacking<'a> {
    /// Creates it in an empty folder.
    pub(super) fn new(task: &'a Task, scratch: &'a Path) -> Result<Self, Error> {
        let mut options = RepositoryInitOptions::new();
        options.bare(true).external_template(false);
        let repository =
            Repository::init_opts(scratch, &options).map_err(|error| failure(task, scratch, &error))?;
        Ok(Self { task, scratch, repository })
    }

    /// Scans a pack and unpacks it. Returns the commit in it and the cost of its objects. `url` is its
    /// origin.
    pub(super) fn open(
        &self,
        pack: &mut (impl Read + Seek),
        wanted: &Wanted,
        url: &SafeUrl,
    ) -> Result<(Oid, Costs), Error> {
        let is_cancelled = || self.task.cancelled.is_cancelled();
        let costs = scan(pack, &Limits::new(self.task.max_bytes), &is_cancelled);
        let costs = costs.map_err(|flaw| self.flawed(flaw, url))?;
        self.unpack(pack)?;
        Ok((self.find(wanted)?, costs))
    }

    fn flawed(&self, flaw: Flaw, url: &SafeUrl) -> Error {
        let (model, url) = (self.task.model.clone(), url.clone());
        match flaw {
            Flaw::TooMuch { what, limit } => self.task.too_much(what, limit),
            Flaw::Broken(problem) => Error::BrokenPack { model, url, problem },
            Flaw::Damaged => Error::Git { model, url, source: "the pack was damaged on its way".into() },
            Flaw::Disk(error) => DiskError::new("keep a pack in", self.scratch, error).into(),
            Flaw::Cancelled => net::Error::Cancelled.into(),
        }
    }

    /// Passes a scanned pack to libgit2.
    fn unpack(&self, pack: &mut (impl Read + Seek)) -> Result<(), Error> {
        let Self { task, scratch, repository } = self;
        let failed = |error| failure(task, scratch, &error);
        let odb = repository.odb().map_err(failed)?;
        let mut writer = odb.packwriter().map_err(failed)?;
        // Called between objects.
        let cancelled = task.cancelled.clone();
        writer.progress(move |_| !cancelled.is_cancelled());
        let disk = |source: io::Error| Error::from(DiskError::new("read a pack in", scratch, source));
        pack.rewind().map_err(disk)?;
        let mut piece = vec![0; PIECE];
        loop {
            if task.cancelled.is_cancelled() {
                return Err(net::Error::Cancelled.into());
            }
            let count = pack.read(&mut piece).map_err(disk)?;
            let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
            // libgit2's error has the message; the writer's has none.
            writer.write_all(read).map_err(|_| failed(git2::Error::last_error(-1)))?;
        }
        writer.commit().map(drop).map_err(failed)
    }

    /// Finds the commit, which is now present.
    fn find(&self, wanted: &Wanted) -> Result<Oid, Error> {
        let broken = |error| Error::broken_commit(&self.task.model, &error);
        let odb = self.repository.odb().map_err(broken)?;
        let (Wanted::Tip(object) | Wanted::Commit(object) | Wanted::Everything(object)) = wanted else {
            return Err(self.task.not_found());
        };
        let id = Oid::from_str(&object.to_string()).map_err(broken)?;
        if matches!(wanted, Wanted::Everything(_)) {
            let is_commit = matches!(odb.read_header(id), Ok((_, ObjectType::Commit)));
            return if is_commit { Ok(id) } else { Err(self.task.not_found()) };
        }
        let id = self.peel(&odb, id)?;
        match self.task.revision.as_ref().and_then(Revision::commit) {
            Some(asked) if asked.to_string() != id.to_string() => Err(self.task.not_found()),
            _ => Ok(id),
        }
    }

    /// The commit that an object leads to: itself, or the target of a tag.
    fn peel(&self, odb: &Odb<'_>, mut id: Oid) -> Result<Oid, Error> {
        let broken = |error| Error::broken_commit(&self.task.model, &error);
        for _ in 0..=MAX_TAGS {
            match odb.read_header(id).map_err(broken)?.1 {
                ObjectType::Commit => return Ok(id),
                ObjectType::Tag => id = self.repository.find_tag(id).map_err(broken)?.target_id(),
                _ => break,
            }
        }
        Err(broken(git2::Error::from_str("the reference leads to no commit")))
    }
}

/// The error for a failure in libgit2. Not a network failure, since the pack's checksum was right.
pub(super) fn failure(task: &Task, scratch: &Path, error: &git2::Error) -> Error {
    if task.cancelled.is_cancelled() {
        return net::Error::Cancelled.into();
    }
    match error.class() {
        ErrorClass::Os | ErrorClass::Filesystem => Error::scratch(&task.model, scratch, error),
        _ => Error::broken_commit(&task.model, error),
    }
}
