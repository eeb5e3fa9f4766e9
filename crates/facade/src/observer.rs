//! How a download tells what it is doing.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use cache_layout::{Holder, PassedOver};
use hf_transport::Throttled;
use serde::Serialize;
use shard_fetch::FetchEvent;
use url_parse::{CommitId, Endpoint, Excerpt, ModelId, ModelRef, Proof, RepoPath};

/// Watches a download.
///
/// Events come in the order of the download's steps, from whichever thread does the step, one at a time for
/// the steps of this crate and concurrently for those of [`Event::Fetch`]. An observer must not block: it
/// holds up the download. A closure over `&Event` is an observer, an `Arc` of an observer is one, and `()` ignores
/// everything.
///
/// A model that is in the cache has no steps. Those of a download are, in this order:
///
/// 1. [`WaitingForLock`](Event::WaitingForLock), if there is somebody to wait for.
/// 2. [`Stores`](Event::Stores), if there are any; [`WaitingForStore`](Event::WaitingForStore). [`Metadata`](Event::Metadata), if the hub is asked, and again after
///    each [`RetryingMetadata`](Event::RetryingMetadata), after [`Warning::CommitGone`], and when it has named the
///    commit and no store has that.
/// 3. [`Commit`](Event::Commit).
/// 4. [`Checking`](Event::Checking), if any files are there already.
/// 5. [`Fetch`](Event::Fetch) with the events of a whole fetch, if any files are not. Meanwhile, or before or after
///    it, [`Reused`](Event::Reused) ends what `Checking` began; a further fetch brings what was not right. The files
///    that describe the model, where they are LFS files, come first, with a 4 and 5 of their own. Where locks do
///    nothing, a further fetch brings what another run has cleared away.
/// 6. [`Publishing`](Event::Publishing).
///
/// [`Warning`](Event::Warning), [`Store`](Event::Store) and [`Throttled`](Event::Throttled) may come at any time. The steps end with any of
/// these when the download fails, or somebody else has brought the model meanwhile; then [`Kept`](Event::Kept) follows,
/// if any files were to be fetched. All other events are out when the
/// download returns; when its future is dropped instead, no further step begins, and the files in progress end
/// within a moment.
pub trait Observer: Send + Sync {
    /// Called at every event.
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
    /// Something that went on but deserves a look. At any time.
    Warning(Warning<'a>),
    /// Another process, or task, is downloading this model; said once, when the waiting begins.
    WaitingForLock {
        /// Who that is, as far as it is known.
        holder: Option<&'a Holder>,
    },
    /// Stores are asked what the model holds.
    Stores {
        /// The model.
        model: &'a ModelRef,
    },
    /// Another machine is filling this store with the commit, and is waited for; said once.
    WaitingForStore {
        /// The store's address.
        store: &'a str,
    },
    /// What a store had to say when it was asked for a pack, a branch or tag, or a file. At any time.
    Store {
        /// The address of what it was asked for; of the store itself where that is given up.
        url: &'a str,
        /// What it said.
        answer: StoreAnswer,
    },
    /// The hub is asked what the model holds.
    Metadata {
        /// The model.
        model: &'a ModelRef,
    },
    /// The metadata could not be fetched; the next attempt follows after a pause.
    RetryingMetadata {
        /// How long the pause is.
        delay: std::time::Duration,
        /// Why.
        cause: &'a hf_transport::Error,
    },
    /// The hub limits the rate of requests: for a while they wait, or go out one at a time. At any time, from
    /// whichever thread received the answer or waits; once for each time that it is so, not for each request that
    /// waits. Where requests go out one at a time, this also comes for a wait of a second or more, with how long it is.
    Throttled(&'a Throttled),
    /// So many files are to be read from a store, or written to one. For each commit that a copy carries, and once
    /// otherwise.
    StoreWork {
        /// How many files.
        files: usize,
        /// Their sizes, added up.
        bytes: u64,
    },
    /// One of these is done.
    StoreFileDone,
    /// Of these, so many bytes were just read or written, or need not be. From whichever thread does it. What is tried
    /// again counts again.
    StoreBytes {
        /// How many.
        bytes: u64,
    },
    /// The hub has named the commit that everything that follows belongs to.
    Commit {
        /// The commit.
        commit: &'a CommitId,
        /// What shows that the files are that commit's: it came over git, or by the endpoint's word.
        proof: Proof,
    },
    /// Files are there already, with the right sizes: from an earlier run, or in the directory that is repaired. They
    /// are hashed, beside the fetch of the others.
    Checking {
        /// How many files.
        files: usize,
        /// Their sizes, added up.
        bytes: u64,
    },
    /// Of the files that were there, those that this run has verified. They are not fetched again; the others are.
    Reused {
        /// How many files; perhaps none.
        files: usize,
        /// Their sizes, added up.
        bytes: u64,
    },
    /// Files' bytes are being fetched and verified: [`Planned`](FetchEvent::Planned) comes first, then the events of
    /// each file in their order, from [`Started`](FetchEvent::Started) to exactly one of
    /// [`Verified`](FetchEvent::Verified), [`Failed`](FetchEvent::Failed) and
    /// [`Cancelled`](FetchEvent::Cancelled). At `Verified`, the bytes resumed and received minus those discarded
    /// are the file's size. The place of what is [`Received`](FetchEvent::Received) is 0 for the hub, and the number of
    /// the store, beginning with 1, for what a store gives.
    Fetch(&'a FetchEvent<'a>),
    /// All files are there and verified; the directory is about to appear in the cache.
    Publishing {
        /// Where it will be.
        path: &'a Path,
    },
    /// A file of a [push](crate::Downloader::push) is in the store.
    Pushed {
        /// The file.
        file: &'a RepoPath,
        /// Its size.
        bytes: u64,
        /// Nothing was sent: the store had it.
        was_there: bool,
    },
    /// The download has ended without a model, and files had been asked for: so many bytes of them are kept, verified or
    /// not, and are not asked for again by the next download of the model, if they turn out to be right. This comes last,
    /// when nothing is at work any more, perhaps from another thread and after the future was dropped.
    Kept {
        /// How many bytes.
        bytes: u64,
    },
}

/// What a store says when it is asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StoreAnswer {
    /// It has it: what came, or the last of it, came from there, and is right.
    Hit,
    /// It does not have it, or has a wrong copy. The next store or the hub is asked.
    Miss,
    /// It cannot be used, or has failed with several files: it is left alone for this download.
    GivenUp,
}

impl StoreAnswer {
    /// The answer in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::GivenUp => "given_up",
        }
    }
}

