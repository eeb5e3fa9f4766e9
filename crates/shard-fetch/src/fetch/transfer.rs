//! One file from its first request to its destination.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::time::sleep;
use url_parse::Origin;

use super::FileRequest;
use super::answer::Wanted;
use super::attempts::Attempts;
use super::get::{Body, BodyError, get, pass};
use super::part::PartWriter;
use super::run::Shared;
use super::setback::{Passing, Setback};
use super::tracker::Tracker;
use crate::{ActualSize, Error, LocateReason, Location, Mismatch};

/// A location this near to its end is not used for another request.
const EXPIRY_MARGIN: Duration = Duration::from_secs(5);

/// Fetches one file and reports its events.
pub(super) async fn fetch(shared: Arc<Shared>, request: FileRequest) -> Result<(), Error> {
    let request = Arc::new(request);
    let tracker = Tracker::start(Arc::clone(&shared), Arc::clone(&request));
    let mut transfer = Transfer {
        attempts: Attempts::new(shared.retry.clone()),
        begun: Instant::now(),
        shared,
        request,
        tracker: &tracker,
        location: None,
        reason: LocateReason::First,
        writer: None,
        received: 0,
    };
    let outcome = transfer.run().await;
    drop(transfer);
    tracker.end(&outcome);
    outcome
}

/// A file on its way.
struct Transfer<'a> {
    shared: Arc<Shared>,
    request: Arc<FileRequest>,
    tracker: &'a Tracker,
    attempts: Attempts,
    begun: Instant,
    location: Option<Location>,
    /// Why the locator will be asked next.
    reason: LocateReason,
    writer: Option<PartWriter>,
    /// How many of the file's bytes the writer has been given.
    received: u64,
}

impl Transfer<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        loop {
            match self.attempt().await {
                Ok(()) => return Ok(()),
                Err(setback) => self.recover(setback).await?,
            }
        }
    }

    /// Goes on from where the last attempt ended, up to the finished file.
    async fn attempt(&mut self) -> Result<(), Setback> {
        let size = self.request.expected.size;
        let mut host = None;
        while self.received < size {
            let location = self.location().await?;
            let wanted = Wanted { from: self.received, size };
            let body = get(&self.shared.network, &self.request.path, &location, wanted).await?;
            host = Some(body.host.clone());
            if body.from < self.received {
                self.start_over().await.map_err(Setback::Final)?;
            }
            self.receive(body).await?;
        }
        let finished = self.writer().finish().await.map_err(Setback::Final)?;
        finished.map_err(|mismatch| Setback::Mismatch { host, mismatch })
    }

    /// Takes in all of `body`, which must hold what it promised.
    async fn receive(&mut self, mut body: Body) -> Result<(), Setback> {
        let size = self.request.expected.size;
        loop {
            let received = self.received;
            let cause = match body.next().await {
                Ok(Some(chunk)) if chunk.len() as u64 > body.until - received => {
                    return Err(too_long(&body, size));
                }
                Ok(Some(chunk)) => {
                    self.take(chunk).await?;
                    continue;
                }
                // Whatever happens after the last byte is of no concern.
                Ok(None) | Err(_) if received == body.until => return Ok(()),
                Ok(None) => Passing::Truncated { received, size },
                Err(BodyError::Silence(idle)) => Passing::Silence(idle),
                Err(BodyError::Broken(error)) => Passing::Body { received, size, source: error.into() },
            };
            return Err(Setback::passing(cause, &body.host));
        }
    }

    async fn take(&mut self, chunk: Bytes) -> Result<(), Setback> {
        let bytes = chunk.len() as u64;
        let mut writer = self.writer();
        let written = writer.write(chunk).await;
        written.map_err(Setback::Final)?;
        self.writer = Some(writer);
        self.received += bytes;
        self.tracker.received(bytes);
        self.attempts.reached(self.received);
        Ok(())
    }

    /// The writer of this file, started if need be.
    fn writer(&mut self) -> PartWriter {
        self.writer
            .take()
            .unwrap_or_else(|| PartWriter::start(Arc::clone(&self.shared), Arc::clone(&self.request)))
    }

    /// Where the file is: as known, or asked anew.
    async fn location(&mut self) -> Result<Location, Setback> {
        if let Some(known) = self.location.take() {
            let now = SystemTime::now() + EXPIRY_MARGIN;
            if known.expires_at.is_none_or(|end| now < end) {
                return Ok(self.location.insert(known).clone());
            }
            self.reason = LocateReason::Expired;
        }
        pass(&self.shared.locator_gate).await;
        match self.shared.locator.locate(&self.request.path, self.reason).await {
            Ok(location) => Ok(self.location.insert(location).clone()),
            Err(error) if error.transient => {
                if let Some(wait) = error.wait {
                    self.shared.locator_gate.hold_for(wait, Instant::now());
                }
                let cause = Passing::Locate(error.cause);
                Err(Setback::Passing { cause, host: None, wait: error.wait })
            }
            Err(error) => {
                let file = self.request.path.clone();
                Err(Setback::Final(Error::Locate { file, source: error.cause }))
            }
        }
    }

    /// Decides what comes after a setback, and waits until then.
    async fn recover(&mut self, setback: Setback) -> Result<(), Error> {
        let file = self.request.path.clone();
        match setback {
            Setback::Final(error) => Err(error),
            Setback::Passing { cause, host, wait } => match self.attempts.failed() {
                Some(delay) => {
                    let delay = delay.max(wait.unwrap_or_default());
                    self.tracker.retrying(delay, &cause);
                    sleep(delay).await;
                    Ok(())
                }
                None => Err(self.gave_up(cause, host)),
            },
            Setback::Refused { host, status, words } => {
                self.location = None;
                self.reason = LocateReason::Refused(status);
                let again = self.attempts.refused();
                self.at_once(again, Error::Refused { file, host, status, words })
            }
            Setback::Mismatch { host, mismatch } => {
                self.start_over().await?;
                // Nobody can send other bytes of a file that has none.
                let again = self.attempts.mismatched() && self.request.expected.size > 0;
                self.at_once(again, Error::DigestMismatch { file, host, mismatch })
            }
        }
    }

    /// Goes on without a delay, or ends with `error`.
    fn at_once(&self, again: bool, error: Error) -> Result<(), Error> {
        if !again {
            return Err(error);
        }
        self.tracker.retrying(Duration::ZERO, &error);
        Ok(())
    }

    fn gave_up(&self, cause: Passing, host: Option<Origin>) -> Error {
        Error::GaveUp {
            file: self.request.path.clone(),
            host,
            attempts: self.attempts.failures(),
            elapsed: self.begun.elapsed(),
            source: cause.into(),
        }
    }

    /// Throws away what there is of the file.
    async fn start_over(&mut self) -> Result<(), Error> {
        if let Some(writer) = self.writer.take() {
            writer.discard().await?;
        }
        if self.received > 0 {
            self.tracker.discarded(std::mem::take(&mut self.received));
        }
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
