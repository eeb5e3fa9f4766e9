//! The speed of connections, and what a second request would gain. No clock, no I/O.

use std::time::Duration;

/// The weight of older measurements halves in this time.
const HALF_LIFE: Duration = Duration::from_secs(1);

/// A connection is not judged before it has been waited for this long.
const LEAST_TIME: Duration = Duration::from_millis(700);

/// The same for one that has not sent anything yet, since its host may be slow to start.
const LEAST_TIME_TO_BEGIN: Duration = Duration::from_secs(2);

/// A conservative guess of the time before a new request's first byte.
const TO_BEGIN: Duration = Duration::from_millis(500);

/// A second request must be expected to be faster by this factor.
const WORTH_A_SECOND: f64 = 3.0;

/// A connection is dropped for being slow only if others are faster by this factor.
const WORTH_DROPPING: f64 = 10.0;

/// A connection is compared with a typical one only if the latter would have received this much in the
/// time. Over a modem, bytes arrive in a few pieces, in turn: what one of eight connections receives in
/// a second or two says nothing.
const TELLING_BYTES: f64 = 6_000.0;

/// The assumed speed of a new connection, in bytes per second, if nothing is known about others. Over a
/// 5 kB/s modem, each of eight connections gets more than a third of it, so nothing is requested twice.
const UNKNOWN: f64 = 1_000.0;

/// A connection's recent speed. Only time spent waiting for it counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    bytes: f64,
    listened: f64,
    /// The whole time, however long ago.
    age: Duration,
    has_begun: bool,
}

impl Pace {
    /// Records `bytes` that arrived while it was `listened` to for this time.
    #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
    pub(super) fn note(&mut self, bytes: u64, listened: Duration) {
        let kept = 0.5_f64.powf(listened.as_secs_f64() / HALF_LIFE.as_secs_f64());
        self.bytes = self.bytes * kept + bytes as f64;
        self.listened = self.listened * kept + listened.as_secs_f64();
        self.age += listened;
        self.has_begun |= bytes > 0;
    }

    /// Bytes per second; `None` while it is too early to tell.
    pub(super) fn rate(&self) -> Option<f64> {
        let least = if self.has_begun { LEAST_TIME } else { LEAST_TIME_TO_BEGIN };
        (self.age >= least).then(|| self.bytes / self.listened)
    }

    /// Whether it was waited for long enough to compare it with a `typical` speed.
    fn is_telling(&self, typical: f64) -> bool {
        self.age.as_secs_f64() * typical >= TELLING_BYTES
    }

    /// Whether anything has arrived.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }
}

/// The expected speed of a new connection to a host, in bytes per second: that of the other active
/// connections or, if there is at most one, of finished ones. `None` if nothing is known.
pub(super) fn typical(mut others: Vec<f64>, before: Option<f64>) -> Option<f64> {
    others.sort_by(f64::total_cmp);
    match others.as_slice() {
        [] => before,
        [other] => Some(before.map_or(*other, |before| before.max(*other))),
        several => several.get(several.len() / 2).copied(),
    }
}

/// Whether requesting the rest again would finish at least three times sooner.
pub(super) fn is_worth_a_second(left: u64, pace: &Pace, typical: Option<f64>) -> bool {
    let typical = typical.unwrap_or(UNKNOWN);
    pace.is_telling(typical) && pace.rate().is_some_and(|rate| is_slower(left, rate, typical))
}

/// Whether a connection is so slow that it should be replaced.
pub(super) fn is_worth_dropping(left: u64, pace: &Pace, typical: Option<f64>) -> bool {
    let is_far_slower = |rate| typical.is_some_and(|typical| typical >= WORTH_DROPPING * rate);
    pace.rate().is_some_and(is_far_slower) && is_worth_a_second(left, pace, typical)
}

/// Whether the rest takes three times as long at `rate` as with a new request at `typical` speed.
fn is_slower(left: u64, rate: f64, typical: f64) -> bool {
    time(left, rate) >= WORTH_A_SECOND * (TO_BEGIN.as_secs_f64() + time(left, typical))
}

/// Whether a second request is slower than expected.
pub(super) fn is_no_better(second: f64, first: f64) -> bool {
    second < WORTH_A_SECOND * first
}

