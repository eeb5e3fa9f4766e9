//! How far a download is: its events, summed up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;
use shard_fetch::FetchEvent;
use url_parse::RepoPath;

use crate::cache::VerifyEvent;
use crate::rate::Rate;
use crate::serialized;
use crate::{Event, Observer};

/// The place, in events, that is no store's.
const HUB: usize = 0;

/// An [`Observer`] that sums up the events of one request. Cheap to clone; the clones share their sums.
///
/// ```
/// use facade::{Downloader, Progress, Request};
///
/// # let hub = local_hub::LocalHub::start();
/// # hub.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
/// # let (folder, endpoint) = (tempfile::tempdir()?, hub.endpoint().parse()?);
/// # let downloader = Downloader::builder(folder.path()).endpoint(endpoint).build()?;
/// let progress = Progress::new();
/// let request = Request::try_from("HF://mlc-ai/tiny-q4f16_1-MLC")?.observer(progress.clone());
/// facade::blocking::download(&downloader, request)?;
/// let seen = progress.snapshot(); // in an application: now and then, while the download runs
/// println!("{} of {} bytes", seen.bytes_done, seen.bytes);
/// # assert_eq!((seen.bytes_done, seen.files_done), (seen.bytes, seen.files));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    /// Without what is worked out at a look.
    totals: ProgressSnapshot,
    in_flight: Vec<InFlight>,
    /// Over the network, also what was thrown away or came twice.
    received: u64,
    /// Files that are there already and being hashed, and their bytes.
    checking: (usize, u64),
    rate: Rate,
}

#[derive(Debug)]
struct InFlight {
    file: FileProgress,
    /// Of its bytes, what an earlier run has left.
    resumed: u64,
    /// Until when it pauses, and whether a server asked for that.
    pause: Option<(Instant, bool)>,
}

/// How far a download is at one moment. All of it is zero before it is known what there is to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProgressSnapshot {
    /// How many files there are to fetch or to check.
    pub files: usize,
    /// How many of them are there and verified.
    pub files_done: usize,
    /// The sizes of all files, added up. Grows when a check finds a file wrong, and when files that describe the model
    /// come before all others.
    pub bytes: u64,
    /// How many of these bytes are there. Shrinks when bytes turn out to be wrong.
    pub bytes_done: u64,
    /// How many bytes the hub, or the host that it names, has given.
    pub bytes_from_hub: u64,
    /// How many bytes stores have given.
    pub bytes_from_stores: u64,
    /// How many bytes were there before, from an interrupted download or another model, as far as is known by now.
    pub bytes_reused: u64,
    /// How many bytes a second came over the network in the last seconds; `None` when it is too early to tell. Measured
    /// from look to look, so that it takes two of them half a second apart.
    pub bytes_per_second: Option<u64>,
    /// The files that are being fetched.
    pub in_flight: Vec<FileProgress>,
}

/// How far a file is that is being fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileProgress {
    /// The file.
    #[serde(serialize_with = "serialized::text")]
    pub path: RepoPath,
    /// Its size.
    pub bytes: u64,
    /// How many of its bytes are there. When all are, it is being verified.
    pub bytes_done: u64,
    /// Why nothing of it comes just now.
    pub pause: Option<FilePause>,
}

/// A file is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FilePause {
    /// How long, from the look on.
    #[serde(rename = "seconds", serialize_with = "serialized::seconds")]
    pub left: Duration,
    /// Whether a server asked for it. Otherwise an attempt failed, and this is the pause before the next one.
    pub is_asked_for: bool,
}

impl Progress {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How far it is. Meant to be called a few times a second at most: each call is a measurement for the
    /// [rate](ProgressSnapshot::bytes_per_second).
    pub fn snapshot(&self) -> ProgressSnapshot {
        self.0.lock().look(Instant::now())
    }

    /// Sums up the events of [`Cache::verify`](crate::Cache::verify) instead of those of a download.
    pub fn on_verify_event(&self, event: &VerifyEvent<'_>) {
        let totals = &mut self.0.lock().totals;
        match event {
            VerifyEvent::Began { files, bytes, .. } => totals.plan(*files, *bytes),
            VerifyEvent::Checked { bytes, .. } => totals.complete(1, *bytes),
            // It counts when it is hashed.
            VerifyEvent::Copied { .. } => {}
        }
    }
}

impl Observer for Progress {
    fn on_event(&self, event: &Event<'_>) {
        self.0.lock().note(event);
    }
}

impl ProgressSnapshot {
    /// How long the rest takes at the present rate.
    pub fn time_left(&self) -> Option<Duration> {
        let rest = self.bytes.saturating_sub(self.bytes_done);
        let rate = self.bytes_per_second.filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(rest.div_ceil(rate)))
    }

    /// A download may plan twice: files that describe the model first, then all others.
    fn plan(&mut self, files: usize, bytes: u64) {
        self.files += files;
        self.bytes += bytes;
    }

    fn complete(&mut self, files: usize, bytes: u64) {
        self.files_done += files;
        self.bytes_done += bytes;
    }
}

