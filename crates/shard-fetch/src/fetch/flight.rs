//! One file in flight: what the connections that fetch its ranges share, and what each of them does.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::RetryBudget;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::sleep;
use url_parse::Origin;

use super::answer::Wanted;
use super::attempts::Attempts;
use super::connections::Permit;
use super::get::{Body, get};
use super::part::Part;
use super::ranges::{RangeId, Ranges};
use super::request::FileRequest;
use super::setback::{Passing, Setback};
use super::shared::Shared;
use super::source::Source;
use super::tracker::Tracker;
use crate::{ActualSize, Error, Mismatch};

/// How much a connection writes before its journal says so. After a crash, this and what was just being
/// written is fetched a second time.
const NOTE_EVERY: u64 = 1 << 20;

/// What is known of a file from its first request to its last, also when it is begun anew.
pub(super) struct File {
    pub(super) shared: Arc<Shared>,
    pub(super) request: Arc<FileRequest>,
    pub(super) tracker: Arc<Tracker>,
    source: Arc<Source>,
    attempts: Mutex<Attempts>,
    begun: Instant,
}

/// A part of the file and the ranges that it lacks. When the file is begun anew, there is a new one.
pub(super) struct Flight {
    pub(super) file: Arc<File>,
    pub(super) part: Arc<Part>,
    ranges: Mutex<Ranges>,
    /// Who sent bytes last.
    host: Mutex<Option<Origin>>,
}

/// How a connection's work on a range ended.
pub(super) enum Ended {
    /// Its bytes are written.
    Done,
    /// The host sends the whole file instead.
    WholeFile(Body, Permit),
    /// What the host has is not the file.
    Mismatch(Option<Origin>, Mismatch),
}

impl File {
    pub(super) fn new(
        shared: Arc<Shared>,
        request: Arc<FileRequest>,
        tracker: Arc<Tracker>,
        source: Arc<Source>,
    ) -> Arc<Self> {
        let attempts = Mutex::new(Attempts::new(shared.retry.clone()));
        Arc::new(Self { shared, request, tracker, source, attempts, begun: Instant::now() })
    }

    /// Finds out where the file is, before any connection is taken up by it.
    pub(super) async fn locate(&self) -> Result<(), Error> {
        let on_wait = |wait| self.tracker.throttled(wait);
        loop {
            let begun = Instant::now();
            match self.source.location(&self.shared, &self.request.path, &on_wait).await {
                Ok(_) => return Ok(()),
                Err(setback) => self.recover(setback, begun).await?,
            }
        }
    }

    /// What came is not the file, and was thrown away: to be fetched once more, or the end.
    pub(super) fn mismatched(&self, host: Option<Origin>, mismatch: Mismatch) -> Result<(), Error> {
        // Nobody can send other bytes of a file that has none.
        let again = self.attempts().mismatched() && self.request.expected.size > 0;
        self.at_once(again, Error::DigestMismatch { file: self.request.path.clone(), host, mismatch })
    }

    /// Decides what comes after a setback in an attempt that was `begun` then, and waits until then.
    async fn recover(&self, setback: Setback, begun: Instant) -> Result<(), Error> {
        match setback {
            Setback::Final(error) => Err(error),
            Setback::Passing { cause, host, wait } => {
                if cause.is_the_servers_trouble() {
                    self.shared.trouble();
                }
                let delay = self.attempts().failed(begun, Instant::now());
                let Some(delay) = delay else { return Err(self.gave_up(cause, host)) };
                if let Some(wait) = wait {
                    self.tracker.throttled(wait);
                }
                let delay = delay.max(wait.unwrap_or_default());
                self.tracker.retrying(self.attempts().failures(), delay, &cause);
                sleep(delay).await;
                Ok(())
            }
            Setback::Refused { status, error, version } => {
                if !self.source.refused(version, status).await {
                    return Ok(());
                }
                let again = self.attempts().refused();
                self.at_once(again, error)
            }
            Setback::Mismatch { host, mismatch } => self.mismatched(host, mismatch),
        }
    }

    /// Goes on without a delay, or ends with `error`.
    fn at_once(&self, again: bool, error: Error) -> Result<(), Error> {
        if !again {
            return Err(error);
        }
        self.tracker.retrying(self.attempts().failures(), Duration::ZERO, &error);
        Ok(())
    }

    fn gave_up(&self, cause: Passing, host: Option<Origin>) -> Error {
        Error::GaveUp {
            file: self.request.path.clone(),
            host,
            hop: cause.hop(),
            attempts: self.attempts().failures(),
            elapsed: self.begun.elapsed(),
            source: cause.into(),
        }
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock()
    }
}

impl Flight {
    pub(super) fn new(file: Arc<File>, part: Arc<Part>, single: bool) -> Arc<Self> {
        let size = file.request.expected.size;
        let mut ranges = Ranges::new(size, part.kept().gaps(size), file.shared.division);
        if single {
            ranges.make_single();
        }
        Arc::new(Self { file, part, ranges: Mutex::new(ranges), host: Mutex::default() })
    }

