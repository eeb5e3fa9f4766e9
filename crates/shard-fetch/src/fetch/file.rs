//! The state of one file from its first request to its last, including restarts, and what happens after
//! a setback.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::sleep;
use url_parse::Origin;

use super::attempts::Attempts;
use super::request::FileRequest;
use super::setback::{Passing, Setback};
use super::shared::Shared;
use super::source::Source;
use super::tracker::Tracker;
use crate::{Error, LocateReason, Mismatch};

/// A file that is being fetched.
pub(super) struct File {
    pub(super) shared: Arc<Shared>,
    pub(super) request: Arc<FileRequest>,
    pub(super) tracker: Arc<Tracker>,
    pub(super) source: Arc<Source>,
    attempts: Mutex<Attempts>,
    begun: Instant,
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

    /// The content was wrong and was discarded: fetch once more, or give up.
    pub(super) async fn mismatched(&self, host: Option<Origin>, mismatch: Mismatch) -> Result<(), Error> {
        let is_given_up = self.give_up(LocateReason::Mismatched).await;
        // Another attempt cannot change an empty file.
        let again = is_given_up || self.attempts().mismatched() && self.request.expected.size > 0;
        self.at_once(again, Error::DigestMismatch { file: self.request.path.clone(), host, mismatch })
    }

    /// Decides what follows a setback of an attempt that was `begun` at this time, and waits
    /// accordingly.
    pub(super) async fn recover(&self, setback: Setback, begun: Instant) -> Result<(), Error> {
        match setback {
            Setback::Final(error) => Err(error),
            Setback::Passing { cause, host, wait } => self.retry(cause, host, wait, begun).await,
            Setback::Refused { status, error, version } => {
                let Some(location) = self.source.refused(version, status).await else { return Ok(()) };
                let again = location.alternative && self.attempts().turned_elsewhere();
                let again = again || self.attempts().refused();
                self.at_once(again, error)
            }
            Setback::Mismatch { host, mismatch } => self.mismatched(host, mismatch).await,
        }
    }

    async fn retry(
        &self,
        cause: Passing,
        host: Option<Origin>,
        wait: Option<Duration>,
        begun: Instant,
    ) -> Result<(), Error> {
        let is_served = cause.is_silence() && self.is_served_by(host.as_ref());
        self.shared.control(|controller| {
            if cause.is_silence() {
                controller.silence(!is_served);
            } else if matches!(cause, Passing::Status { .. }) {
                controller.trouble();
            }
        });
        let is_gone = cause.is_no_overload() && self.attempts().place_failed(begun, Instant::now());
        if is_gone && self.give_up(LocateReason::Failed).await {
            self.goes_on(Duration::ZERO, &cause, host.as_ref());
            return Ok(());
        }
        let delay = if is_served {
            Some(self.attempts().unlucky())
        } else {
            self.attempts().failed(begun, Instant::now(), cause.is_break())
        };
        let Some(delay) = delay else {
            if self.give_up(LocateReason::Failed).await {
                self.goes_on(Duration::ZERO, &cause, host.as_ref());
                return Ok(());
            }
            return Err(self.gave_up(cause, host));
        };
        if let Some(wait) = wait {
            self.tracker.throttled(wait);
        }
        let delay = delay.max(wait.unwrap_or_default());
        self.goes_on(delay, &cause, host.as_ref());
        sleep(delay).await;
        Ok(())
    }

    /// Whether the host, which was silent here, has lately sent bytes of other files.
    fn is_served_by(&self, host: Option<&Origin>) -> bool {
        let lately = self.shared.client.settings().idle_timeout / 2;
        let since = Instant::now().checked_sub(lately);
        host.zip(since).is_some_and(|(host, since)| self.shared.connections.has_delivered(host, since))
    }

    /// Switches to another place, if there is one.
    async fn give_up(&self, reason: LocateReason) -> bool {
        self.source.give_up(reason).await && self.attempts().turned_elsewhere()
    }

    /// Continues without a delay, or fails with `error`.
    fn at_once(&self, again: bool, error: Error) -> Result<(), Error> {
        if !again {
            return Err(error);
        }
        self.goes_on(Duration::ZERO, &error, None);
        Ok(())
    }

    fn goes_on(&self, delay: Duration, cause: &(dyn StdError + 'static), host: Option<&Origin>) {
        self.tracker.retrying(self.attempts().failures(), delay, cause, host);
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

    pub(super) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock()
    }
}
