//! When to retry, and how often. No clock, no I/O.

use std::fmt;
use std::time::Duration;

/// How often to try, and how long to pause in between.
///
/// ```
/// use std::time::Duration;
///
/// use net::RetryPolicy;
///
/// let policy = RetryPolicy::default().attempts(3).max_pause(Duration::from_secs(1));
/// assert_eq!((policy.attempts, policy.first_pause), (3, Duration::from_millis(300)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Consecutive failures, the first attempt included, before giving up; 6 by default. 0 counts as 1.
    pub attempts: u32,
    /// The longest pause after the first failure; 300 ms by default. It doubles with each further
    /// failure.
    pub first_pause: Duration,
    /// The longest pause overall; 8 s by default.
    pub max_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 6, first_pause: Duration::from_millis(300), max_pause: Duration::from_secs(8) }
    }
}

impl RetryPolicy {
    /// The same with another number of [`attempts`](field@Self::attempts).
    #[must_use]
    pub const fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// The same with another [`first_pause`](field@Self::first_pause).
    #[must_use]
    pub const fn first_pause(self, first_pause: Duration) -> Self {
        Self { first_pause, ..self }
    }

    /// The same with another [`max_pause`](field@Self::max_pause).
    #[must_use]
    pub const fn max_pause(self, max_pause: Duration) -> Self {
        Self { max_pause, ..self }
    }

    /// How long to pause after this many failures in a row (0 counts as 1). `jitter`, between 0 and 1,
    /// selects a point in the upper half of the step, so that clients that failed together do not
    /// return together.
    pub fn pause(&self, failures: u32, jitter: f64) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        let step = self.first_pause.saturating_mul(factor).min(self.max_pause);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        let half = step / 2;
        half.saturating_add(half.mul_f64(jitter)).min(step)
    }
}

/// The attempts available to one piece of work over all its steps. A failure uses one up; every
/// [`BYTES_PER_ATTEMPT`](Self::BYTES_PER_ATTEMPT) received give one back. A download of gigabytes so
/// survives any number of broken connections if each delivered enough, while a server that breaks off
/// after ten bytes each time is given up.
pub struct RetryBudget {
    policy: RetryPolicy,
    jitter: Box<dyn FnMut() -> f64 + Send>,
    /// Failures not made up for by received bytes.
    used: u32,
    /// Bytes received towards the next attempt.
    came: u64,
    total: u32,
    /// Those failures that were due to slowness.
    slow: u32,
}

impl RetryBudget {
    /// How often a server that was too slow is asked again.
    const SLOW_RETRIES: u32 = 1;

    /// How much must arrive to make up for one failure: 8 KiB. A line just above the slowest allowed
    /// ([`Floor`](crate::Floor)) may then break off every minute, and a modem every few seconds.
    pub const BYTES_PER_ATTEMPT: u64 = 8 << 10;

    /// A full budget, with jitter from the thread's random numbers.
    pub fn new(policy: RetryPolicy) -> Self {
        Self { policy, jitter: Box::new(fastrand::f64), used: 0, came: 0, total: 0, slow: 0 }
    }

    /// The same budget with another source of jitter: numbers between 0 and 1 (see
    /// [`RetryPolicy::pause`]).
    #[must_use]
    pub fn with_jitter(mut self, jitter: impl FnMut() -> f64 + Send + 'static) -> Self {
        self.jitter = Box::new(jitter);
        self
    }

    /// Records a transient failure. Returns how long to wait before the next attempt; `None` if none is
    /// left.
    pub fn failed(&mut self) -> Option<Duration> {
        self.total = self.total.saturating_add(1);
        self.used = self.used.saturating_add(1);
        (self.used < self.policy.attempts).then(|| self.policy.pause(self.used, (self.jitter)()))
    }

    /// How long to wait after a failure that is not counted.
    pub fn pause(&mut self) -> Duration {
        self.policy.pause(1, (self.jitter)())
    }

    /// Records that the server was too slow over a whole window of the [`Floor`](crate::Floor). It has
    /// had a minute to recover, so it gets one more attempt and no third one.
    pub fn too_slow(&mut self) -> Option<Duration> {
        let pause = self.failed();
        self.slow = self.slow.saturating_add(1);
        pause.filter(|_| self.slow <= Self::SLOW_RETRIES)
    }

    /// Records received bytes.
    pub fn progressed(&mut self, bytes: u64) {
        self.came = self.came.saturating_add(bytes);
        let made_good = self.came / Self::BYTES_PER_ATTEMPT;
        self.came %= Self::BYTES_PER_ATTEMPT;
        self.used = self.used.saturating_sub(made_good.try_into().unwrap_or(u32::MAX));
    }

