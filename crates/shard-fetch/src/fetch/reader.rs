//! One connection's work on a file: it requests, receives and writes one range after another.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::RetryBudget;
use parking_lot::{Mutex, MutexGuard};
use url_parse::Origin;

use super::answer::Wanted;
use super::connections::{Need, Permit};
use super::controller::Controller;
use super::file::File;
use super::get::{Body, get};
use super::line::Line;
use super::part::Part;
use super::ranges::{RangeId, Ranges};
use super::setback::{Passing, Setback};
use crate::{ActualSize, Error, Mismatch};

/// A part of the file and its missing ranges. A restarted file gets a new one.
pub(super) struct Flight {
    pub(super) file: Arc<File>,
    pub(super) part: Arc<Part>,
    ranges: Mutex<Ranges>,
    /// The host that sent bytes last.
    host: Mutex<Option<Origin>>,
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

    /// The host that sent bytes last.
    pub(super) fn host(&self) -> Option<Origin> {
        self.host.lock().clone()
    }

    /// A connection with work to do; `None` if there is nothing to do.
    pub(super) fn reader(self: &Arc<Self>, permit: Permit, need: Need) -> Option<Reader> {
        let range = self.assign(permit.line(), need)?;
        let seat = Seat { flight: Arc::clone(self), range, line: Arc::clone(permit.line()) };
        Some(Reader { seat, permit })
    }

    fn assign(&self, line: &Arc<Line>, need: Need) -> Option<RangeId> {
        let (shared, now) = (&self.file.shared, Instant::now());
        if need == Need::Relief {
            let may_be_duplicated = shared.duplicates_are_bearable();
            return self.ranges().relieve(line, now, |slow, left| {
                may_be_duplicated && shared.connections.is_worth_a_second(slow, left, now)
            });
        }
        let piece = shared.division.piece(shared.outstanding.bytes(), shared.connections.target() as u64);
        self.ranges().assign(line, piece, now)
    }
}

/// How the work of one connection, or of all, ended.
pub(super) enum Outcome {
    /// Everything is written, or another connection is writing it.
    Complete,
    /// A host ignores ranges: the file is started over with the body that it sends.
    WholeFile(Body, Permit),
    /// The host's content is wrong.
    Mismatch(Option<Origin>, Mismatch),
}

/// A connection working on a range.
pub(super) struct Reader {
    seat: Seat,
    permit: Permit,
}

/// The range that a connection is working on. Dropping it releases the range.
struct Seat {
    flight: Arc<Flight>,
    range: RangeId,
    line: Arc<Line>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.flight.ranges().leave(self.range, &self.line);
    }
}

impl Reader {
    /// Fetches its range, then other unassigned ranges of the file; `body` is a response that it
    /// already has. When a server has shown that there are too many connections, surplus ones wait with
    /// a retry until others have finished.
    pub(super) async fn run(mut self, mut body: Option<Body>) -> Result<Outcome, Error> {
        loop {
            let begun = Instant::now();
            let setback = match self.seat.attempt(body.take()).await {
                Ok(None) if self.has_more_to_do() => continue,
                Ok(None) => return Ok(Outcome::Complete),
                // Only the first request may start the file over.
                Ok(Some(_)) if self.seat.is_second() => return Ok(Outcome::Complete),
                Ok(Some(body)) => return Ok(Outcome::WholeFile(body, self.permit)),
                Err(setback) => setback,
            };
            match setback {
                Setback::Final(error) => return Err(error),
                // The first request continues, and failures count for it alone.
                _ if self.seat.line.is_stopped() || self.seat.is_second() => return Ok(Outcome::Complete),
                Setback::Mismatch { host, mismatch } => return Ok(Outcome::Mismatch(host, mismatch)),
                setback => {
                    let Some(permit) = self.seat.recover(setback, begun, self.permit).await? else {
                        return Ok(Outcome::Complete);
                    };
                    self.permit = permit;
                }
            }
        }
    }

    /// Continues with another range of the file, if there is one and it was not told to stop.
    fn has_more_to_do(&mut self) -> bool {
        let Seat { flight, line, range } = &self.seat;
        if flight.ranges().leave(*range, line) {
            flight.file.attempts().replaced();
        }
        if line.is_stopped() || self.permit.is_one_too_many() {
            return false;
        }
        let Some(range) = flight.assign(line, Need::More) else { return false };
        self.seat = Seat { flight: Arc::clone(flight), range, line: Arc::clone(line) };
        true
    }
}

impl Seat {
    fn is_second(&self) -> bool {
        self.flight.ranges().is_second(self.range, &self.line)
    }

    fn left(&self) -> Range<u64> {
        self.flight.ranges().left(self.range)
    }

    /// Waits until another attempt may be made; `None` if another connection has taken over meanwhile.
    async fn recover(
        &self,
        setback: Setback,
        begun: Instant,
        permit: Permit,
    ) -> Result<Option<Permit>, Error> {
        let recovering = async {
            self.flight.file.recover(setback, begun).await?;
            Ok(Some(permit.renewed().await))
        };
        tokio::select! {
            recovered = recovering => recovered,
            () = self.line.stopped() => Ok(None),
        }
    }

