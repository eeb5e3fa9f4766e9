//! Locations that are requested many at a time, shortly before they are needed.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use hf_transport::{Error, HubClient, LfsPointer, LocatedObject};
use shard_fetch::{LocateReason, Location};
use tokio::sync::Mutex;
use url_parse::{ModelId, RepoPath};

use crate::plan::RemoteFile;

/// A location that expires sooner than this is requested again when needed; so is one with less than
/// half of its life left, if that is shorter.
const MARGIN: Duration = Duration::from_secs(60);
/// After this many transient failures, the other way is used.
const MAX_FAILURES: u32 = 2;

/// How important a batch is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// There may be another way.
    Wish,
    /// The other way has failed.
    LastResort,
}

/// The LFS objects of one plan, and their known locations.
///
/// A request for one file also asks for others without a location, as many as fit. Concurrent requests
/// wait for the answer. A location is handed out once: a second request for the same file means that it
/// was no good.
pub(super) struct Batches {
    hub: HubClient,
    model: ModelId,
    /// In the order in which they are needed, each content once.
    objects: Vec<(RepoPath, LfsPointer)>,
    /// The index of each file's content in the list.
    places: HashMap<RepoPath, usize>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is known about the objects, by index.
    known: HashMap<usize, KnownLocation>,
    /// Which were handed out.
    used: Vec<bool>,
    /// How often the location of a file was refused.
    refusals: HashMap<RepoPath, u32>,
    /// Consecutive transient failures.
    failures: u32,
}

struct KnownLocation {
    outcome: Result<LocatedObject, Error>,
    good_until: Option<SystemTime>,
}

impl KnownLocation {
    fn new(outcome: Result<LocatedObject, Error>, now: SystemTime) -> Self {
        let end = outcome.as_ref().ok().and_then(|located| located.expires_at);
        let good_until = end.map(|end| {
            let life = end.duration_since(now).unwrap_or_default();
            now + life.saturating_sub(MARGIN.min(life / 2))
        });
        Self { outcome, good_until }
    }

    fn is_good(&self, now: SystemTime) -> bool {
        self.good_until.is_none_or(|end| now < end)
    }
}

impl Batches {
    pub(super) fn new(hub: HubClient, model: ModelId, files: &[RemoteFile]) -> Self {
        let (mut objects, mut places, mut seen) = (Vec::new(), HashMap::new(), HashMap::new());
        for file in files {
            let Some(sha256) = file.expected.sha256 else { continue };
            let pointer = LfsPointer { oid: *sha256.as_bytes(), size: file.expected.size };
            let place = *seen.entry(pointer.oid).or_insert_with(|| {
                objects.push((file.path.clone(), pointer));
                objects.len() - 1
            });
            places.insert(file.path.clone(), place);
        }
        let state = Mutex::new(State { used: vec![false; objects.len()], ..State::default() });
        Self { hub, model, objects, places, state }
    }

    /// The number of objects.
    pub(super) fn count(&self) -> usize {
        self.objects.len()
    }

    /// Records why a file is to be located. Returns whether its location was refused, and then a new
    /// one was too.
    pub(super) async fn note(&self, file: &RepoPath, reason: LocateReason) -> bool {
        let mut state = self.state.lock().await;
        if matches!(reason, LocateReason::Refused(_)) {
            *state.refusals.entry(file.clone()).or_default() += 1;
        }
        let refusals = state.refusals.get(file).copied().unwrap_or_default();
        if refusals == 1 {
            // Locations from the same batch may be no better, and can all be requested again at once.
            state.known.clear();
        }
        refusals > 1
    }

    /// The location of a file; `None` if a batch is unlikely to provide it.
    pub(super) async fn locate(&self, file: &RepoPath, need: Need) -> Option<Result<Location, Error>> {
        let place = *self.places.get(file)?;
        let mut state = self.state.lock().await;
        let now = SystemTime::now();
        if let Some(known) = state.take(place).filter(|known| known.is_good(now)) {
            return Some(known.outcome.map(location));
        }
        let is_hopeless = need == Need::Wish && state.failures >= MAX_FAILURES;
        if is_hopeless || self.hub.has_refused_batches() {
            return None;
        }
        let hub = self.hub.clone();
        let hub = if need == Need::Wish { hub.impatient() } else { hub };
        let asked = state.ahead(place, now);
        let objects: Vec<_> = asked.iter().filter_map(|place| self.objects.get(*place).cloned()).collect();
        match hub.locate_objects(&self.model, &objects).await {
            Ok(outcomes) => {
                let now = SystemTime::now();
                state.failures = 0;
                let known = outcomes.into_iter().map(|outcome| KnownLocation::new(outcome, now));
                state.known.extend(asked.into_iter().zip(known));
                Some(state.take(place)?.outcome.map(location))
            }
            Err(error) => {
                state.failures += 1;
                Some(Err(error))
            }
        }
    }
}

impl State {
    /// Hands out what is known about an object.
    fn take(&mut self, place: usize) -> Option<KnownLocation> {
        if let Some(used) = self.used.get_mut(place) {
            *used = true;
        }
        self.known.remove(&place)
    }

    /// The object itself, and the next ones that are unknown and may be needed.
    fn ahead(&self, place: usize, now: SystemTime) -> Vec<usize> {
        let is_known = |place: &usize| self.known.get(place).is_some_and(|known| known.is_good(now));
        let open = self.used.iter().enumerate().filter(|(_, used)| !**used).map(|(place, _)| place);
        let others = open.filter(|other| *other != place && !is_known(other));
        std::iter::once(place).chain(others).take(HubClient::MAX_BATCH).collect()
    }
}

fn location(located: LocatedObject) -> Location {
    let mut location = Location::new(located.url);
    (location.headers, location.expires_at) = (located.headers, located.expires_at);
    location.reach = located.reach;
    location
}
