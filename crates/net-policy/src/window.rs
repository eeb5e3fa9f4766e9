//! What is known of one rate limit's window.

use std::time::{Duration, Instant};

use crate::pace::pace;
use crate::rate_limit::RateLimit;

/// Headers count whole seconds, rounded down as a rule.
const ROUNDING: Duration = Duration::from_secs(1);

/// The window of a rate limit: what is left of it, those that are under way subtracted.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    remaining: u64,
    ends: Instant,
    /// When the last request was let through.
    last: Instant,
    /// Somebody was told that requests are spread.
    was_told: bool,
}

impl Window {
    /// As an answer that came just now shows it.
    pub(crate) fn new(limit: RateLimit, now: Instant) -> Self {
        let ends = now + limit.reset + ROUNDING;
        Self { remaining: limit.remaining, ends, last: now, was_told: false }
    }

    /// Takes account of one more answer. Answers overtake each other, and those under way are not in them: of the
    /// same window, the lower number is nearer to the truth. So is the earlier end: each answer's is late by its
    /// rounding, and a hub that says the window is as good as over is believed.
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

    /// Lets one request through, or says how long it should wait before it asks again.
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

    /// How long requests will be spread; told once.
    pub(crate) fn news(&mut self, now: Instant) -> Option<Duration> {
        let left = self.ends.saturating_duration_since(now);
        let is_news = !self.was_told && !pace(self.remaining, left).is_zero();
        self.was_told |= is_news;
        is_news.then_some(left)
    }
}