    /// Continues from where the last attempt ended to the end of the range, or returns a body that
    /// contains the whole file.
    async fn attempt(&self, mut body: Option<Body>) -> Result<Option<Body>, Setback> {
        loop {
            let left = self.left();
            if left.is_empty() || self.line.is_stopped() {
                return Ok(None);
            }
            self.line.restart(left.end - left.start, self.flight.file.attempts().may_be_replaced());
            let body = tokio::select! {
                body = self.body(&left, body.take()) => body?,
                () = self.line.stopped() => return Ok(None),
            };
            *self.flight.host.lock() = Some(body.host.clone());
            self.flight.file.shared.control(Controller::answered);
            if body.from != left.start || body.until > left.end {
                return Ok(Some(body));
            }
            let (is_short, bytes, host) = (body.until < left.end, body.until - body.from, body.host.clone());
            self.receive(body).await?;
            // A host may send fewer bytes than requested, but sending a few each time counts as
            // breaking off.
            if is_short && bytes < RetryBudget::BYTES_PER_ATTEMPT {
                return Err(Setback::passing(Passing::ShortRange { bytes }, &host));
            }
        }
    }

    /// The existing body, or a new one for what is left.
    async fn body(&self, left: &Range<u64>, body: Option<Body>) -> Result<Body, Setback> {
        if let Some(body) = body {
            return Ok(body);
        }
        let File { shared, request, source, tracker, .. } = &*self.flight.file;
        let on_wait = |wait: Duration| {
            self.line.held(Instant::now() + wait);
            tracker.throttled(wait);
        };
        let (version, location) = source.location(shared, &request.path, &on_wait).await?;
        if let Some(host) = Origin::of(&location.url) {
            self.line.set_host(&host);
        }
        let wanted = Wanted { from: left.start, until: left.end, size: request.expected.size };
        let _listening = self.line.listen();
        let is_always_so = || self.flight.file.attempts().has_no_usable_range();
        let got = get(&shared.client, &request.path, &location, wanted, &on_wait, is_always_so).await;
        got.map_err(|setback| setback.of_location(version, location.alternative))
    }

    /// Receives the part of `body` that belongs to the range; it must contain what it announced.
    async fn receive(&self, mut body: Body) -> Result<(), Setback> {
        let File { shared, request, tracker, .. } = &*self.flight.file;
        self.line.set_host(&body.host);
        let (size, mut at, mut listened) = (request.expected.size, body.from, Duration::ZERO);
        loop {
            // Another connection has taken over the rest of the range.
            if at < body.until && self.left().is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = body.in_turn() => {}
                () = self.line.stopped() => return Ok(()),
            }
            let received = tracker.held();
            let began = Instant::now();
            let next = {
                let (_listening, _line) = (shared.throughput.listen(), self.line.listen());
                tokio::select! {
                    next = body.next() => next,
                    () = self.line.stopped() => return Ok(()),
                }
            };
            listened += began.elapsed();
            let cause = match next {
                Ok(Some(chunk)) if chunk.len() as u64 > body.until - at => return Err(too_long(&body, size)),
                Ok(Some(chunk)) => {
                    let from = at;
                    at += chunk.len() as u64;
                    self.take(from, chunk, body.place).await.map_err(Setback::Final)?;
                    continue;
                }
                // An error after the last byte does not matter.
                Ok(None) | Err(_) if at == body.until => {
                    shared.connections.note_done(&body.host, at - body.from, listened, Instant::now());
                    return Ok(());
                }
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

    /// Writes the part of a chunk that belongs to the range and was not written by another connection.
    async fn take(&self, at: u64, chunk: Bytes, place: usize) -> Result<(), Error> {
        let Flight { file, part, .. } = &*self.flight;
        let length = chunk.len() as u64;
        self.line.received(length);
        let claimed = self.flight.ranges().claim(self.range, &self.line, at..at + length);
        let left = self.left();
        self.line.owes(left.end - left.start);
        let bytes = claimed.end - claimed.start;
        if bytes < length {
            file.tracker.duplicated(length - bytes);
        }
        if bytes > 0 {
            let within = |place: u64| usize::try_from(place - at).unwrap_or(chunk.len());
            let began = Instant::now();
            part.write(claimed.start, chunk.slice(within(claimed.start)..within(claimed.end))).await?;
            file.shared.throughput.wrote(began.elapsed());
            file.tracker.received(bytes, place);
            file.attempts().reached(file.tracker.held());
        }
        Ok(())
    }
}

/// A body with too many bytes: more than the whole file, or than the range it announced.
fn too_long(body: &Body, size: u64) -> Setback {
    if body.until == size {
        let mismatch = Mismatch::Size { expected: size, actual: ActualSize::Longer };
        Setback::Mismatch { host: Some(body.host.clone()), mismatch }
    } else {
        Setback::passing(Passing::Malformed("it contains more bytes than its range"), &body.host)
    }
}

#[cfg(test)]
mod tests;
