//! What an application may know while files are being fetched.

use std::error::Error as StdError;
use std::time::Duration;

use url_parse::{Origin, RepoPath};

use crate::Error;

/// Hears what happens during a [`fetch`](crate::Fetcher::fetch).
///
/// Events come from several threads at once, those of the runtime that the fetch runs on: keep `on_event`
/// short, and never block in it or wait for the fetch in it; the connections of a file wait for each other in
/// it. The events of one file come one after another,
/// in the order in which they happened:
///
/// 1. [`Planned`](FetchEvent::Planned), once, before all others.
/// 2. For each file that is begun, [`Started`](FetchEvent::Started); at most one
///    [`Resumed`](FetchEvent::Resumed); any number of [`Received`](FetchEvent::Received),
///    [`Duplicated`](FetchEvent::Duplicated), [`Discarded`](FetchEvent::Discarded),
///    [`Retrying`](FetchEvent::Retrying) and [`Throttled`](FetchEvent::Throttled); then exactly one of [`Verified`](FetchEvent::Verified),
///    [`Failed`](FetchEvent::Failed) and [`Cancelled`](FetchEvent::Cancelled).
///
/// At `Verified`, the bytes resumed and received minus the bytes discarded are the file's size. When one file has
/// failed, the others that were begun are cancelled (one that failed at the same moment reports that), and
/// those not begun have no events; all events are out when `fetch` returns. When its future is dropped
/// instead, the files in progress may tell more for a moment, and end in one of the three all the same.
///
/// `()` ignores all events.
pub trait Observer: Send + Sync {
    /// Takes note of one event.
    fn on_event(&self, event: FetchEvent<'_>);
}

impl Observer for () {
    fn on_event(&self, _event: FetchEvent<'_>) {}
}

/// Something that happened during a fetch; for the order see [`Observer`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// What this fetch is about to do.
    #[non_exhaustive]
    Planned {
        /// How many files there are.
        files: usize,
        /// Their sizes together.
        bytes: u64,
    },
    /// Work on a file begins.
    #[non_exhaustive]
    Started {
        /// The file.
        file: &'a RepoPath,
        /// Its size in bytes.
        size: u64,
    },
    /// So much of a file is there from an earlier fetch. Its digest will show whether it is right.
    #[non_exhaustive]
    Resumed {
        /// The file.
        file: &'a RepoPath,
        /// How many bytes.
        bytes: u64,
    },
    /// More of a file was received.
    #[non_exhaustive]
    Received {
        /// The file.
        file: &'a RepoPath,
        /// How many bytes, in addition to those reported before.
        bytes: u64,
        /// Where from: the [`place`](crate::Location::place) of the location that was asked.
        place: usize,
    },
    /// Bytes were received that another connection had brought already: they are not part of what was
    /// [`Received`](FetchEvent::Received). A connection that is far slower than others is helped so.
    #[non_exhaustive]
    Duplicated {
        /// The file.
        file: &'a RepoPath,
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes reported as resumed or received were thrown away, all there were: they were not those of the file, or
    /// the host began at the start again.
    #[non_exhaustive]
    Discarded {
        /// The file.
        file: &'a RepoPath,
        /// How many bytes.
        bytes: u64,
    },
    /// An attempt failed and there will be another.
    #[non_exhaustive]
    Retrying {
        /// The file.
        file: &'a RepoPath,
        /// How long until the next attempt.
        delay: Duration,
        /// Why the attempt failed.
        cause: &'a (dyn StdError + 'static),
        /// Who was asked, where the cause does not say so; `None` when it was the locator.
        host: Option<&'a Origin>,
    },
    /// A connection waits before it asks for this file, because a server wants to be left alone.
    #[non_exhaustive]
    Throttled {
        /// The file.
        file: &'a RepoPath,
        /// How long.
        wait: Duration,
    },
    /// The file is at its destination, checked.
    #[non_exhaustive]
    Verified {
        /// The file.
        file: &'a RepoPath,
        /// Its size in bytes.
        size: u64,
    },
    /// The file could not be fetched; the fetch ends with this error, or with that of a file that failed before.
    #[non_exhaustive]
    Failed {
        /// The file.
        file: &'a RepoPath,
        /// Why.
        error: &'a Error,
    },
    /// Work on the file was broken off: another file failed, or the fetch was dropped. If all bytes had
    /// come by then, it may still arrive at its destination.
    #[non_exhaustive]
    Cancelled {
        /// The file.
        file: &'a RepoPath,
    },
}
