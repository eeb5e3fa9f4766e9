//! Sums up the events of a download.

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

/// The place number of the hub in events.
const HUB: usize = 0;

/// An [`Observer`] that sums up the events of one request. Cheap to clone; clones share their sums.
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
    /// Without the values that are computed for a snapshot.
    totals: ProgressSnapshot,
    in_flight: Vec<InFlight>,
    /// The size of the files that are being hashed.
    bytes_checking: u64,
    rate: Rate,
}

#[derive(Debug)]
struct InFlight {
    file: FileProgress,
    /// The part of its bytes that an earlier run left.
    resumed: u64,
    /// The end of its pause, and whether a server asked for it.
    pause: Option<(Instant, bool)>,
}

/// The progress of a download at one moment. All zero until it is known what must be fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProgressSnapshot {
    /// The number of files to fetch or check.
    pub files: usize,
    /// How many of them are verified.
    pub files_done: usize,
    /// The total size of all files. Grows when a check finds a wrong file, and when files that describe
    /// the model come before all others.
    pub bytes: u64,
    /// How many of these bytes exist. Shrinks when bytes turn out to be wrong.
    pub bytes_done: u64,
    /// How many bytes came from the hub or its data host.
    pub bytes_from_hub: u64,
    /// How many bytes came from stores.
    pub bytes_from_stores: u64,
    /// How many bytes came over the network, including discarded and duplicate ones, and those read from and written to
    /// stores.
    pub bytes_received: u64,
    /// How many bytes existed before, from an interrupted download or another model, as far as known.
    pub bytes_reused: u64,
    /// How many existing files are being hashed.
    pub files_checking: usize,
    /// The recent download speed in bytes per second; `None` if it is too early to tell. It is measured
    /// between snapshots, so it takes two of them half a second apart.
    pub bytes_per_second: Option<u64>,
    /// The files being fetched.
    pub in_flight: Vec<FileProgress>,
}

/// The progress of a file being fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileProgress {
    /// The file.
    #[serde(serialize_with = "serialized::text")]
    pub path: RepoPath,
    /// Its size in bytes.
    #[serde(rename = "bytes")]
    pub size: u64,
    /// How many of its bytes have arrived. When all have, it is being verified.
    pub bytes_done: u64,
    /// Why it is paused, if it is.
    pub pause: Option<FilePause>,
}

/// A pause of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FilePause {
    /// The time left at the snapshot.
    #[serde(rename = "seconds", serialize_with = "serialized::seconds")]
    pub left: Duration,
    /// Whether a server asked for it. Otherwise it is the pause after a failed attempt.
    pub is_asked_for: bool,
}

impl Progress {
    /// Before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The current progress. Call it a few times a second at most: each call is a measurement for the
    /// [rate](ProgressSnapshot::bytes_per_second).
    pub fn snapshot(&self) -> ProgressSnapshot {
        self.0.lock().look(Instant::now())
    }

    /// Sums up the events of [`Cache::verify`](crate::Cache::verify) instead of those of a download.
    pub fn on_verify_event(&self, event: &VerifyEvent<'_>) {
        let totals = &mut self.0.lock().totals;
        match event {
            VerifyEvent::Began { files, bytes, .. } => totals.plan(*files, *bytes),
            VerifyEvent::Checked { size, .. } => totals.complete(1, *size),
            // A file counts when it is hashed.
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
    /// The time left at the current speed.
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
                (totals.files_checking, self.bytes_checking) = (*files, *bytes);
            }
            // Files that are not right are planned again, to be fetched.
            Event::Reused { files, bytes } => {
                let checked = std::mem::take(&mut totals.files_checking);
                let bytes_checked = std::mem::take(&mut self.bytes_checking);
                totals.files -= checked.saturating_sub(*files);
                totals.bytes -= bytes_checked.saturating_sub(*bytes);
                totals.complete(*files, *bytes);
                totals.bytes_reused += bytes;
            }
            Event::StoreWork { files, bytes } => totals.plan(*files, *bytes),
            Event::StoreBytes { bytes } => {
                totals.bytes_received += bytes;
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
                let file = FileProgress { path: (*file).clone(), size: *size, bytes_done: 0, pause: None };
                self.in_flight.push(InFlight { file, resumed: 0, pause: None });
            }
            FetchEvent::Resumed { file, bytes, .. } => {
                self.totals.bytes_reused += bytes;
                self.add(file, *bytes, |known| known.resumed += bytes);
            }
            FetchEvent::Received { file, bytes, place, .. } => {
                let totals = &mut self.totals;
                totals.bytes_received += bytes;
                *(if *place == HUB { &mut totals.bytes_from_hub } else { &mut totals.bytes_from_stores }) +=
                    bytes;
                self.add(file, *bytes, |known| known.pause = None);
            }
            FetchEvent::Duplicated { bytes, .. } => self.totals.bytes_received += bytes,
            FetchEvent::Discarded { file, bytes, .. } => self.discard(file, *bytes),
            FetchEvent::Retrying { file, pause, .. } => self.pause(file, *pause, false),
            FetchEvent::Throttled { file, pause, .. } => self.pause(file, *pause, true),
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

    /// What an earlier run left is discarded too.
    fn discard(&mut self, file: &RepoPath, bytes: u64) {
        self.totals.bytes_done = self.totals.bytes_done.saturating_sub(bytes);
        if let Some(known) = self.known(file) {
            known.file.bytes_done = known.file.bytes_done.saturating_sub(bytes);
            let resumed = std::mem::take(&mut known.resumed);
            self.totals.bytes_reused = self.totals.bytes_reused.saturating_sub(resumed);
        }
    }

    fn pause(&mut self, file: &RepoPath, pause: Duration, is_asked_for: bool) {
        if let Some(known) = self.known(file) {
            known.pause = Some((Instant::now() + pause, is_asked_for));
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
            self.rate.sample(now, self.totals.bytes_received);
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
