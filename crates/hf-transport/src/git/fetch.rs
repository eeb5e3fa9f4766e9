//! The fetch itself: one commit, without its history where the server can do that, into a bare repository
//! that is thrown away afterwards.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use git2::{ErrorClass, ObjectType, Odb, Oid, Repository, RepositoryInitOptions};
use net::ServerWords;
use url_parse::{DiskError, Revision};

use super::advertisement::Advertisement;
use super::negotiation::{Order, receive_pack};
use super::pack::{Costs, Flaw, Limits, scan};
use super::session::{Offer, Session};
use super::shelf::{Shelf, Spool};
use super::wanted::{Means, Wanted, revision_not_found};
use crate::Error;
use crate::kept::Kept;

/// Tags of tags of tags are followed so far.
const MAX_TAGS: usize = 8;
/// libgit2 is given so much of a pack at a time, and can be stopped in between.
const PIECE: usize = 64 << 10;

/// What a fetch brought.
pub(super) enum Fetched {
    /// The commit that the session's revision stands for.
    Commit(FetchedCommit),
    /// The server does not hand out the commit by its id, as it says.
    NotAlone(ServerWords),
    /// Nobody serves git there; what the server answered.
    NoGit(Error),
}

/// A commit, and the repository that it is in.
pub(super) struct FetchedCommit {
    pub(super) repository: Repository,
    pub(super) id: Oid,
    pub(super) costs: Costs,
    /// Where its pack is kept.
    pub(super) shelf: Option<Shelf>,
}

/// Fetches the commit that the session's revision stands for, unless an earlier fetch has left it in `kept`.
pub(super) fn fetch_commit(
    session: &Session,
    means: Means,
    scratch: &Path,
    kept: Option<&Kept>,
) -> Result<Fetched, Error> {
    let work = Work { session, scratch, repository: new_repository(session, scratch)?, kept };
    // A commit that is asked for by its id and is kept needs no request.
    if let Some(commit) = session.revision().and_then(Revision::commit) {
        let wanted = Wanted::Commit(commit);
        if let Some((id, costs)) = work.take_kept(&wanted)? {
            return Ok(work.done(id, costs, &wanted));
        }
    }
    let offered = match session.advertisement()? {
        Offer::Git(offered) => offered,
        Offer::NoGit(answered) => return Ok(Fetched::NoGit(answered)),
    };
    if offered.is_empty() {
        return Err(Error::EmptyRepository { model: session.model().clone() });
    }
    let wanted = Wanted::decide(means, session.revision(), &offered).ok_or_else(|| not_found(session))?;
    if let Some((id, costs)) = work.take_kept(&wanted)? {
        return Ok(work.done(id, costs, &wanted));
    }
    work.ask(offered, &wanted)
}

/// What the steps of a fetch share.
struct Work<'a> {
    session: &'a Session,
    scratch: &'a Path,
    repository: Repository,
    kept: Option<&'a Kept>,
}

impl Work<'_> {
    fn done(self, id: Oid, costs: Costs, wanted: &Wanted) -> Fetched {
        let shelf = self.shelf(wanted);
        Fetched::Commit(FetchedCommit { repository: self.repository, id, costs, shelf })
    }

    /// Asks for a pack, and keeps it. One that was cut off before is asked for in pieces.
    fn ask(self, offered: Advertisement, wanted: &Wanted) -> Result<Fetched, Error> {
        let objects = match wanted {
            Wanted::Nothing => return Ok(Fetched::NotAlone(ServerWords::none())),
            Wanted::Tip(object) | Wanted::Commit(object) => vec![*object],
            Wanted::Everything(_) => offered.objects().collect::<HashSet<_>>().into_iter().collect(),
        };
        let is_shallow = is_shallow(self.session, wanted, &offered);
        let shelf = self.shelf(wanted);
        let is_sparing = shelf.as_ref().is_some_and(Shelf::was_cut_off) && offered.offers("filter");
        let order = Order { offered: &offered, objects: &objects, is_shallow, is_sparing };
        let mut pack = self.spool()?;
        let mut spool = Spool { file: &mut pack, shelf: shelf.clone(), received: 0 };
        match (receive_pack(self.session, &order, &mut spool, &|source| self.disk(source)), wanted) {
            (Ok(()), _) => {}
            // What else a server refuses is final.
            (Err(Error::GitRefused { hub_says, .. }), Wanted::Commit(_)) => {
                return Ok(Fetched::NotAlone(hub_says));
            }
            (Err(error), _) => return Err(error),
        }
        drop((offered, objects));
        let (id, costs) = self.open(&mut pack, wanted)?;
        if let Some(shelf) = shelf {
            shelf.keep(&mut pack).map_err(|source| self.disk(source))?;
        }
        Ok(self.done(id, costs, wanted))
    }

    /// Where the pack is kept; nothing for one with the history.
    fn shelf(&self, wanted: &Wanted) -> Option<Shelf> {
        match wanted {
            Wanted::Tip(object) | Wanted::Commit(object) => Some(Shelf::new(self.kept?, *object)),
            Wanted::Everything(_) | Wanted::Nothing => None,
        }
    }

    fn disk(&self, source: io::Error) -> Error {
        DiskError::new("keep a pack in", self.scratch, source).into()
    }

    fn spool(&self) -> Result<File, Error> {
        tempfile::tempfile_in(self.scratch).map_err(|source| self.disk(source))
    }

    /// Looks a pack through, and unpacks it. The commit in it, and what its objects cost.
    fn open(&self, pack: &mut File, wanted: &Wanted) -> Result<(Oid, Costs), Error> {
        let (session, disk) = (self.session, |source| self.disk(source));
        let is_cancelled = || session.cancelled().is_cancelled();
        let costs = scan(pack, &Limits::new(session.max_bytes()), &is_cancelled);
        let costs = costs.map_err(|flaw| flawed(session, flaw, &disk))?;
        unpack(session, pack, self.scratch, &self.repository)?;
        Ok((find(session, &self.repository, wanted)?, costs))
    }

    /// The same with a pack that an earlier fetch has kept. One that is not right is removed.
    fn take_kept(&self, wanted: &Wanted) -> Result<Option<(Oid, Costs)>, Error> {
        let Some(shelf) = self.shelf(wanted) else { return Ok(None) };
        let mut pack = self.spool()?;
        if !shelf.take(&mut pack).map_err(|source| self.disk(source))? {
            return Ok(None);
        }
        match self.open(&mut pack, wanted) {
            Ok(opened) => {
                tracing::info!(model = %self.session.model(), "the metadata is there of an earlier run");
                Ok(Some(opened))
            }
            Err(error) if self.session.cancelled().is_cancelled() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "the metadata that an earlier run has left is not right");
                shelf.clear();
                Ok(None)
            }
        }
    }
}

