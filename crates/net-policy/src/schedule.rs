//! How long to wait between two tries.

use std::time::Duration;

/// How often to try, and how long to wait in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries without progress, the first one included; 6 by default. 0 counts as 1.
    pub attempts: u32,
    /// The longest wait after the first failure; 300 ms by default. It doubles with each further one.
    pub first_delay: Duration,
    /// The longest wait of all; 8 s by default.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 6, first_delay: Duration::from_millis(300), max_delay: Duration::from_secs(8) }
    }
}

impl RetryPolicy {
    /// How long to wait after this many failures in a row (0 counts as 1). `jitter`, between 0 and 1, says
    /// where in the upper half of the step: those who failed together do not come back together.
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        let step = self.first_delay.saturating_mul(factor).min(self.max_delay);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        let half = step / 2;
        half.saturating_add(half.mul_f64(jitter)).min(step)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(jitter: f64) -> Vec<u128> {
        (1..=8).map(|failures| RetryPolicy::default().delay(failures, jitter).as_millis()).collect()
    }

    #[test]
    fn the_step_doubles_up_to_the_cap() {
        assert_eq!(millis(1.0), [300, 600, 1200, 2400, 4800, 8000, 8000, 8000]);
        assert_eq!(millis(0.5), [225, 450, 900, 1800, 3600, 6000, 6000, 6000]);
        assert_eq!(millis(0.0), [150, 300, 600, 1200, 2400, 4000, 4000, 4000]);
    }

    #[test]
    fn a_hopeless_server_costs_under_ten_seconds_of_waiting() {
        let policy = RetryPolicy::default();
        let sum: Duration = (1..policy.attempts).map(|failures| policy.delay(failures, 1.0)).sum();
        assert_eq!(sum, Duration::from_millis(9300));
    }

    #[test]
    fn odd_numbers() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(0, 1.0), policy.delay(1, 1.0));
        assert_eq!(policy.delay(u32::MAX, 1.0), policy.max_delay);
        assert_eq!(policy.delay(1, f64::NAN), policy.delay(1, 0.0));
        assert_eq!(policy.delay(1, f64::INFINITY), policy.delay(1, 0.0));
        assert_eq!(policy.delay(1, 7.0), policy.delay(1, 1.0));
        assert_eq!(policy.delay(1, -7.0), policy.delay(1, 0.0));
        let endless = RetryPolicy { attempts: 1, first_delay: Duration::MAX, max_delay: Duration::MAX };
        assert!(endless.delay(9, 1.0) > Duration::MAX / 3);
        let none = RetryPolicy { attempts: 1, first_delay: Duration::ZERO, max_delay: Duration::MAX };
        assert_eq!(none.delay(9, 1.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_delay_is_in_the_upper_half_of_its_step(failures: u32, jitter: f64, first in 0_u64..10_000, max in 0_u64..100_000) {
            let policy = RetryPolicy {
                attempts: 5,
                first_delay: Duration::from_millis(first),
                max_delay: Duration::from_millis(max),
            };
            let delay = policy.delay(failures, jitter);
            let step = u128::from(first).saturating_mul(2_u128.saturating_pow(failures.saturating_sub(1).min(100))).min(u128::from(max));
            prop_assert!(delay.as_micros() <= step * 1000);
            prop_assert!(delay.as_micros() >= step * 500);
        }
    }
}
