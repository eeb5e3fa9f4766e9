//! Records events and checks their order.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use shard_fetch::{FetchEvent, Observer, RepoPath};

/// An event that outlives its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Started(u64),
    Resumed(u64),
    Received(u64),
    Duplicated(u64),
    Discarded(u64),
    Retrying(Duration, String),
    Throttled(Duration),
    Verified(u64),
    Failed(String),
    Cancelled,
}

#[derive(Default)]
pub(crate) struct Events {
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    planned: Option<(usize, u64)>,
    files: BTreeMap<String, Vec<Seen>>,
}

impl Events {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    pub(crate) fn planned(&self) -> Option<(usize, u64)> {
        self.log().planned
    }

    /// All events of one file, in order.
    pub(crate) fn of(&self, file: &str) -> Vec<Seen> {
        self.log().files.get(file).cloned().unwrap_or_default()
    }

    /// How many files were started.
    pub(crate) fn begun(&self) -> usize {
        self.log().files.len()
    }

    /// The discarded bytes of a file.
    pub(crate) fn discarded(&self, file: &str) -> u64 {
        self.of(file).iter().map(|seen| if let Seen::Discarded(bytes) = seen { *bytes } else { 0 }).sum()
    }

    /// The unused bytes of a file.
    pub(crate) fn duplicated(&self, file: &str) -> u64 {
        self.of(file).iter().map(|seen| if let Seen::Duplicated(bytes) = seen { *bytes } else { 0 }).sum()
    }

    /// How much of a file was resumed.
    pub(crate) fn resumed(&self, file: &str) -> u64 {
        self.of(file).iter().map(|seen| if let Seen::Resumed(bytes) = seen { *bytes } else { 0 }).sum()
    }

    /// The received bytes of a file.
    pub(crate) fn received(&self, file: &str) -> u64 {
        self.of(file).iter().map(|seen| if let Seen::Received(bytes) = seen { *bytes } else { 0 }).sum()
    }

    /// The reasons for further attempts at a file.
    pub(crate) fn retries(&self, file: &str) -> Vec<String> {
        let events = self.of(file).into_iter();
        events
            .filter_map(|seen| if let Seen::Retrying(_, cause) = seen { Some(cause) } else { None })
            .collect()
    }

    /// The last event of a file.
    pub(crate) fn end(&self, file: &str) -> Option<Seen> {
        self.of(file).last().cloned()
    }

    /// Checks what the documentation of `Observer` promises for a fetch that has returned.
    pub(crate) fn check_contract(&self) {
        for (file, events) in &self.log().files {
            let Some((Seen::Started(size), rest)) = events.split_first() else {
                panic!("{file}: {events:?}")
            };
            let (last, middle) = rest.split_last().unwrap();
            let is_end = |seen: &Seen| matches!(seen, Seen::Verified(_) | Seen::Failed(_) | Seen::Cancelled);
            assert!(is_end(last) && !middle.iter().any(is_end), "{file}: {events:?}");
            assert!(!rest.iter().any(|seen| matches!(seen, Seen::Started(_))), "{file}: {events:?}");
            let held = middle.iter().try_fold(0_u64, |held, seen| match seen {
                Seen::Resumed(bytes) | Seen::Received(bytes) => Some(held + bytes),
                Seen::Discarded(bytes) => held.checked_sub(*bytes),
                _ => Some(held),
            });
            if let Seen::Verified(verified) = last {
                assert_eq!((held, verified), (Some(*size), size), "{file}: {events:?}");
            }
        }
    }

    fn push(&self, file: &RepoPath, seen: Seen) {
        let mut log = self.log();
        assert!(log.planned.is_some());
        log.files.entry(file.to_string()).or_default().push(seen);
    }
}

impl Observer for Events {
    fn on_event(&self, event: &FetchEvent<'_>) {
        match *event {
            FetchEvent::Planned { files, bytes, .. } => {
                assert_eq!(self.log().planned.replace((files, bytes)), None);
            }
            FetchEvent::Started { file, size, .. } => self.push(file, Seen::Started(size)),
            FetchEvent::Resumed { file, bytes, .. } => self.push(file, Seen::Resumed(bytes)),
            FetchEvent::Throttled { file, pause, .. } => self.push(file, Seen::Throttled(pause)),
            FetchEvent::Received { file, bytes, .. } => self.push(file, Seen::Received(bytes)),
            FetchEvent::Duplicated { file, bytes, .. } => self.push(file, Seen::Duplicated(bytes)),
            FetchEvent::Discarded { file, bytes, .. } => self.push(file, Seen::Discarded(bytes)),
            FetchEvent::Retrying { file, pause, cause, .. } => {
                self.push(file, Seen::Retrying(pause, cause.to_string()));
            }
            FetchEvent::Verified { file, size, .. } => self.push(file, Seen::Verified(size)),
            FetchEvent::Failed { file, error, .. } => self.push(file, Seen::Failed(error.to_string())),
            FetchEvent::Cancelled { file, .. } => self.push(file, Seen::Cancelled),
            other => panic!("{other:?}"),
        }
    }
}
