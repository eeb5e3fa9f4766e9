//! How fast connections are, and what a second attempt would gain. No clock, no I/O.

use std::time::Duration;

/// The speed of a connection is that of its last seconds: what is older counts half for each of these.
const HALF_LIFE: Duration = Duration::from_secs(1);

/// A connection that was listened to for less than this is not judged.
const LEAST_TIME: Duration = Duration::from_millis(700);

/// The same for one that has not sent anything yet: its host may be slow to begin.
const LEAST_TIME_TO_BEGIN: Duration = Duration::from_secs(2);

/// What a request costs before its first byte, as a guess on the safe side.
const TO_BEGIN: Duration = Duration::from_millis(500);

/// A second attempt must be projected to be faster by this factor.
const WORTH_A_SECOND: f64 = 3.0;

/// A connection is dropped for its slowness only where others are faster by this factor.
const WORTH_DROPPING: f64 = 10.0;

/// A connection is compared with the typical one only when that would have brought so much in the time. Over a modem
/// bytes arrive in few pieces, by turns: what one of eight connections brings in a second or two says nothing.
const TELLING_BYTES: f64 = 6_000.0;

/// What a new connection is taken to bring, in bytes a second, while nothing is known of others. Eight connections over
/// a modem of 5 kB/s bring more than a third of it each, so that nothing is asked for twice there.
const UNKNOWN: f64 = 1_000.0;

/// What a connection brought lately. Only the time for which somebody listened to it counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    bytes: f64,
    listened: f64,
    /// All the time, whatever its age.
    age: Duration,
    has_begun: bool,
}

impl Pace {
    /// So many bytes came while it was listened to for so long.
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

    /// Whether it was listened to for long enough to be compared with one that brings `typical`.
    fn is_telling(&self, typical: f64) -> bool {
        self.age.as_secs_f64() * typical >= TELLING_BYTES
    }

    /// Whether anything has arrived.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }
}

/// What a new connection to a host would bring, in bytes per second: what the others bring that work now, or where
/// that is one at most, what those brought that did before. `None` where nothing is known.
pub(super) fn typical(mut others: Vec<f64>, before: Option<f64>) -> Option<f64> {
    others.sort_by(f64::total_cmp);
    match others.as_slice() {
        [] => before,
        [other] => Some(before.map_or(*other, |before| before.max(*other))),
        several => several.get(several.len() / 2).copied(),
    }
}

/// Whether asking again for what a connection still owes would bring it at least three times sooner.
pub(super) fn is_worth_a_second(left: u64, pace: &Pace, typical: Option<f64>) -> bool {
    let typical = typical.unwrap_or(UNKNOWN);
    pace.is_telling(typical) && pace.rate().is_some_and(|rate| is_slower(left, rate, typical))
}

/// Whether a connection is so slow that another one should take its place.
pub(super) fn is_worth_dropping(left: u64, pace: &Pace, typical: Option<f64>) -> bool {
    let is_far_slower = |rate| typical.is_some_and(|typical| typical >= WORTH_DROPPING * rate);
    pace.rate().is_some_and(is_far_slower) && is_worth_a_second(left, pace, typical)
}

/// Whether at this `rate` the bytes that are left take three times as long as another request that brings `typical`.
fn is_slower(left: u64, rate: f64, typical: f64) -> bool {
    time(left, rate) >= WORTH_A_SECOND * (TO_BEGIN.as_secs_f64() + time(left, typical))
}

/// Whether a second attempt is not as fast as it was projected to be.
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

    /// After so many ticks with so many bytes each, one after the other.
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

    /// One that brought so many bytes in each tick of a minute.
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
    fn time_for_which_nobody_listened_does_not_count() {
        let mut pace = Pace::default();
        (0..1000).for_each(|_| pace.note(0, Duration::ZERO));
        assert_eq!(pace.rate(), None);
    }

    #[test]
    fn what_is_typical() {
        let check = |others: &[f64], before, expected| assert_eq!(typical(others.to_vec(), before), expected);
        check(&[], None, None);
        check(&[], Some(7.0), Some(7.0));
        check(&[5.0], None, Some(5.0));
        check(&[5.0], Some(7.0), Some(7.0));
        // All are slow by now, whatever was before.
        check(&[2.0, 1.0], Some(1e7), Some(2.0));
        check(&[9.0, 1.0, 8.0, 7.0], None, Some(8.0));
    }

    #[test]
    fn one_that_crawls_is_worth_a_second_attempt_whatever_its_size() {
        let crawls = steady(1);
        for left in [2_000, MB, 100 * MB] {
            assert!(is_worth_a_second(left, &crawls, FAST), "{left}");
            assert!(is_worth_dropping(left, &crawls, FAST), "{left}");
            assert!(is_worth_a_second(left, &steady(0), FAST), "{left}");
        }
        // It is nearly done.
        assert!(!is_worth_a_second(10, &crawls, FAST));
        assert!(!is_worth_a_second(MB, &steady(MB / 10), FAST));
        // Not three times faster.
        assert!(!is_worth_a_second(100 * MB, &steady(400_000), FAST));
        assert!(is_worth_a_second(100 * MB, &steady(200_000), FAST));
        // Nothing shows that others are faster.
        assert!(is_worth_a_second(MB, &crawls, None) && !is_worth_dropping(MB, &crawls, None));
        assert!(!is_worth_dropping(100 * MB, &steady(200_000), FAST));
    }

    #[test]
    fn nothing_is_asked_for_twice_on_a_line_that_is_slow_as_a_whole() {
        // Eight over 5 kB/s.
        let eight = || typical(vec![625.0; 7], None);
        for typical in [eight(), None] {
            assert!(!is_worth_a_second(MB, &steady(63), typical));
        }
        // It has waited for its turn for some seconds, which is not slow on such a line.
        let waits = |ticks| pace(&[(1, 84), (ticks, 0)]);
        assert!(!is_worth_a_second(MB, &waits(90), eight()) && !is_worth_a_second(MB, &waits(50), None));
        assert!(is_worth_a_second(MB, &waits(100), eight()) && is_worth_a_second(MB, &waits(60), None));
        assert!(is_worth_a_second(MB, &waits(30), FAST));
    }
}