    pub(super) fn ranges(&self) -> MutexGuard<'_, Ranges> {
        self.ranges.lock()
    }

    /// Who sent bytes last.
    pub(super) fn host(&self) -> Option<Origin> {
        self.host.lock().clone()
    }

    /// Fetches a range to its end; `body` is one that it has already. When a server has shown that there are too
    /// many connections, those beyond the new number do not try again before others are done.
    pub(super) async fn fetch(
        self: Arc<Self>,
        range: RangeId,
        mut body: Option<Body>,
        mut permit: Permit,
    ) -> Result<Ended, Error> {
        loop {
            let begun = Instant::now();
            match self.attempt(range, body.take()).await {
                Ok(None) => {
                    self.ranges().close(range);
                    return Ok(Ended::Done);
                }
                Ok(Some(body)) => return Ok(Ended::WholeFile(body, permit)),
                Err(Setback::Mismatch { host, mismatch }) => return Ok(Ended::Mismatch(host, mismatch)),
                Err(setback) => {
                    self.file.recover(setback, begun).await?;
                    permit = permit.renewed().await;
                }
            }
        }
    }

    /// Goes on from where the last attempt ended, up to the end of the range; or to a body that holds all of
    /// the file.
    async fn attempt(&self, range: RangeId, mut body: Option<Body>) -> Result<Option<Body>, Setback> {
        loop {
            let left = self.ranges().left(range);
            if left.is_empty() {
                return Ok(None);
            }
            let body = match body.take() {
                Some(body) => body,
                None => self.get(&left).await?,
            };
            *self.host.lock() = Some(body.host.clone());
            if body.from != left.start || body.until > left.end {
                return Ok(Some(body));
            }
            let (is_short, bytes, host) = (body.until < left.end, body.until - body.from, body.host.clone());
            self.receive(range, body).await?;
            // A host may send fewer bytes than it was asked for, but not a few each time: that is like breaking off.
            if is_short && bytes < RetryBudget::BYTES_PER_ATTEMPT {
                return Err(Setback::passing(Passing::ShortRange { bytes }, &host));
            }
        }
    }

    async fn get(&self, left: &Range<u64>) -> Result<Body, Setback> {
        let File { shared, request, source, tracker, .. } = &*self.file;
        let on_wait = |wait| tracker.throttled(wait);
        let (version, location) = source.location(shared, &request.path, &on_wait).await?;
        let wanted = Wanted { from: left.start, until: left.end, size: request.expected.size };
        let got = get(&shared.client, &request.path, &location, wanted, &on_wait).await;
        got.map_err(|setback| setback.of_location(version))
    }

    /// Takes in `body`, as far as it belongs to the range; it must hold what it promised.
    async fn receive(&self, range: RangeId, mut body: Body) -> Result<(), Setback> {
        let mut unnoted = body.from..body.from;
        let received = self.take_all(range, &mut body, &mut unnoted).await;
        if !unnoted.is_empty() {
            self.part.note(unnoted).await.map_err(Setback::Final)?;
        }
        received
    }

    async fn take_all(
        &self,
        range: RangeId,
        body: &mut Body,
        unnoted: &mut Range<u64>,
    ) -> Result<(), Setback> {
        let size = self.file.request.expected.size;
        loop {
            let at = unnoted.end;
            // Another connection has taken over the rest of the range.
            if at < body.until && self.ranges().left(range).is_empty() {
                return Ok(());
            }
            let received = self.file.tracker.held();
            let next = {
                let _listening = self.file.shared.throughput.listen();
                body.next().await
            };
            let cause = match next {
                Ok(Some(chunk)) if chunk.len() as u64 > body.until - at => return Err(too_long(body, size)),
                Ok(Some(chunk)) => {
                    self.take(range, chunk, unnoted).await.map_err(Setback::Final)?;
                    continue;
                }
                // Whatever happens after the last byte is of no concern.
                Ok(None) | Err(_) if at == body.until => return Ok(()),
                Ok(None) => Passing::Truncated { received, size },
                Err(net::Error::Stalled { idle, .. }) => Passing::Silence(idle),
                Err(net::Error::Transport { source, .. }) => {
                    Passing::Body { received, size, source: source.into() }
                }
                Err(error) => Passing::Body { received, size, source: error.into() },
            };
            return Err(Setback::passing(cause, &body.host));
        }
    }

    /// Writes what of a chunk belongs to the range.
    async fn take(&self, range: RangeId, chunk: Bytes, unnoted: &mut Range<u64>) -> Result<(), Error> {
        let (claimed, left) = {
            let mut ranges = self.ranges();
            (ranges.claim(range, chunk.len() as u64), ranges.left(range))
        };
        let bytes = claimed.end - claimed.start;
        let chunk = chunk.slice(..usize::try_from(bytes).unwrap_or(chunk.len()).min(chunk.len()));
        unnoted.end = claimed.end;
        let is_due = unnoted.end - unnoted.start >= NOTE_EVERY || left.is_empty();
        let note = is_due.then(|| std::mem::replace(unnoted, claimed.end..claimed.end));
        self.part.write(claimed.start, chunk, note).await?;
        self.file.tracker.received(bytes);
        self.file.attempts().reached(self.file.tracker.held());
        Ok(())
    }
}

/// A body with more bytes than it should have: more than the whole file, or than the range it promised.
fn too_long(body: &Body, size: u64) -> Setback {
    if body.until == size {
        let mismatch = Mismatch::Size { expected: size, actual: ActualSize::Longer };
        Setback::Mismatch { host: Some(body.host.clone()), mismatch }
    } else {
        Setback::passing(Passing::Malformed("it holds more bytes than its range"), &body.host)
    }
}