fn is_shallow(session: &Session, wanted: &Wanted, offered: &Advertisement) -> bool {
    let is_shallow = !matches!(wanted, Wanted::Everything(_)) && offered.offers("shallow");
    if !is_shallow {
        tracing::warn!(
            model = %session.model(),
            "the server cannot hand out this commit alone: fetching the history with it"
        );
    }
    is_shallow
}

fn flawed(session: &Session, flaw: Flaw, disk: &dyn Fn(io::Error) -> Error) -> Error {
    match flaw {
        Flaw::TooMuch { what, limit } => session.too_much(what, limit),
        Flaw::Broken(problem) => {
            Error::BrokenPack { model: session.model().clone(), url: session.url(), problem }
        }
        Flaw::Damaged => session.failed("the pack was damaged on its way"),
        Flaw::Disk(error) => disk(error),
        Flaw::Cancelled => net::Error::Cancelled.into(),
    }
}

fn new_repository(session: &Session, scratch: &Path) -> Result<Repository, Error> {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false);
    Repository::init_opts(scratch, &options).map_err(|error| failure(session, scratch, &error))
}

/// Gives libgit2 a pack that was looked through.
fn unpack(session: &Session, pack: &mut File, scratch: &Path, repository: &Repository) -> Result<(), Error> {
    let failed = |error| failure(session, scratch, &error);
    let odb = repository.odb().map_err(failed)?;
    let mut writer = odb.packwriter().map_err(failed)?;
    // Called between objects.
    let cancelled = session.cancelled().clone();
    writer.progress(move |_| !cancelled.is_cancelled());
    let disk = |source| Error::from(DiskError::new("read a pack in", scratch, source));
    pack.rewind().map_err(disk)?;
    let mut piece = vec![0; PIECE];
    loop {
        if session.cancelled().is_cancelled() {
            return Err(net::Error::Cancelled.into());
        }
        let count = pack.read(&mut piece).map_err(disk)?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        // What libgit2 says is in its own error; the one of the writer has none.
        writer.write_all(read).map_err(|_| failed(git2::Error::last_error(-1)))?;
    }
    writer.commit().map(drop).map_err(failed)
}

/// The commit, now that it was fetched.
fn find(session: &Session, repository: &Repository, wanted: &Wanted) -> Result<Oid, Error> {
    let broken = |error| Error::broken_commit(session.model(), &error);
    let odb = repository.odb().map_err(broken)?;
    let (Wanted::Tip(object) | Wanted::Commit(object) | Wanted::Everything(object)) = wanted else {
        return Err(not_found(session));
    };
    let id = Oid::from_str(&object.to_string()).map_err(broken)?;
    if matches!(wanted, Wanted::Everything(_)) {
        let is_commit = matches!(odb.read_header(id), Ok((_, ObjectType::Commit)));
        return if is_commit { Ok(id) } else { Err(not_found(session)) };
    }
    let id = peel(session, repository, &odb, id)?;
    match session.revision().and_then(Revision::commit) {
        Some(asked) if asked.to_string() != id.to_string() => Err(not_found(session)),
        _ => Ok(id),
    }
}

/// The commit that an object leads to: itself, or what a tag is for.
fn peel(session: &Session, repository: &Repository, odb: &Odb<'_>, mut id: Oid) -> Result<Oid, Error> {
    let broken = |error| Error::broken_commit(session.model(), &error);
    for _ in 0..=MAX_TAGS {
        match odb.read_header(id).map_err(broken)?.1 {
            ObjectType::Commit => return Ok(id),
            ObjectType::Tag => id = repository.find_tag(id).map_err(broken)?.target_id(),
            _ => break,
        }
    }
    Err(broken(git2::Error::from_str("the reference leads to no commit")))
}

fn not_found(session: &Session) -> Error {
    revision_not_found(session.model(), session.revision(), ServerWords::none())
}

/// What went wrong in libgit2. The network is not to blame: the pack had its checksum.
fn failure(session: &Session, scratch: &Path, error: &git2::Error) -> Error {
    if session.cancelled().is_cancelled() {
        return net::Error::Cancelled.into();
    }
    match error.class() {
        ErrorClass::Os | ErrorClass::Filesystem => Error::scratch(session.model(), scratch, error),
        _ => Error::broken_commit(session.model(), error),
    }
}
