//! The fetch itself: one commit, without its history if the server supports that, into a temporary bare
//! repository.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use git2::Oid;
use net::ServerWords;
use url_parse::{DiskError, Revision};

use super::advertisement::Advertisement;
use super::negotiation::{Order, receive_pack};
use super::pack::Costs;
use super::session::{Offer, Session};
use super::shelf::{Shelf, Spool};
use super::unpack::{FetchedCommit, Unpacking};
use super::wanted::{Means, Wanted};
use crate::Error;
use crate::kept::Kept;

/// The result of a fetch.
pub(super) enum Fetched {
    /// The commit that the session's revision resolves to.
    Commit(FetchedCommit),
    /// The server does not send the commit by its id; its message.
    NotAlone(ServerWords),
    /// There is no git server; the response.
    NoGit(Error),
}

/// Fetches the commit that the session's revision resolves to, unless an earlier fetch has left it in
/// `kept`.
pub(super) fn fetch_commit(
    session: &Session,
    means: Means,
    scratch: &Path,
    kept: Option<&Kept>,
) -> Result<Fetched, Error> {
    let work = Work { session, unpacking: Unpacking::new(session.task(), scratch)?, kept };
    // A commit requested by its id needs no request if it is kept.
    if let Some(commit) = session.revision().and_then(Revision::commit) {
        let wanted = Wanted::Commit(commit);
        if let Some((id, costs)) = work.take_kept(&wanted)? {
            return Ok(work.done(id, costs, &wanted));
        }
    }
    let offered = match session.advertisement()? {
        Offer::Git(offered, _) => offered,
        Offer::NoGit(answered) => return Ok(Fetched::NoGit(answered)),
    };
    if offered.is_empty() {
        return Err(Error::EmptyRepository { model: session.model().clone() });
    }
    let wanted = Wanted::decide(means, session.revision(), &offered)
        .ok_or_else(|| session.task().not_among(&offered))?;
    if let Some((id, costs)) = work.take_kept(&wanted)? {
        return Ok(work.done(id, costs, &wanted));
    }
    work.ask(offered, &wanted)
}

/// Context shared by the steps of a fetch.
struct Work<'a> {
    session: &'a Session,
    unpacking: Unpacking<'a>,
    kept: Option<&'a Kept>,
}

impl Work<'_> {
    fn done(self, id: Oid, costs: Costs, wanted: &Wanted) -> Fetched {
        let shelf = self.shelf(wanted);
        Fetched::Commit(FetchedCommit { repository: self.unpacking.repository, id, costs, shelf })
    }

    /// Requests a pack and keeps it. After an interruption, large files are left out and fetched one by
    /// one.
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
            // Any other refusal is final.
            (Err(Error::GitRefused { hub_says, .. }), Wanted::Commit(_)) => {
                return Ok(Fetched::NotAlone(hub_says));
            }
            (Err(error), _) => return Err(error),
        }
        drop((offered, objects));
        let (id, costs) = self.unpacking.open(&mut pack, wanted, &self.session.url())?;
        if let Some(shelf) = shelf {
            shelf.keep(&mut pack).map_err(|source| self.disk(source))?;
        }
        Ok(self.done(id, costs, wanted))
    }

    /// Where the pack is kept; `None` for one with the history.
    fn shelf(&self, wanted: &Wanted) -> Option<Shelf> {
        match wanted {
            Wanted::Tip(object) | Wanted::Commit(object) => Some(Shelf::new(self.kept?, *object)),
            Wanted::Everything(_) | Wanted::Nothing => None,
        }
    }

    fn disk(&self, source: io::Error) -> Error {
        DiskError::new("keep a pack in", self.unpacking.scratch, source).into()
    }

    fn spool(&self) -> Result<File, Error> {
        tempfile::tempfile_in(self.unpacking.scratch).map_err(|source| self.disk(source))
    }

    /// Unpacks the pack kept by an earlier fetch. Removes it if it is not valid.
    fn take_kept(&self, wanted: &Wanted) -> Result<Option<(Oid, Costs)>, Error> {
        let Some(shelf) = self.shelf(wanted) else { return Ok(None) };
        let mut pack = self.spool()?;
        if !shelf.take(&mut pack).map_err(|source| self.disk(source))? {
            return Ok(None);
        }
        match self.unpacking.open(&mut pack, wanted, &self.session.url()) {
            Ok(opened) => {
                tracing::info!(model = %self.session.model(), "using the metadata of an earlier run");
                Ok(Some(opened))
            }
            Err(error) if self.session.task().cancelled.is_cancelled() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "the metadata of an earlier run is damaged");
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
            "the server does not send this commit alone: fetching its history too"
        );
    }
    is_shallow
}
