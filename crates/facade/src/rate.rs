//! The recent download speed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Older samples do not count: after a pause the old speed is irrelevant.
const WINDOW: Duration = Duration::from_secs(5);
/// A shorter time is not enough.
const SHORTEST: Duration = Duration::from_millis(500);

/// Bytes per second over the last few seconds.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// When this many bytes had been received; the first sample is the newest that is at least a window
    /// old.
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Records how many bytes had been received in all at `now`.
    pub(crate) fn sample(&mut self, now: Instant, bytes: u64) {
        self.samples.push_back((now, bytes));
        let is_old = |&(at, _): &(Instant, u64)| now.duration_since(at) >= WINDOW;
        while self.samples.get(1).is_some_and(is_old) {
            self.samples.pop_front();
        }
    }

    /// Bytes per second; `None` if it is too early to tell.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a speed for a person"
    )]
    pub(crate) fn per_second(&self) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let time = last.0.duration_since(first.0);
        (time >= SHORTEST).then(|| (last.1.saturating_sub(first.1) as f64 / time.as_secs_f64()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(samples: &[(u64, u64)], expected: Option<u64>) {
        let (mut rate, begin) = (Rate::default(), Instant::now());
        for &(milliseconds, bytes) in samples {
            rate.sample(begin + Duration::from_millis(milliseconds), bytes);
        }
        assert_eq!(rate.per_second(), expected, "{samples:?}");
    }

    #[test]
    fn it_is_too_early_at_first() {
        check(&[], None);
        check(&[(0, 0)], None);
        check(&[(0, 0), (100, 5_000)], None);
        check(&[(0, 0), (1_000, 5_000)], Some(5_000));
    }

    #[test]
    fn only_the_last_seconds_count() {
        // Fast at first, then slow.
        check(&[(0, 0), (1_000, 90_000), (2_000, 91_000), (6_000, 95_000)], Some(1_000));
        // Nothing arrives any more.
        check(&[(0, 0), (1_000, 90_000), (6_000, 90_000)], Some(0));
        check(&[(0, 0), (1_000, 90_000), (5_999, 90_000)], Some(15_002));
    }

    #[test]
    fn a_counter_that_went_back_is_no_speed() {
        check(&[(0, 10_000), (1_000, 0)], Some(0));
    }
}