    /// How many attempts have failed so far, including those since made up for.
    pub fn attempts(&self) -> u32 {
        self.total
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("policy", &self.policy)
            .field("used", &self.used)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// Whether this status may be a temporary one: 408, 429, 500, 502, 503 and 504, as in the hub's own
/// clients. Any other status is final.
pub const fn is_transient_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps(jitter: f64) -> Vec<u128> {
        (1..=8).map(|failures| RetryPolicy::default().pause(failures, jitter).as_millis()).collect()
    }

    #[test]
    fn the_step_doubles_up_to_the_cap() {
        assert_eq!(steps(1.0), [300, 600, 1200, 2400, 4800, 8000, 8000, 8000]);
        assert_eq!(steps(0.5), [225, 450, 900, 1800, 3600, 6000, 6000, 6000]);
        assert_eq!(steps(0.0), [150, 300, 600, 1200, 2400, 4000, 4000, 4000]);
    }

    #[test]
    fn a_hopeless_server_costs_under_ten_seconds_of_waiting() {
        let policy = RetryPolicy::default();
        let sum: Duration = (1..policy.attempts).map(|failures| policy.pause(failures, 1.0)).sum();
        assert_eq!(sum, Duration::from_millis(9300));
    }

    #[test]
    fn extreme_policies_and_jitter_give_sensible_delays() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(0, 1.0), policy.pause(1, 1.0));
        assert_eq!(policy.pause(u32::MAX, 1.0), policy.max_pause);
        assert_eq!(policy.pause(1, f64::NAN), policy.pause(1, 0.0));
        assert_eq!(policy.pause(1, f64::INFINITY), policy.pause(1, 0.0));
        assert_eq!(policy.pause(1, 7.0), policy.pause(1, 1.0));
        assert_eq!(policy.pause(1, -7.0), policy.pause(1, 0.0));
        let endless = RetryPolicy { attempts: 1, first_pause: Duration::MAX, max_pause: Duration::MAX };
        assert!(endless.pause(9, 1.0) > Duration::MAX / 3);
        let none = RetryPolicy { attempts: 1, first_pause: Duration::ZERO, max_pause: Duration::MAX };
        assert_eq!(none.pause(9, 1.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_pause_is_in_the_upper_half_of_its_step(failures: u32, jitter: f64, first in 0_u64..10_000, max in 0_u64..100_000) {
            let policy = RetryPolicy {
                attempts: 5,
                first_pause: Duration::from_millis(first),
                max_pause: Duration::from_millis(max),
            };
            let pause = policy.pause(failures, jitter);
            let step = u128::from(first).saturating_mul(2_u128.saturating_pow(failures.saturating_sub(1).min(100))).min(u128::from(max));
            prop_assert!(pause.as_micros() <= step * 1000);
            prop_assert!(pause.as_micros() >= step * 500);
        }
    }

    fn budget(attempts: u32) -> RetryBudget {
        RetryBudget::new(RetryPolicy { attempts, ..RetryPolicy::default() }).with_jitter(|| 1.0)
    }

    fn millis(pause: Option<Duration>) -> Option<u128> {
        pause.map(|pause| pause.as_millis())
    }

    #[test]
    fn five_tries_have_four_waits() {
        let mut budget = budget(5);
        let pauses: Vec<_> = std::iter::from_fn(|| millis(budget.failed())).collect();
        assert_eq!(pauses, [300, 600, 1200, 2400]);
        assert_eq!(budget.attempts(), 5);
        assert_eq!(budget.failed(), None, "exhausted stays exhausted");
    }

    #[test]
    fn bytes_refill_in_proportion() {
        let mut budget = budget(3);
        for round in 1..=10 {
            assert_eq!(millis(budget.failed()), Some(300));
            assert_eq!(millis(budget.failed()), Some(600));
            assert_eq!(budget.attempts(), 2 * round);
            budget.progressed(2 * RetryBudget::BYTES_PER_ATTEMPT);
        }
        budget.failed();
        budget.failed();
        budget.progressed(RetryBudget::BYTES_PER_ATTEMPT - 1);
        budget.progressed(1);
        assert_eq!(millis(budget.failed()), Some(600), "one of two is made good");
        assert_eq!(budget.failed(), None);
    }

    #[test]
    fn a_few_bytes_at_a_time_exhaust_the_budget() {
        let mut budget = budget(6);
        let tries = std::iter::from_fn(|| {
            budget.progressed(10);
            budget.failed()
        });
        assert!(tries.take(10_000).count() < 10);
    }

    #[test]
    fn a_slow_connection_with_many_breaks_continues() {
        // 625 bytes a second for fifteen seconds each.
        let mut budget = budget(6);
        assert!((0..10_000).all(|_| {
            budget.progressed(15 * 625);
            budget.failed().is_some()
        }));
    }

    #[test]
    fn one_attempt_or_none_allows_no_second() {
        assert_eq!(budget(1).failed(), None);
        assert_eq!(budget(0).failed(), None);
    }

    #[test]
    fn slowness_is_tolerated_once() {
        let (mut one_try, mut budget) = (budget(1), budget(6));
        assert_eq!(millis(budget.failed()), Some(300));
        assert_eq!(millis(budget.too_slow()), Some(600));
        assert_eq!(millis(budget.failed()), Some(1200));
        assert_eq!(budget.too_slow(), None);
        assert_eq!(budget.attempts(), 4);
        assert_eq!(one_try.too_slow(), None);
    }

    #[test]
    fn jitter_is_drawn_once_per_delay() {
        let mut draws = [0.0, 1.0, 0.5].into_iter();
        let mut budget = budget(4).with_jitter(move || draws.next().unwrap());
        let pauses: Vec<_> = std::iter::from_fn(|| millis(budget.failed())).collect();
        assert_eq!(pauses, [150, 600, 900]);
    }

    #[test]
    fn the_default_jitter_stays_in_bounds() {
        for _ in 0..1000 {
            let pause = RetryBudget::new(RetryPolicy::default()).failed().unwrap();
            assert!((150..=300).contains(&pause.as_millis()), "{pause:?}");
        }
    }

    #[test]
    fn exactly_six_are_transient() {
        let transient: Vec<u16> = (0..=u16::MAX).filter(|status| is_transient_status(*status)).collect();
        assert_eq!(transient, [408, 429, 500, 502, 503, 504]);
    }
}
