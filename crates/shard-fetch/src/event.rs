//! The events that an application can observe while files are fetched.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use url_parse::{Origin, RepoPath};

use crate::Error;

/// Is told what happens during a [`fetch`](crate::Fetcher::fetch).
///
/// Events arrive from several threads at once, those of the runtime that the fetch runs on. Keep
/// `on_event` short: it must not block or wait for the fetch, since a file's connections wait for each
/// other in it. Events about one file arrive one after another, in this order:
///
/// 1. [`Planned`](FetchEvent::Planned), once, before all others.
/// 2. For each file that is started, [`Started`](FetchEvent::Started); at most one
///    [`Resumed`](FetchEvent::Resumed); any number of [`Received`](FetchEvent::Received),
///    [`Duplicated`](FetchEvent::Duplicated), [`Discarded`](FetchEvent::Discarded),
///    [`Retrying`](FetchEvent::Retrying) and [`Throttled`](FetchEvent::Throttled); then exactly one of
///    [`Verified`](FetchEvent::Verified), [`Failed`](FetchEvent::Failed) and
///    [`Cancelled`](FetchEvent::Cancelled).
///
/// At `Verified`, the bytes resumed and received minus the bytes discarded equal the file's size. When
/// a file has failed, the others in progress are cancelled (one that fails at the same moment reports
/// that), and those not started have no events. All events have been delivered when `fetch` returns. If
/// its future is dropped instead, files in progress may still report events for a moment, and also end
/// in one of the three.
///
/// A closure over `&FetchEvent` is an observer, an `Arc` of an observer is one, and `()` ignores all events.
pub trait Observer: Send + Sync {
    /// Receives one event.
    fn on_event(&self, event: &FetchEvent<'_>);
}

impl Observer for () {
    fn on_event(&self, _: &FetchEvent<'_>) {}
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn on_event(&self, event: &FetchEvent<'_>) {
        (**self).on_event(event);
    }
}

impl<F: Fn(&FetchEvent<'_>) + Send + Sync> Observer for F {
    fn on_event(&self, event: &FetchEvent<'_>) {
        self(event);
    }
}

/// An event during a fetch; for the order see [`Observer`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// What this fetch is going to do.
    #[non_exhaustive]
    Planned {
        /// The number of files.
        files: usize,
        /// Their total size.
        bytes: u64,
    },
    /// Work on a file starts.
    #[non_exhaustive]
    Started {
        /// The file.
        file: &'a RepoPath,
        /// Its size in bytes.
        size: u64,
    },
    /// A part of the file exists from an earlier fetch. Its digest will show whether it is right.
    #[non_exhaustive]
    Resumed {
        /// The file.
        file: &'a RepoPath,
        /// The number of bytes.
        bytes: u64,
    },
    /// More bytes of a file were received.
    #[non_exhaustive]
    Received {
        /// The file.
        file: &'a RepoPath,
        /// The number of bytes since the last such event.
        bytes: u64,
        /// The [`place`](crate::Location::place) of the location that they came from.
        place: usize,
    },
    /// Bytes were received that another connection had already delivered, which happens when a
    /// connection is helped because it is far slower than others. They are not included in
    /// [`Received`](FetchEvent::Received).
    #[non_exhaustive]
    Duplicated {
        /// The file.
        file: &'a RepoPath,
        /// The number of bytes.
        bytes: u64,
    },
    /// All bytes of a file reported as resumed or received were discarded: the content was wrong, or
    /// the host sent the file from its start again.
    #[non_exhaustive]
    Discarded {
        /// The file.
        file: &'a RepoPath,
        /// The number of bytes.
        bytes: u64,
    },
    /// An attempt failed and will be repeated.
    #[non_exhaustive]
    Retrying {
        /// The file.
        file: &'a RepoPath,
        /// The time until the next attempt.
        pause: Duration,
        /// The failure.
        cause: &'a (dyn StdError + 'static),
        /// The host, if the cause does not name it; `None` if the locator failed.
        host: Option<&'a Origin>,
    },
    /// A connection must wait before requesting this file, because a server asked for it.
    #[non_exhaustive]
    Throttled {
        /// The file.
        file: &'a RepoPath,
        /// How long.
        pause: Duration,
    },
    /// The file is verified and at its destination.
    #[non_exhaustive]
    Verified {
        /// The file.
        file: &'a RepoPath,
        /// Its size in bytes.
        size: u64,
    },
    /// The file could not be fetched. The fetch ends with this error, or with that of a file that
    /// failed earlier.
    #[non_exhaustive]
    Failed {
        /// The file.
        file: &'a RepoPath,
        /// The error.
        error: &'a Error,
    },
    /// Work on the file was aborted: another file failed, or the fetch was dropped. If all its bytes
    /// had arrived, it may still appear at its destination.
    #[non_exhaustive]
    Cancelled {
        /// The file.
        file: &'a RepoPath,
    },
}
