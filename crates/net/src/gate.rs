//! A shared back-off gate for each origin. No clock, no I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use url::Url;

use crate::limits::{MAX_WAIT, RateLimit};
use crate::window::Window;

/// The gate in front of one server: while it is held, no request goes there. Clones are the same gate.
///
/// To avoid refusals, a gate also spreads requests out. Servers count requests in lanes (a hub has one
/// limit for its API and another for its files). When little is left of a lane's limit, the gate lets
/// that lane's requests through one at a time, [spread](crate::pace) over the rest of the window.
///
/// A gate neither sleeps nor wakes anyone. Before sending, a caller asks [`Gate::enter`] (or
/// [`Gate::remaining`], for a server that does not count requests), sleeps that long and asks again,
/// since the hold may have been extended meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<State>>);

/// The lane of requests for files and their locations, shared by all code that asks for files.
pub const FILES: &str = "files";

#[derive(Debug, Default)]
struct State {
    held_until: Option<Instant>,
    windows: HashMap<&'static str, Window>,
}

impl Gate {
    /// Holds the gate for `wait` (at most [`MAX_WAIT`]) from `now`. A hold is never shortened. Returns
    /// whether this one extended the hold.
    pub fn hold_for(&self, wait: Duration, now: Instant) -> bool {
        let end = now.checked_add(wait.min(MAX_WAIT));
        let until = &mut self.0.lock().held_until;
        let is_later = end > *until;
        *until = (*until).max(end);
        is_later
    }

    /// How much longer the gate is held; `None` if it is open.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.0.lock().held(now)
    }

    /// Lets one request of a lane through by returning `None`, or returns how long to wait before
    /// asking again.
    pub fn enter(&self, lane: &'static str, now: Instant) -> Option<Duration> {
        let mut state = self.0.lock();
        if let Some(wait) = state.held(now) {
            return Some(wait);
        }
        let window = state.windows.get_mut(lane).filter(|window| !window.is_over(now));
        window.and_then(|window| window.enter(now))
    }

    /// Records the limit that a response reports for a lane. Returns for how long requests will be
    /// spread, when that begins; once per window.
    pub fn observe(&self, lane: &'static str, limit: RateLimit, now: Instant) -> Option<Duration> {
        let mut state = self.0.lock();
        let window = state.windows.entry(lane).or_insert_with(|| Window::new(limit, now));
        window.observe(limit, now);
        window.news(now)
    }
}

impl State {
    fn held(&self, now: Instant) -> Option<Duration> {
        self.held_until?.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }
}

/// The gates of all servers, one per origin, so that a hub's limit does not stop the data host. Clones
/// share their gates.
#[derive(Clone, Debug, Default)]
pub struct Gates(Arc<Mutex<HashMap<String, Gate>>>);

impl Gates {
    /// The gate of a server, given any of its URLs: scheme, host and port decide. Text that is not a
    /// URL gets a gate of its own.
    pub fn for_origin(&self, url: &str) -> Gate {
        self.0.lock().entry(origin(url)).or_default().clone()
    }
}

