//! Stores, followed by the hub, as a locator for the fetcher.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use net::Redirects;
use parking_lot::Mutex;
use shard_fetch::{Expected, LocateError, LocateReason, Location, Locator};
use url_parse::{ErrorKind, ModelRef, RepoPath};
use weight_store::{BlobId, BlobPlace};

use crate::Error;
use crate::locator::HubLocator;
use crate::store_set::StoreSet;
use crate::stores::StoreAnswer;

/// Asks one store after another where a file is, then the hub if that is permitted.
pub(crate) struct StoreLocator {
    stores: Arc<StoreSet>,
    /// `None` if only stores may be asked.
    hub: Option<HubLocator>,
    model: ModelRef,
    expected: HashMap<RepoPath, Expected>,
    turns: Mutex<HashMap<RepoPath, Turn>>,
}

/// Which place is asked for a file.
#[derive(Clone, Copy, Default)]
struct Turn {
    /// The index of a store; after the last store comes the hub.
    place: usize,
    /// It was asked before, and is asked once more.
    is_again: bool,
}

impl Turn {
    /// The next turn after the last place failed, and whether this counts as a failure of that place.
    fn after(self, reason: LocateReason) -> (Self, bool) {
        let next = Self { place: self.place + 1, is_again: false };
        let again = Self { is_again: true, ..self };
        match reason {
            LocateReason::First | LocateReason::Expired => (self, false),
            // A signed URL may have expired, and a cache may have had other bytes.
            LocateReason::Refused(403) | LocateReason::Mismatched if !self.is_again => (again, false),
            LocateReason::Refused(404 | 410) => (next, false),
            _ => (next, true),
        }
    }
}

impl StoreLocator {
    pub(crate) fn new(
        stores: Arc<StoreSet>,
        hub: HubLocator,
        model: ModelRef,
        expected: HashMap<RepoPath, Expected>,
    ) -> Self {
        let hub = Some(hub).filter(|_| !stores.is_only());
        Self { stores, hub, model, expected, turns: Mutex::default() }
    }

    fn turn(&self, file: &RepoPath, reason: LocateReason) -> Turn {
        let mut turns = self.turns.lock();
        let turn = turns.entry(file.clone()).or_default();
        let is_stores = self.stores.get(turn.place).is_some();
        let (mut next, has_failed) = turn.after(reason);
        if is_stores && has_failed {
            self.stores.failed(turn.place);
        }
        // There is no other place: the fetcher itself notices that this host is gone, or refuses.
        let is_absence = matches!(reason, LocateReason::Refused(403 | 404 | 410) | LocateReason::Mismatched);
        if !is_absence && self.is_last(next.place) {
            next = Turn { is_again: true, ..*turn };
        }
        // The hub's locator handles its own retries.
        if is_stores {
            if reason == LocateReason::Mismatched {
                self.stores.note_wrong(file);
            }
            if next.place != turn.place {
                if reason == LocateReason::Mismatched {
                    self.stores.warn_of_wrong_file(file);
                }
                self.stores.answered(file, StoreAnswer::Miss);
            }
            *turn = next;
        }
        *turn
    }

    /// If a store can be read but answers 403 twice for a file, it does not have the file.
    async fn understood(&self, file: &RepoPath, reason: LocateReason) -> LocateReason {
        let turn = self.turns.lock().get(file).copied().unwrap_or_default();
        match self.stores.get(turn.place) {
            Some(store)
                if turn.is_again && reason == LocateReason::Refused(403) && store.is_readable().await =>
            {
                LocateReason::Refused(404)
            }
            _ => reason,
        }
    }

    /// Whether no usable place follows from this one on.
    fn is_last(&self, place: usize) -> bool {
        self.hub.is_none() && self.stores.get(place).is_none()
    }