impl Sums {
    fn note(&mut self, event: &Event<'_>) {
        let totals = &mut self.totals;
        match event {
            Event::Fetch(event) => self.note_fetch(event),
            Event::Checking { files, bytes } => {
                totals.plan(*files, *bytes);
                self.checking = (*files, *bytes);
            }
            // What is not right is planned once more, to be fetched.
            Event::Reused { files, bytes } => {
                let (checked, bytes_checked) = std::mem::take(&mut self.checking);
                totals.files -= checked.saturating_sub(*files);
                totals.bytes -= bytes_checked.saturating_sub(*bytes);
                totals.complete(*files, *bytes);
                totals.bytes_reused += bytes;
            }
            Event::StoreWork { files, bytes } => totals.plan(*files, *bytes),
            Event::StoreBytes { bytes } => {
                self.received += bytes;
                totals.complete(0, *bytes);
            }
            Event::StoreFileDone => totals.complete(1, 0),
            _ => {}
        }
    }

    fn note_fetch(&mut self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { files, bytes, .. } => self.totals.plan(*files, *bytes),
            FetchEvent::Started { file, size, .. } => {
                let file = FileProgress { path: (*file).clone(), bytes: *size, bytes_done: 0, pause: None };
                self.in_flight.push(InFlight { file, resumed: 0, pause: None });
            }
            FetchEvent::Resumed { file, bytes, .. } => {
                self.totals.bytes_reused += bytes;
                self.add(file, *bytes, |known| known.resumed += bytes);
            }
            FetchEvent::Received { file, bytes, place, .. } => {
                self.received += bytes;
                let totals = &mut self.totals;
                *(if *place == HUB { &mut totals.bytes_from_hub } else { &mut totals.bytes_from_stores }) +=
                    bytes;
                self.add(file, *bytes, |known| known.pause = None);
            }
            FetchEvent::Duplicated { bytes, .. } => self.received += bytes,
            FetchEvent::Discarded { file, bytes, .. } => self.discard(file, *bytes),
            FetchEvent::Retrying { file, delay, .. } => self.pause(file, *delay, false),
            FetchEvent::Throttled { file, wait, .. } => self.pause(file, *wait, true),
            FetchEvent::Verified { file, .. } => {
                self.totals.complete(1, 0);
                self.end(file);
            }
            FetchEvent::Failed { file, .. } | FetchEvent::Cancelled { file, .. } => self.end(file),
            _ => {}
        }
    }

    fn add(&mut self, file: &RepoPath, bytes: u64, act: impl FnOnce(&mut InFlight)) {
        self.totals.complete(0, bytes);
        if let Some(known) = self.known(file) {
            known.file.bytes_done += bytes;
            act(known);
        }
    }

    /// What an earlier run has left is of no use then either.
    fn discard(&mut self, file: &RepoPath, bytes: u64) {
        self.totals.bytes_done = self.totals.bytes_done.saturating_sub(bytes);
        if let Some(known) = self.known(file) {
            known.file.bytes_done = known.file.bytes_done.saturating_sub(bytes);
            let resumed = std::mem::take(&mut known.resumed);
            self.totals.bytes_reused = self.totals.bytes_reused.saturating_sub(resumed);
        }
    }

    fn pause(&mut self, file: &RepoPath, wait: Duration, is_asked_for: bool) {
        if let Some(known) = self.known(file) {
            known.pause = Some((Instant::now() + wait, is_asked_for));
        }
    }

    fn end(&mut self, file: &RepoPath) {
        self.in_flight.retain(|known| known.file.path != *file);
    }

    fn known(&mut self, file: &RepoPath) -> Option<&mut InFlight> {
        self.in_flight.iter_mut().find(|known| known.file.path == *file)
    }

    fn look(&mut self, now: Instant) -> ProgressSnapshot {
        if self.totals.files > 0 {
            self.rate.sample(now, self.received);
        }
        let in_flight = self.in_flight.iter().map(|known| known.look(now)).collect();
        let bytes_per_second = self.rate.per_second();
        ProgressSnapshot { bytes_per_second, in_flight, ..self.totals.clone() }
    }
}

impl InFlight {
    fn look(&self, now: Instant) -> FileProgress {
        let pause = self.pause.and_then(|(until, is_asked_for)| {
            let left = until.saturating_duration_since(now);
            (!left.is_zero()).then_some(FilePause { left, is_asked_for })
        });
        FileProgress { pause, ..self.file.clone() }
    }
}

#[cfg(test)]
mod tests;