fn origin(url: &str) -> String {
    match Url::parse(url).map(|url| url.origin()) {
        Ok(origin) if origin.is_tuple() => origin.ascii_serialization(),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_gate_opens_after_its_wait() {
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
    fn a_hold_is_at_most_max_wait() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.hold_for(Duration::MAX, now);
        assert_eq!(gate.remaining(now), Some(MAX_WAIT));
    }

    #[test]
    fn a_longer_hold_is_reported() {
        let (gate, now) = (Gate::default(), Instant::now());
        assert!(gate.hold_for(secs(10), now));
        assert!(!gate.hold_for(secs(10), now));
        assert!(!gate.hold_for(secs(3), now));
        assert!(gate.hold_for(secs(3), now + secs(8)));
    }

    fn limit(remaining: u64, reset: u64) -> RateLimit {
        RateLimit { remaining, reset: secs(reset) }
    }

    #[test]
    fn a_lane_with_little_left_is_spread() {
        let (gate, now) = (Gate::default(), Instant::now());
        assert_eq!(gate.enter("api", now), None, "nothing is known");
        assert_eq!(gate.observe("api", limit(400, 99), now), None);
        assert_eq!(gate.enter("api", now), None, "plenty is left");
        // One more second, for the header's rounding.
        assert_eq!(gate.observe("api", limit(4, 99), now), Some(secs(100)));
        assert_eq!(gate.observe("api", limit(4, 99), now), None, "told already");
        assert_eq!(gate.enter("api", now), Some(secs(20)));
        assert_eq!(gate.enter("files", now), None, "another lane");
        assert_eq!(gate.enter("api", now + secs(20)), None);
        assert_eq!(gate.enter("api", now + secs(20)), Some(secs(20)), "one at a time");
        assert_eq!(gate.remaining(now + secs(20)), None, "it is not held");
    }

    #[test]
    fn a_lane_with_nothing_left_waits_for_the_next_window() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.observe("api", limit(0, 9), now);
        assert_eq!(gate.enter("api", now), Some(secs(10)));
        assert_eq!(gate.enter("api", now + secs(4)), Some(secs(6)));
        assert_eq!(gate.enter("api", now + secs(10)), None);
        assert_eq!(gate.observe("api", limit(40, 299), now + secs(10)), None, "the next window");
        assert_eq!(gate.enter("api", now + secs(10)), None);
    }

    #[test]
    fn a_window_that_ends_sooner_than_announced_is_accepted() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.observe("git", limit(98, 300), now);
        gate.observe("git", limit(0, 0), now);
        assert!(gate.enter("git", now).is_some_and(|wait| wait <= secs(1)));
        assert_eq!(gate.enter("git", now + secs(1)), None);
    }

    #[test]
    fn an_outdated_response_returns_nothing() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.observe("api", limit(3, 99), now);
        gate.observe("api", limit(40, 99), now);
        assert_eq!(gate.enter("api", now), Some(secs(25)));
    }

    #[test]
    fn a_hold_comes_before_any_lane() {
        let (gate, now) = (Gate::default(), Instant::now());
        gate.observe("api", limit(0, 9), now);
        gate.hold_for(secs(50), now);
        for lane in ["api", "files"] {
            assert_eq!(gate.enter(lane, now), Some(secs(50)));
        }
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

    /// A server with a fixed window, whose answers arrive some time after their requests.
    struct Server {
        quota: u64,
        window: u64,
        used: u64,
        refused: u64,
        began: u64,
    }

    impl Server {
        /// At a time in milliseconds.
        fn answer(&mut self, now: u64) -> RateLimit {
            if now >= self.began + self.window {
                self.began = now - (now - self.began) % self.window;
                self.used = 0;
            }
            if self.used < self.quota {
                self.used += 1;
            } else {
                self.refused += 1;
            }
            let left = (self.began + self.window - now) / 1000;
            RateLimit { remaining: self.quota - self.used, reset: secs(left) }
        }
    }

    proptest! {
        #[test]
        fn no_request_is_refused_by_a_server_that_counts(
            quota in 40_u64..200,
            window in 5_000_u64..60_000,
            at_once in 1_u64..20,
            latency in 0_u64..400,
        ) {
            let (gate, start) = (Gate::default(), Instant::now());
            let mut server = Server { quota, window, used: 0, refused: 0, began: 0 };
            let mut answers: std::collections::VecDeque<(u64, RateLimit)> = std::collections::VecDeque::new();
            let mut sent = 0;
            for now in (0..3 * window).step_by(10) {
                let at = start + Duration::from_millis(now);
                while let Some((_, limit)) = answers.pop_front_if(|(due, _)| *due <= now) {
                    gate.observe("api", limit, at);
                }
                while (answers.len() as u64) < at_once && gate.enter("api", at).is_none() {
                    answers.push_back((now + latency, server.answer(now)));
                    sent += 1;
                }
            }
            prop_assert_eq!(server.refused, 0);
            let is_fast = latency <= 50;
            prop_assert!(sent > quota || !is_fast, "the next windows are used too: {}", sent);
        }

        #[test]
        fn the_latest_end_of_all_holds_counts(holds in proptest::collection::vec((0_u64..1000, 0_u64..400), 1..20)) {
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
