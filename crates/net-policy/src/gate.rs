//! Waiting for a server's sake, together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use crate::server_wait::MAX_WAIT;

/// The gate before one server: while it is held, nobody sends a request there. Clones are the same gate.
///
/// A gate does not sleep or wake anyone: whoever is about to send asks [`Gate::remaining`], sleeps that long
/// and asks again, since the hold may have been extended in the meantime.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<Option<Instant>>>);

impl Gate {
    /// Holds the gate for `wait` (at most [`MAX_WAIT`]) from `now`. The latest end of all holds counts: a
    /// hold is never shortened.
    pub fn hold_for(&self, wait: Duration, now: Instant) {
        let end = now.checked_add(wait.min(MAX_WAIT));
        let mut until = lock(&self.0);
        *until = (*until).max(end);
    }

    /// How long the gate is still held; `None` when it is open.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        let until = *lock(&self.0);
        until?.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }
}

/// The gates of all servers, one for each origin, so that a hub's limit does not stop the data host. Clones
/// share their gates.
#[derive(Clone, Debug, Default)]
pub struct Gates(Arc<Mutex<HashMap<String, Gate>>>);

impl Gates {
    /// The gate of a server, given by any of its URLs: scheme, host and port decide. Text that is no URL
    /// names a gate of its own.
    pub fn for_origin(&self, url: &str) -> Gate {
        lock(&self.0).entry(origin(url)).or_default().clone()
    }
}

fn origin(url: &str) -> String {
    match Url::parse(url).map(|url| url.origin()) {
        Ok(origin) if origin.is_tuple() => origin.ascii_serialization(),
        _ => url.to_owned(),
    }
}

/// What is guarded here is whole between any two statements, so a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_gate_opens_by_itself() {
        let (gate, now) = (Gate::default(), Instant::now());
        assert_eq!(gate.remaining(now), None);
        gate.hold_for(secs(10), now);
        assert_eq!(gate.remaining(now), Some(secs(10)));
        assert_eq!(gate.remaining(now + secs(4)), Some(secs(6)));
        assert_eq!(gate.remaining(now + secs(10)), None);
        assert_eq!(gate.remaining(now + secs(11)), None);
    }

    #[test]
    fn a_hold_is_never_shortened() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.hold_for(secs(10), now);
        gate.clone().hold_for(secs(3), now);
        gate.hold_for(Duration::ZERO, now + secs(1));
        assert_eq!(gate.remaining(now), Some(secs(10)));
        gate.clone().hold_for(secs(10), now + secs(5));
        assert_eq!(gate.remaining(now), Some(secs(15)));
    }

    #[test]
    fn a_hold_is_capped() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.hold_for(Duration::MAX, now);
        assert_eq!(gate.remaining(now), Some(MAX_WAIT));
    }

    #[test]
    fn one_gate_for_each_origin() {
        let (gates, now) = (Gates::default(), Instant::now());
        gates.for_origin("https://hub.example/a?b").hold_for(secs(5), now);
        for same in ["https://hub.example", "https://HUB.example:443/c", "https://user:pw@hub.example"] {
            assert_eq!(gates.clone().for_origin(same).remaining(now), Some(secs(5)), "{same}");
        }
        for other in
            ["http://hub.example", "https://hub.example:444", "https://cdn.hub.example", "hub.example", ""]
        {
            assert_eq!(gates.for_origin(other).remaining(now), None, "{other}");
        }
        gates.for_origin("unix:socket").hold_for(secs(5), now);
        assert_eq!(gates.for_origin("unix:socket").remaining(now), Some(secs(5)));
        assert_eq!(gates.for_origin("unix:other").remaining(now), None);
    }

    proptest! {
        #[test]
        fn the_latest_end_counts(holds in proptest::collection::vec((0_u64..1000, 0_u64..400), 1..20)) {
            let (gate, start) = (Gate::default(), Instant::now());
            let mut latest = 0;
            for (at, wait) in holds {
                gate.hold_for(secs(wait), start + secs(at));
                latest = latest.max(at + wait.min(300));
                prop_assert_eq!(gate.remaining(start).unwrap_or_default(), secs(latest));
            }
        }
    }
}