#[expect(clippy::cast_precision_loss, reason = "a projection need not be exact")]
fn time(bytes: u64, rate: f64) -> f64 {
    bytes as f64 / rate
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);
    const MB: u64 = 1_000_000;
    const FAST: Option<f64> = Some(1e7);

    /// The pace after these groups of ticks, each with a number of bytes per tick.
    fn pace(parts: &[(u32, u64)]) -> Pace {
        let mut pace = Pace::default();
        for (ticks, bytes) in parts {
            (0..*ticks).for_each(|_| pace.note(*bytes, TICK));
        }
        pace
    }

    fn rate(parts: &[(u32, u64)]) -> Option<f64> {
        pace(parts).rate()
    }

    /// The pace after a minute with this many bytes per tick.
    fn steady(bytes: u64) -> Pace {
        pace(&[(600, bytes)])
    }

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        assert_eq!(rate(&[(6, MB)]), None);
        let steady = rate(&[(60, MB)]).unwrap();
        assert!((steady / 1e7 - 1.0).abs() < 1e-9, "{steady}");
        assert!(rate(&[(60, MB), (50, 1)]).unwrap() < 0.05 * steady);
        assert!(rate(&[(60, 1), (50, MB)]).unwrap() > 0.95 * steady);
    }

    #[test]
    fn a_host_may_take_its_time_to_begin() {
        assert_eq!(rate(&[(19, 0)]), None);
        assert_eq!(rate(&[(20, 0)]), Some(0.0));
        assert!(rate(&[(1, 10), (6, 0)]).unwrap() > 0.0);
    }

    #[test]
    fn only_time_spent_waiting_counts() {
        let mut pace = Pace::default();
        (0..1000).for_each(|_| pace.note(0, Duration::ZERO));
        assert_eq!(pace.rate(), None);
    }

    #[test]
    fn the_typical_speed_is_that_of_the_other_connections() {
        let check = |others: &[f64], before, expected| assert_eq!(typical(others.to_vec(), before), expected);
        check(&[], None, None);
        check(&[], Some(7.0), Some(7.0));
        check(&[5.0], None, Some(5.0));
        check(&[5.0], Some(7.0), Some(7.0));
        // All are slow by now, whatever they were before.
        check(&[2.0, 1.0], Some(1e7), Some(2.0));
        check(&[9.0, 1.0, 8.0, 7.0], None, Some(8.0));
    }

    #[test]
    fn a_very_slow_connection_gets_a_second_attempt_whatever_its_size() {
        let crawls = steady(1);
        for left in [2_000, MB, 100 * MB] {
            assert!(is_worth_a_second(left, &crawls, FAST), "{left}");
            assert!(is_worth_dropping(left, &crawls, FAST), "{left}");
            assert!(is_worth_a_second(left, &steady(0), FAST), "{left}");
        }
        // It is nearly finished.
        assert!(!is_worth_a_second(10, &crawls, FAST));
        assert!(!is_worth_a_second(MB, &steady(MB / 10), FAST));
        // Less than three times faster.
        assert!(!is_worth_a_second(100 * MB, &steady(400_000), FAST));
        assert!(is_worth_a_second(100 * MB, &steady(200_000), FAST));
        // Nothing shows that others are faster.
        assert!(is_worth_a_second(MB, &crawls, None) && !is_worth_dropping(MB, &crawls, None));
        assert!(!is_worth_dropping(100 * MB, &steady(200_000), FAST));
    }

    #[test]
    fn nothing_is_requested_twice_if_all_connections_are_slow() {
        // Eight connections over 5 kB/s.
        let eight = || typical(vec![625.0; 7], None);
        for typical in [eight(), None] {
            assert!(!is_worth_a_second(MB, &steady(63), typical));
        }
        // It waited some seconds for its turn, which is not slow on such a line.
        let waits = |ticks| pace(&[(1, 84), (ticks, 0)]);
        assert!(!is_worth_a_second(MB, &waits(90), eight()) && !is_worth_a_second(MB, &waits(50), None));
        assert!(is_worth_a_second(MB, &waits(100), eight()) && is_worth_a_second(MB, &waits(60), None));
        assert!(is_worth_a_second(MB, &waits(30), FAST));
    }
}