/// Something that went on but deserves a look.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning<'a> {
    /// A forced download was answered by a read-only tier, which cannot be written to.
    ForceAnsweredByReadOnlyTier {
        /// The tier's folder.
        tier: &'a Path,
    },
    /// Something stands in the model's place that is not the whole model.
    PassedOver(&'a PassedOver),
    /// A large file with the extension `.bin` that the manifest does not name: neither fetched nor written.
    UnlistedShard {
        /// The file.
        path: &'a RepoPath,
    },
    /// A file or folder of the repository that cannot have its name on this system: neither fetched nor written. The
    /// model does not need it.
    UnfitName {
        /// The path, escaped and cut.
        path: &'a Excerpt,
    },
    /// The access token goes over plain http to another machine: anyone in between can read it.
    TokenOverPlainHttp {
        /// The hub that gets it.
        hub: &'a Endpoint,
    },
    /// The hub does not accept the token that a login has left: the download goes on without one.
    TokenDropped {
        /// The hub that refused it.
        hub: &'a Endpoint,
    },
    /// The hub does not have the commit any more that an incomplete directory comes from; what was asked for is
    /// taken as it is today.
    CommitGone {
        /// The commit.
        commit: &'a CommitId,
    },
    /// The hub serves no git, by which it could be proven that the files are those of the commit: that they are is its
    /// word.
    Unproven {
        /// The commit.
        commit: &'a CommitId,
        /// The hub.
        hub: &'a Endpoint,
    },
    /// A store cannot be used, or failed with several files: it is left alone for this download.
    StoreGivenUp {
        /// Its address.
        store: &'a str,
        /// Why.
        why: &'a str,
    },
    /// This machine's clock and a store's are so far apart that the store refused what was signed. It is signed by the
    /// store's clock.
    StoreClock {
        /// Its address.
        store: &'a str,
        /// By how many seconds the store's clock is ahead.
        ahead: i64,
    },
    /// What a store has of the commit is not right, and is passed over.
    WrongInStore {
        /// Its address.
        store: &'a str,
        /// What is wrong.
        why: &'a str,
    },
    /// A store's branch or tag stands for a commit that was seen before another one, which it stood for when the model was
    /// downloaded last: the store was restored from an old copy, or somebody turns the name back. The older one is
    /// taken.
    TurnedBack {
        /// The address of what the store says.
        url: &'a str,
        /// The commit.
        commit: &'a CommitId,
        /// When it was seen, by the store's word.
        seen_at: SystemTime,
        /// The commit of the model that is in the cache.
        before: &'a CommitId,
        /// When that was seen.
        seen_before_at: SystemTime,
    },
    /// The hub has this model under another name, to which it redirects. It stays in the cache under the name that
    /// was asked for.
    Renamed {
        /// The model asked for.
        model: &'a ModelId,
        /// Its present name.
        present: &'a ModelId,
    },
    /// A file or link of the user's own, or one that was edited, was kept while an incomplete directory was
    /// repaired.
    CarriedOver {
        /// The file, below the model's directory.
        path: &'a Path,
        /// Where it is now: the same, unless the model needs the place for something else.
        place: &'a Path,
    },
    /// Something in an incomplete directory was not kept when that was repaired.
    LeftBehind {
        /// What it was, below the model's directory.
        path: &'a Path,
        /// Why, in a few words to stand behind the path.
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
