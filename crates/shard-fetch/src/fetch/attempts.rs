//! How often one file may fail, in each of the ways it can. No clock, no I/O.

use std::time::Duration;

use net_policy::{RetryBudget, RetryPolicy};

/// How many refusals in a row, with no new bytes in between, are answered by asking for the location again.
const MAX_REFUSALS: u32 = 3;

/// What one file has used up of its chances.
pub(super) struct Attempts {
    budget: RetryBudget,
    failures: u32,
    refusals: u32,
    fetched_again: bool,
    furthest: u64,
}

impl Attempts {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self { budget: RetryBudget::new(policy), failures: 0, refusals: 0, fetched_again: false, furthest: 0 }
    }

    /// The file's first `bytes` bytes are there. Only those that never were there before are progress: a
    /// host that begins at the start each time and breaks off each time must not go on for ever.
    pub(super) fn reached(&mut self, bytes: u64) {
        if bytes > self.furthest {
            self.furthest = bytes;
            self.refusals = 0;
            self.budget.progressed();
        }
    }

    /// An attempt failed for a reason that may pass. The delay before the next, or `None` when there is to
    /// be none.
    pub(super) fn failed(&mut self) -> Option<Duration> {
        self.failures += 1;
        self.budget.failed()
    }

    /// The host refused. Whether to ask for the location again.
    pub(super) fn refused(&mut self) -> bool {
        self.failures += 1;
        self.refusals += 1;
        self.refusals <= MAX_REFUSALS
    }

    /// What came was not the file. Whether to fetch it once more from its start.
    pub(super) fn mismatched(&mut self) -> bool {
        self.failures += 1;
        self.furthest = 0;
        !std::mem::replace(&mut self.fetched_again, true)
    }

    /// How many attempts have failed so far, in whatever way.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(attempts: u32) -> Attempts {
        Attempts::new(RetryPolicy { attempts, first_delay: Duration::ZERO, ..RetryPolicy::default() })
    }

    #[track_caller]
    fn failures_until_the_end(attempts: &mut Attempts, expected: usize) {
        assert_eq!((0..100).take_while(|_| attempts.failed().is_some()).count() + 1, expected);
    }

    #[test]
    fn new_bytes_fill_the_budget_again() {
        let mut attempts = attempts(3);
        assert!(attempts.failed().is_some());
        attempts.reached(1);
        failures_until_the_end(&mut attempts, 3);
        assert_eq!(attempts.failures(), 4);
    }

    #[test]
    fn bytes_that_had_come_before_do_not() {
        let mut attempts = attempts(3);
        attempts.reached(10);
        assert!(attempts.failed().is_some());
        (1..=10).for_each(|bytes| attempts.reached(bytes));
        failures_until_the_end(&mut attempts, 2);
    }

    #[test]
    fn three_refusals_in_a_row_are_answered() {
        let mut attempts = attempts(1);
        assert_eq!([(); 4].map(|()| attempts.refused()), [true, true, true, false]);
        attempts.reached(1);
        assert_eq!([(); 4].map(|()| attempts.refused()), [true, true, true, false]);
    }

    #[test]
    fn once_more_from_the_start() {
        let mut attempts = attempts(3);
        attempts.reached(10);
        assert!(attempts.failed().is_some());
        assert!(attempts.mismatched());
        // The second time, the first bytes are progress again.
        attempts.reached(1);
        failures_until_the_end(&mut attempts, 3);
        assert!(!attempts.mismatched());
        assert_eq!(attempts.failures(), 6);
    }
}
