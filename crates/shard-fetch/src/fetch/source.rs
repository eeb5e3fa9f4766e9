//! The location of one file: obtained once for all its connections.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;
use url_parse::RepoPath;

use super::get::{OnWait, pass};
use super::setback::{Passing, Setback};
use super::shared::Shared;
use crate::{Error, LocateError, LocateReason, Location};

/// A location this close to its expiry is not used for another request. If it lives for less than twice
/// as long, only the first half of its life is used.
const EXPIRY_MARGIN: Duration = Duration::from_secs(5);

/// A file's location and its age.
pub(super) struct Source(Mutex<SourceState>);

struct SourceState {
    location: Option<Known>,
    /// The number of locations so far.
    version: u64,
    /// The reason for asking the locator next.
    reason: LocateReason,
}

/// A location, and until when to use it.
struct Known {
    location: Location,
    good_until: Option<SystemTime>,
}

impl Known {
    fn new(location: Location, now: SystemTime) -> Self {
        let good_until = location.expires_at.map(|end| {
            let life = end.duration_since(now).unwrap_or_default();
            end.checked_sub(EXPIRY_MARGIN.min(life / 2)).unwrap_or(end)
        });
        Self { location, good_until }
    }

    fn is_good(&self, now: SystemTime) -> bool {
        self.good_until.is_none_or(|end| now < end)
    }
}

impl Source {
    pub(super) fn new() -> Self {
        Self(Mutex::new(SourceState { location: None, version: 0, reason: LocateReason::First }))
    }

    /// The known location or a new one, with its version. `on_wait` is told if asking must wait.
    pub(super) async fn location(
        &self,
        shared: &Shared,
        file: &RepoPath,
        on_wait: OnWait<'_>,
    ) -> Result<(u64, Location), Setback> {
        let mut state = self.0.lock().await;
        if let Some(known) = &state.location {
            if known.is_good(SystemTime::now()) {
                return Ok((state.version, known.location.clone()));
            }
            state.location = None;
            state.reason = LocateReason::Expired;
        }
        let location = locate(shared, file, state.reason, on_wait).await?;
        state.version += 1;
        state.location = Some(Known::new(location.clone(), SystemTime::now()));
        Ok((state.version, location))
    }

    /// Asks in advance. If that fails, the connection that needs the location asks again and gets the
    /// error.
    pub(super) async fn look_ahead(&self, shared: &Shared, file: &RepoPath) {
        if self.location(shared, file, &|_| ()).await.is_err() {
            tracing::debug!(%file, "a file could not be located ahead of time");
        }
    }

    /// The host of this version refused, with this status if it gave one. Returns the refused location
    /// the first time; another connection may have reported it before.
    pub(super) async fn refused(&self, version: u64, status: Option<u16>) -> Option<Location> {
        let mut state = self.0.lock().await;
        if state.version != version {
            return None;
        }
        let known = state.location.take()?;
        state.reason = status.map_or(LocateReason::Failed, LocateReason::Refused);
        Some(known.location)
    }

    /// Gives up the location if another one is known. Returns whether it did.
    pub(super) async fn give_up(&self, reason: LocateReason) -> bool {
        let mut state = self.0.lock().await;
        let is_given_up = state.location.take_if(|known| known.location.alternative).is_some();
        if is_given_up {
            state.reason = reason;
        }
        is_given_up
    }
}

async fn locate(
    shared: &Shared,
    file: &RepoPath,
    reason: LocateReason,
    on_wait: OnWait<'_>,
) -> Result<Location, Setback> {
    pass(&shared.locator_gate, on_wait).await;
    match shared.locator.locate(file, reason).await {
        Ok(location) => Ok(location),
        Err(error) if error.is_transient() => {
            if let Some(wait) = error.wait {
                shared.locator_gate.hold_for(wait, Instant::now());
            }
            let cause = Passing::Locate(error.cause);
            Err(Setback::Passing { cause, host: None, wait: error.wait })
        }
        Err(error) => {
            let LocateError { kind, cause, .. } = error;
            Err(Setback::Final(Error::Locate { file: file.clone(), kind, source: cause }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a location with this lifetime in milliseconds, at the time `later`.
    #[track_caller]
    fn check(life: i64, later: u64, is_good: bool) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let after = |millis: u64| Duration::from_millis(millis);
        let end = match u64::try_from(life) {
            Ok(life) => now + after(life),
            Err(_) => now - after(life.unsigned_abs()),
        };
        let mut location = Location::new("https://host/file".parse().unwrap());
        location.expires_at = Some(end);
        assert_eq!(Known::new(location, now).is_good(now + after(later)), is_good, "{life} {later}");
    }

    #[test]
    fn a_location_is_used_up_to_its_last_seconds_or_half_its_life() {
        check(3_600_000, 0, true);
        check(3_600_000, 3_594_999, true);
        check(3_600_000, 3_595_000, false);
        check(10_000, 4_999, true);
        check(10_000, 5_000, false);
        check(2_000, 0, true);
        check(2_000, 1_000, false);
        check(0, 0, false);
        check(-1, 0, false);
    }

    #[test]
    fn a_location_without_an_expiry_remains_valid() {
        let known = Known::new(Location::new("https://host/file".parse().unwrap()), SystemTime::UNIX_EPOCH);
        assert!(known.is_good(SystemTime::now()));
    }
}
