//! Lines on which failures keep happening, the same for every client.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::log::Route;

/// The speed of a crawling connection in bytes per second.
const CRAWL: u64 = 10;

/// The failures of a line; none by default. They are determined by counting, so that every client meets
/// the same ones.
///
/// A [`Fault`] applies to one request, this to all of them. Effects on connections only apply to the
/// cheap data host ([`LocalHubBuilder::cheap_data_host`](crate::LocalHubBuilder::cheap_data_host)).
///
/// ```
/// use local_hub::{LocalHub, Trouble};
///
/// let hub = LocalHub::builder().cheap_data_host().start();
/// hub.set_trouble(Trouble { breaks_after: Some(1_000_000), ..Trouble::default() });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Trouble {
    /// One in this many connections crawls, beginning with the second: its bodies arrive at 10 bytes
    /// per second.
    pub crawls: Option<u64>,
    /// The speed of bodies on every other connection, in bytes per second.
    pub pace: Option<u64>,
    /// A connection is reset after carrying this many bytes of bodies.
    pub breaks_after: Option<u64>,
    /// The data host closes each connection after one response, without announcing it.
    pub hangs_up: bool,
    /// One in this many responses of hub and data host is a 503, in the middle of them.
    pub fails: Option<u64>,
    /// Every response of hub and data host is delayed by this time.
    pub delay: Duration,
    /// The hub's rate limit is reached once.
    pub limit: Option<Limit>,
}

/// A rate limit that is reached once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Limit {
    /// The number of requests to `/resolve/` that are answered before.
    pub after: u64,
    /// How long the following ones are answered with 429.
    pub lasts: Duration,
}

/// The trouble of one hub, and its current counts.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    trouble: Trouble,
    connections: u64,
    requests: u64,
    resolved: u64,
    limited_until: Option<Instant>,
}

/// What one connection to the data host carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carries {
    /// Bytes per second.
    pub(crate) pace: Option<u64>,
    /// Bytes until it is reset.
    pub(crate) left: Option<u64>,
    /// It closes after one response.
    pub(crate) hangs_up: bool,
}

impl Line {
    /// Sets the trouble and resets all counts.
    pub(crate) fn set(&self, trouble: Trouble) {
        *self.0.lock() = Counts { trouble, ..Counts::default() };
    }

    pub(crate) fn delay(&self) -> Duration {
        self.0.lock().trouble.delay
    }

    /// The properties of a new connection.
    pub(crate) fn connected(&self) -> Carries {
        let mut counts = self.0.lock();
        let number = counts.connections;
        counts.connections += 1;
        let crawls = counts.trouble.crawls.is_some_and(|of| number % of.max(1) == 1 % of.max(1));
        Carries {
            pace: if crawls { Some(CRAWL) } else { counts.trouble.pace },
            left: counts.trouble.breaks_after,
            hangs_up: counts.trouble.hangs_up,
        }
    }

    /// The fault that replaces a request's own response.
    pub(crate) fn fault(&self, route: Route) -> Option<Fault> {
        let mut counts = self.0.lock();
        counts.requests += 1;
        if let Some(of) = counts.trouble.fails.map(|of| of.max(1))
            && counts.requests % of == of / 2
        {
            return Some(Fault::status(503));
        }
        if route == Route::Resolve { counts.limited(Instant::now()) } else { None }
    }
}

impl Counts {
    fn limited(&mut self, now: Instant) -> Option<Fault> {
        let limit = self.trouble.limit?;
        self.resolved += 1;
        if self.resolved <= limit.after {
            return None;
        }
        let until = *self.limited_until.get_or_insert(now + limit.lasts);
        let left = until.saturating_duration_since(now);
        // A client that waits for the announced number of whole seconds is admitted.
        (!left.is_zero())
            .then(|| Fault::rate_limited(left.as_millis().div_ceil(1000).try_into().unwrap_or(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_connection_is_very_slow() {
        let line = Line::default();
        line.set(Trouble { crawls: Some(3), pace: Some(7), ..Trouble::default() });
        let paces: Vec<_> = (0..6).map(|_| line.connected().pace).collect();
        assert_eq!(paces, [7, 10, 7, 7, 10, 7].map(Some));
    }

    #[test]
    fn every_nth_response_fails() {
        let line = Line::default();
        line.set(Trouble { fails: Some(4), ..Trouble::default() });
        let fails: Vec<bool> = (0..8).map(|_| line.fault(Route::Data).is_some()).collect();
        assert_eq!(fails, [false, true, false, false, false, true, false, false]);
    }

    #[test]
    fn the_limit_is_reached_once() {
        let (now, lasts) = (Instant::now(), Duration::from_millis(2500));
        let trouble = Trouble { limit: Some(Limit { after: 1, lasts }), ..Trouble::default() };
        let mut counts = Counts { trouble, ..Counts::default() };
        let mut seconds = |later| match counts.limited(now + Duration::from_millis(later)) {
            Some(Fault::Status { code: 429, headers, .. }) => Some(headers[0].1.clone()),
            _ => None,
        };
        assert_eq!(seconds(0), None);
        assert_eq!(seconds(10).as_deref(), Some("\"resolvers\";r=0;t=3"));
        assert_eq!(seconds(1510).as_deref(), Some("\"resolvers\";r=0;t=1"));
        assert_eq!((seconds(2510), seconds(9000)), (None, None));
    }
}
