//! What is known about one rate limit's window, and how the rest of it is spread. No clock, no I/O.

use std::time::{Duration, Instant};

use crate::limits::RateLimit;

/// With at least this many requests left, none is delayed. It is far more than are in flight at once,
/// and far less than a hub's whole window.
const PLENTY: u64 = 32;

/// How long after one request to send the next, with this many left until the window ends in `reset`.
///
/// Zero while there are plenty. Then the rest is spread evenly over the window, so that later requests
/// are not refused. With nothing left it is the time until the window ends.
pub fn pace(remaining: u64, reset: Duration) -> Duration {
    match u32::try_from(remaining) {
        Ok(remaining) if u64::from(remaining) < PLENTY => reset / (remaining + 1),
        _ => Duration::ZERO,
    }
}

/// Headers count whole seconds, usually rounded down.
pub(crate) const ROUNDING: Duration = Duration::from_secs(1);

/// The window of a rate limit: what is left of it, minus requests in flight.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    remaining: u64,
    ends: Instant,
    /// When the last request was let through.
    last: Instant,
    /// Whether the caller was told that requests are spread.
    was_told: bool,
}

impl Window {
    /// From a response that has just arrived.
    pub(crate) fn new(limit: RateLimit, now: Instant) -> Self {
        let ends = now + limit.reset + ROUNDING;
        Self { remaining: limit.remaining, ends, last: now, was_told: false }
    }

    /// Merges another response. Responses overtake each other and do not count requests in flight:
    /// within one window, the lower count is closer to the truth. So is the earlier end, since each is
    /// late by its rounding; a hub that says the window is almost over is believed.
    pub(crate) fn observe(&mut self, limit: RateLimit, now: Instant) {
        let latest = Self::new(limit, now);
        let is_same = now < self.ends && latest.ends < self.ends + 2 * ROUNDING;
        if is_same {
            self.remaining = self.remaining.min(latest.remaining);
            self.ends = self.ends.min(latest.ends);
        } else {
            *self = latest;
        }
    }

    /// Lets one request through, or returns how long to wait before asking again.
    pub(crate) fn enter(&mut self, now: Instant) -> Option<Duration> {
        let due = self.last + pace(self.remaining, self.ends.saturating_duration_since(self.last));
        let wait = due.checked_duration_since(now).filter(|wait| !wait.is_zero());
        if wait.is_none() {
            self.remaining = self.remaining.saturating_sub(1);
            self.last = now;
        }
        wait
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.ends <= now
    }

    /// For how long requests will be spread; returned once.
    pub(crate) fn news(&mut self, now: Instant) -> Option<Duration> {
        let left = self.ends.saturating_duration_since(now);
        let is_news = !self.was_told && !pace(self.remaining, left).is_zero();
        self.was_told |= is_news;
        is_news.then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(remaining: u64, reset: u64, expected_millis: u64) {
        assert_eq!(pace(remaining, Duration::from_secs(reset)), Duration::from_millis(expected_millis));
    }

    #[test]
    fn the_remaining_requests_are_spread() {
        check(3000, 300, 0);
        check(u64::MAX, 300, 0);
        check(32, 300, 0);
        check(31, 320, 10_000);
        check(9, 300, 30_000);
        check(1, 60, 30_000);
        check(0, 60, 60_000);
        check(5, 0, 0);
        check(0, 0, 0);
    }

    proptest! {
        #[test]
        fn a_client_that_follows_it_is_not_refused(remaining in 0_u64..100, seconds in 0_u64..=300) {
            let mut left = Duration::from_secs(seconds);
            for remaining in (1..=remaining).rev() {
                let delay = pace(remaining, left);
                prop_assert!(delay <= left);
                left -= delay;
            }
            // The next one is sent when the window is over.
            prop_assert_eq!(pace(0, left), left);
        }

        #[test]
        fn fewer_remaining_requests_mean_longer_delays(remaining in 0_u64..100, millis in 0_u64..300_000) {
            let reset = Duration::from_millis(millis);
            prop_assert!(pace(remaining, reset) >= pace(remaining + 1, reset));
        }
    }
}
