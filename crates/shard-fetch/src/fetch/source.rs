//! Where one file is: asked once, for all connections that work on it.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;
use url_parse::RepoPath;

use super::get::{OnWait, pass};
use super::run::Shared;
use super::setback::{Passing, Setback};
use crate::{Error, LocateReason, Location};

/// A location this near to its end is not used for another request.
const EXPIRY_MARGIN: Duration = Duration::from_secs(5);

/// A file's location, and how old it is.
pub(super) struct Source(Mutex<State>);

struct State {
    location: Option<Location>,
    /// Counts the locations.
    version: u64,
    /// Why the locator will be asked next.
    reason: LocateReason,
}

impl Source {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { location: None, version: 0, reason: LocateReason::First }))
    }

    /// The location as known, or asked anew; with its version. Who must wait before asking is told.
    pub(super) async fn location(
        &self,
        shared: &Shared,
        file: &RepoPath,
        on_wait: OnWait<'_>,
    ) -> Result<(u64, Location), Setback> {
        let mut state = self.0.lock().await;
        if let Some(known) = &state.location {
            let now = SystemTime::now() + EXPIRY_MARGIN;
            if known.expires_at.is_none_or(|end| now < end) {
                return Ok((state.version, known.clone()));
            }
            state.location = None;
            state.reason = LocateReason::Expired;
        }
        let location = locate(shared, file, state.reason, on_wait).await?;
        state.version += 1;
        state.location = Some(location.clone());
        Ok((state.version, location))
    }

    /// Asks ahead of time. When that fails, whoever needs the location asks again, and learns why.
    pub(super) async fn look_ahead(&self, shared: &Shared, file: &RepoPath) {
        if self.location(shared, file, &|_| ()).await.is_err() {
            tracing::debug!(%file, "a location could not be had ahead of time");
        }
    }

    /// The host of this version refused. Whether that is news: others that use the same location may have
    /// been refused before.
    pub(super) async fn refused(&self, version: u64, status: u16) -> bool {
        let mut state = self.0.lock().await;
        let is_news = state.version == version && state.location.is_some();
        if is_news {
            state.location = None;
            state.reason = LocateReason::Refused(status);
        }
        is_news
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
        Err(error) if error.transient => {
            if let Some(wait) = error.wait {
                shared.locator_gate.hold_for(wait, Instant::now());
            }
            let cause = Passing::Locate(error.cause);
            Err(Setback::Passing { cause, host: None, wait: error.wait })
        }
        Err(error) => Err(Setback::Final(Error::Locate { file: file.clone(), source: error.cause })),
    }
}
