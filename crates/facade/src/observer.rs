//! How a download reports what it is doing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cache_layout::{Holder, PassedOver};
use hf_transport::Throttled;
use serde::Serialize;
use shard_fetch::FetchEvent;
use url_parse::{CommitId, Endpoint, Excerpt, ModelId, ModelRef, Proof, RepoPath};

/// Observes a download.
///
/// Events arrive in the order of the download's steps, on whichever thread performs the step: one at a
/// time for the steps of this crate, concurrently for those of [`Event::Fetch`]. An observer must not
/// block, since that would delay the download. A closure over `&Event` is an observer, an `Arc` of an
/// observer is one, and `()` ignores everything.
///
/// A cached model has no steps. A download has these, in this order:
///
/// 1. [`WaitingForLock`](Event::WaitingForLock), if another download must be waited for.
/// 2. [`Stores`](Event::Stores), if there are any; [`WaitingForStore`](Event::WaitingForStore).
///    [`Metadata`](Event::Metadata), if the hub is asked, and again after each
///    [`RetryingMetadata`](Event::RetryingMetadata), after [`Warning::CommitGone`], and if the hub has
///    named a commit that no store has.
/// 3. [`Commit`](Event::Commit).
/// 4. [`Checking`](Event::Checking), if some files exist already.
/// 5. [`Fetch`](Event::Fetch) with the events of a whole fetch, if some files do not. During, before or
///    after it, [`Reused`](Event::Reused) ends what `Checking` began; another fetch gets the files that
///    were not right. If the files that describe the model are LFS files, they come first, with steps 4
///    and 5 of their own. Without locks, another fetch gets what another run has removed.
/// 6. [`Publishing`](Event::Publishing).
///
/// [`Warning`](Event::Warning), [`Store`](Event::Store) and [`Throttled`](Event::Throttled) may occur
/// at any time. If the download fails, or another process has published the model meanwhile, the steps
/// end early; [`Kept`](Event::Kept) follows if any files were to be fetched. All other events have been
/// delivered when the download returns. If its future is dropped instead, no further step begins, and
/// files in progress end within a moment.
pub trait Observer: Send + Sync {
    /// Called for every event.
    fn on_event(&self, event: &Event<'_>);
}

impl Observer for () {
    fn on_event(&self, _: &Event<'_>) {}
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn on_event(&self, event: &Event<'_>) {
        (**self).on_event(event);
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// A step of a download.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Something unusual that did not stop the download. At any time.
    Warning(Warning<'a>),
    /// Another process, or task, is downloading this model; reported once, when the wait begins.
    #[non_exhaustive]
    WaitingForLock {
        /// The process, if known.
        holder: Option<&'a Holder>,
    },
    /// Stores are asked what the model contains.
    #[non_exhaustive]
    Stores {
        /// The model.
        model: &'a ModelRef,
    },
    /// Another machine is filling this store with the commit, and is waited for; reported once.
    #[non_exhaustive]
    WaitingForStore {
        /// The store's address.
        store: &'a str,
    },
    /// A store's answer when it was asked for a pack, a branch or tag, or a file. At any time.
    #[non_exhaustive]
    Store {
        /// The requested address; that of the store itself if it was given up.
        url: &'a str,
        /// The answer.
        answer: StoreAnswer,
    },
    /// The hub is asked what the model contains.
    #[non_exhaustive]
    Metadata {
        /// The model.
        model: &'a ModelRef,
    },
    /// The metadata could not be fetched; the next attempt follows after a pause.
    #[non_exhaustive]
    RetryingMetadata {
        /// The length of the pause.
        pause: Duration,
        /// The cause.
        cause: &'a hf_transport::Error,
    },
    /// The hub limits the request rate: for a while requests wait, or are sent one at a time. At any
    /// time, on the thread that received the response or waits; once per occasion, not for each waiting
    /// request. If requests are sent one at a time, this is also reported for a wait of a second or
    /// more, with its length.
    Throttled(&'a Throttled),
    /// How many files will be read from a store or written to one. Once, or for each commit that a copy
    /// transfers.
    #[non_exhaustive]
    StoreWork {
        /// The number of files.
        files: usize,
        /// The sum of their sizes.
        bytes: u64,
    },
    /// One of these is finished.
    StoreFileDone,
    /// More of these bytes were read or written, or did not need to be. On any thread. Retried bytes
    /// count again.
    #[non_exhaustive]
    StoreBytes {
        /// The number of bytes.
        bytes: u64,
    },
    /// The hub has named the commit; everything that follows belongs to it.
    #[non_exhaustive]
    Commit {
        /// The commit.
        commit: &'a CommitId,
        /// What proves that the files belong to the commit: git, or the endpoint's claim.
        proof: Proof,
    },
    /// Files with the right sizes exist already, from an earlier run or in the directory being
    /// repaired. They are hashed while the others are fetched.
    #[non_exhaustive]
    Checking {
        /// The number of files.
        files: usize,
        /// The sum of their sizes.
        bytes: u64,
    },
    /// The existing files that this run has verified. They are not fetched again; the others are.
    #[non_exhaustive]
    Reused {
        /// The number of files; possibly none.
        files: usize,
        /// The sum of their sizes.
        bytes: u64,
    },
    /// Files are being fetched and verified: [`Planned`](FetchEvent::Planned) comes first, then the
    /// events of each file in their order, from [`Started`](FetchEvent::Started) to exactly one of
    /// [`Verified`](FetchEvent::Verified), [`Failed`](FetchEvent::Failed) and
    /// [`Cancelled`](FetchEvent::Cancelled). At `Verified`, the bytes resumed and received minus those
    /// discarded equal the file's size. For [`Received`](FetchEvent::Received), place 0 is the hub, and
    /// stores are numbered from 1.
    Fetch(&'a FetchEvent<'a>),
    /// All files are verified; the directory is about to appear in the cache.
    #[non_exhaustive]
    Publishing {
        /// Its path.
        path: &'a Path,
    },
    /// A file of a [push](crate::Downloader::push) is in the store.
    #[non_exhaustive]
    Pushed {
        /// The file.
        file: &'a RepoPath,
        /// Its size in bytes.
        size: u64,
        /// Nothing was sent, since the store already had it.
        was_there: bool,
    },
    /// The download ended without a model after files were requested: this many bytes of them are kept,
    /// verified or not, and the next download need not request them again if they turn out to be right.
    /// This is the last event, sent when all work has ended, possibly from another thread and after the
    /// future was dropped.
    #[non_exhaustive]
    Kept {
        /// The number of bytes.
        bytes: u64,
    },
}

/// A store's answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreAnswer {
    /// It has it: what was received, or the last of it, came from there and is right.
    Hit,
    /// It does not have it, or has a wrong copy. The next store or the hub is asked.
    Miss,
    /// It is unusable, or has failed with several files: it is not used again during this download.
    GivenUp,
}

impl StoreAnswer {
    /// The answer as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::GivenUp => "given_up",
        }
    }
}

impl fmt::Display for StoreAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something unusual that did not stop the download.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning<'a> {
    /// A forced download was answered by a read-only tier, which cannot be written to.
    #[non_exhaustive]
    ForceAnsweredByReadOnlyTier {
        /// The tier's folder.
        tier: &'a Path,
    },
    /// There is something in the model's place that is not the whole model.
    PassedOver(&'a PassedOver),
    /// A large `.bin` file that the manifest does not name: neither fetched nor written.
    #[non_exhaustive]
    UnlistedShard {
        /// The file.
        path: &'a RepoPath,
    },
    /// A file or folder of the repository whose name is not valid on this system: neither fetched nor
    /// written. The model does not need it.
    #[non_exhaustive]
    UnfitName {
        /// The path, escaped and cut.
        path: &'a Excerpt,
    },
    /// The access token is sent over plain http to another machine: anyone in between can read it.
    #[non_exhaustive]
    TokenOverPlainHttp {
        /// The hub that receives it.
        hub: &'a Endpoint,
    },
    /// The hub refuses the token left by a login: the download continues without one.
    #[non_exhaustive]
    TokenDropped {
        /// The hub that refused it.
        hub: &'a Endpoint,
    },
    /// The hub no longer has the commit of an incomplete directory; the current version is used.
    #[non_exhaustive]
    CommitGone {
        /// The commit.
        commit: &'a CommitId,
    },
    /// The hub serves no git, which could prove that the files belong to the commit, so this is only
    /// its claim.
    #[non_exhaustive]
    Unproven {
        /// The commit.
        commit: &'a CommitId,
        /// The hub.
        hub: &'a Endpoint,
    },
    /// A store is unusable, or failed with several files: it is not used again during this download.
    #[non_exhaustive]
    StoreGivenUp {
        /// Its address.
        store: &'a str,
        /// The reason.
        reason: &'a str,
    },
    /// This machine's clock and a store's differ so much that the store refused signed requests. They
    /// are signed with the store's time.
    #[non_exhaustive]
    StoreClock {
        /// Its address.
        store: &'a str,
        /// By how many seconds the store's clock is ahead.
        seconds_ahead: i64,
    },
    /// A store's data for the commit is wrong, and is ignored.
    #[non_exhaustive]
    WrongInStore {
        /// Its address.
        store: &'a str,
        /// The problem.
        reason: &'a str,
    },
    /// A store's branch or tag stands for a commit that is older than the one at the last download: the
    /// store was restored from an old copy, or someone set the name back. The older commit is used.
    #[non_exhaustive]
    TurnedBack {
        /// The address of the store's record.
        url: &'a str,
        /// The commit.
        commit: &'a CommitId,
        /// When it was seen, according to the store.
        seen_at: SystemTime,
        /// The commit of the cached model.
        before: &'a CommitId,
        /// When that was seen.
        seen_before_at: SystemTime,
    },
    /// The hub has this model under another name, to which it redirects. In the cache it keeps the
    /// requested name.
    #[non_exhaustive]
    Renamed {
        /// The model asked for.
        model: &'a ModelId,
        /// Its current name.
        present: &'a ModelId,
    },
    /// A user's own file or link, or an edited one, was kept while a directory was repaired.
    #[non_exhaustive]
    CarriedOver {
        /// Its path below the model's directory.
        path: &'a Path,
        /// Its new path: the same, unless the model needs that place.
        kept_as: &'a Path,
    },
    /// Something in a directory was not kept when it was repaired.
    #[non_exhaustive]
    LeftBehind {
        /// Its path below the model's directory.
        path: &'a Path,
        /// The reason, in a few words to follow the path.
        reason: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::Request;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Observer for Counted {
        fn on_event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_shared_observer_and_a_plain_closure_are_observers() {
        let (counted, of_closure) = (Arc::new(Counted::default()), Arc::new(Counted::default()));
        let seen = Arc::clone(&of_closure);
        let as_object: Arc<dyn Observer> = Arc::<Counted>::clone(&counted);
        let request = Request::try_from("HF://user/repo").unwrap();
        for request in [
            request.clone().observer(Arc::clone(&counted)),
            request.clone().observer(as_object),
            request.on_event(move |event| seen.on_event(event)),
        ] {
            request.watcher().on_event(&Event::StoreFileDone);
        }
        assert_eq!([&counted, &of_closure].map(|seen| seen.0.load(Ordering::Relaxed)), [2, 1]);
    }
}