    /// Where a store has a file; `None` if that is not a URL, or the store is not in use.
    #[tracing::instrument(name = "store.locate", level = "debug", skip_all, fields(%file))]
    async fn at_store(
        &self,
        file: &RepoPath,
        turn: Turn,
        blob: &BlobId,
    ) -> Result<Option<Location>, weight_store::Error> {
        let Some(store) = self.stores.get(turn.place) else { return Ok(None) };
        let BlobPlace::Url { url, headers, expires_at, .. } = store.locate(blob).await? else {
            return Ok(None);
        };
        self.stores.asks(turn.place, file, store.shown_blob(blob));
        tracing::debug!(bypasses_caches = turn.is_again, "requesting a file from a store");
        let mut location = Location::new(url);
        (location.headers, location.expires_at, location.place) = (headers, expires_at, turn.place + 1);
        location.redirects = Redirects::NoNearer;
        if turn.is_again {
            // To bypass caches. This is always a valid header value.
            if let Ok(value) = "no-cache".parse() {
                location.headers.insert("cache-control", value);
            }
        }
        location.alternative = !turn.is_again || !self.is_last(turn.place + 1);
        Ok(Some(location))
    }

    fn not_there(&self, file: &RepoPath) -> LocateError {
        let (model, stores) = (self.model.clone(), self.stores.shown());
        let error = if self.stores.has_wrong(file) {
            Error::WrongInStore { model, store: stores, what: file.to_string(), source: None }
        } else {
            Error::NotInStore { model, stores, missing: file.to_string() }
        };
        let kind = error.kind();
        LocateError::permanent(error, kind)
    }
}

#[async_trait]
impl Locator for StoreLocator {
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError> {
        let mut turn = self.turn(file, self.understood(file, reason).await);
        let blob = self.expected.get(file).and_then(|expected| expected.sha256);
        let blob = blob.map(|digest| BlobId::from_bytes(*digest.as_bytes()));
        let mut failure = None;
        while let (Some(blob), true) = (&blob, turn.place < self.stores.len()) {
            match self.at_store(file, turn, blob).await {
                Ok(Some(location)) => {
                    self.turns.lock().insert(file.clone(), turn);
                    return Ok(location);
                }
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::InvalidInput => {
                    return Err(LocateError::permanent(error, ErrorKind::InvalidInput));
                }
                Err(error) if self.stores.is_only() => _ = failure.get_or_insert(error),
                Err(error) => self.stores.give_up(turn.place, &error),
            }
            // It may have been asked before it was given up.
            self.stores.answered(file, StoreAnswer::Miss);
            turn = Turn { place: turn.place + 1, is_again: false };
        }
        // A transient failure: it is asked again.
        if let Some(error) = failure {
            let (kind, wait) = (error.kind(), error.server_wait());
            return Err(if error.is_transient() {
                LocateError::transient(error, wait)
            } else {
                LocateError::permanent(error, kind)
            });
        }
        self.turns.lock().insert(file.clone(), turn);
        match &self.hub {
            Some(hub) => hub.locate(file, reason).await,
            None => Err(self.not_there(file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_leads_to_the_right_next_place() {
        let (first, again) = (Turn::default(), Turn { place: 0, is_again: true });
        for (turn, reason, place, is_again, has_failed) in [
            (first, LocateReason::First, 0, false, false),
            (first, LocateReason::Expired, 0, false, false),
            (again, LocateReason::Expired, 0, true, false),
            (first, LocateReason::Refused(403), 0, true, false),
            (again, LocateReason::Refused(403), 1, false, true),
            (first, LocateReason::Refused(404), 1, false, false),
            (first, LocateReason::Refused(410), 1, false, false),
            (first, LocateReason::Refused(401), 1, false, true),
            (first, LocateReason::Mismatched, 0, true, false),
            (again, LocateReason::Mismatched, 1, false, true),
            (first, LocateReason::Failed, 1, false, true),
        ] {
            let (next, failed) = turn.after(reason);
            assert_eq!((next.place, next.is_again, failed), (place, is_again, has_failed), "{reason:?}");
        }
    }
}
