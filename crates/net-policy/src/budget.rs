//! How many tries one piece of work has.

use std::fmt;
use std::time::Duration;

use crate::schedule::RetryPolicy;

/// The tries of one piece of work, over all its steps: so many failures in a row are borne, and progress
/// fills the budget again. A download of gigabytes survives any number of broken connections as long as each
/// brought something.
pub struct RetryBudget {
    policy: RetryPolicy,
    jitter: Box<dyn FnMut() -> f64 + Send>,
    in_a_row: u32,
    total: u32,
}

impl RetryBudget {
    /// A full budget, with jitter of the thread's random numbers.
    pub fn new(policy: RetryPolicy) -> Self {
        Self { policy, jitter: Box::new(fastrand::f64), in_a_row: 0, total: 0 }
    }

    /// The same with another source of jitter: numbers between 0 and 1 (see [`RetryPolicy::delay`]).
    #[must_use]
    pub fn with_jitter(mut self, jitter: impl FnMut() -> f64 + Send + 'static) -> Self {
        self.jitter = Box::new(jitter);
        self
    }

    /// Notes that a try failed in a way that may pass. How long to wait before the next one; `None` when
    /// there is none left.
    pub fn failed(&mut self) -> Option<Duration> {
        self.total = self.total.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        (self.in_a_row < self.policy.attempts).then(|| self.policy.delay(self.in_a_row, (self.jitter)()))
    }

    /// Notes that something arrived.
    pub fn progressed(&mut self) {
        self.in_a_row = 0;
    }

    /// How many tries have failed so far, those before the last progress included.
    pub fn attempts(&self) -> u32 {
        self.total
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("policy", &self.policy)
            .field("in_a_row", &self.in_a_row)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(attempts: u32) -> RetryBudget {
        RetryBudget::new(RetryPolicy { attempts, ..RetryPolicy::default() }).with_jitter(|| 1.0)
    }

    fn millis(delay: Option<Duration>) -> Option<u128> {
        delay.map(|delay| delay.as_millis())
    }

    #[test]
    fn five_tries_have_four_waits() {
        let mut budget = budget(5);
        let delays: Vec<_> = std::iter::from_fn(|| millis(budget.failed())).collect();
        assert_eq!(delays, [300, 600, 1200, 2400]);
        assert_eq!(budget.attempts(), 5);
        assert_eq!(budget.failed(), None, "exhausted stays exhausted");
    }

    #[test]
    fn progress_refills() {
        let mut budget = budget(3);
        for round in 1..=10 {
            assert_eq!(millis(budget.failed()), Some(300));
            assert_eq!(millis(budget.failed()), Some(600));
            assert_eq!(budget.attempts(), 2 * round);
            budget.progressed();
        }
    }

    #[test]
    fn one_try_or_none_means_no_second() {
        assert_eq!(budget(1).failed(), None);
        assert_eq!(budget(0).failed(), None);
    }

    #[test]
    fn jitter_is_drawn_once_a_wait() {
        let mut draws = [0.0, 1.0, 0.5].into_iter();
        let mut budget = budget(4).with_jitter(move || draws.next().unwrap());
        let delays: Vec<_> = std::iter::from_fn(|| millis(budget.failed())).collect();
        assert_eq!(delays, [150, 600, 900]);
    }

    #[test]
    fn the_default_jitter_stays_in_bounds() {
        for _ in 0..1000 {
            let delay = RetryBudget::new(RetryPolicy::default()).failed().unwrap();
            assert!((150..=300).contains(&delay.as_millis()), "{delay:?}");
        }
    }
}
