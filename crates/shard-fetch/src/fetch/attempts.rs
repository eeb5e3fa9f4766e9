//! How often one file may fail, in each of the ways it can. No clock, no I/O.

use std::time::{Duration, Instant};

use net::{RetryBudget, RetryPolicy};

/// How many refusals in a row, with no new bytes in between, are answered by asking for the location again.
const MAX_REFUSALS: u32 = 3;

/// A host that has sent so many bytes of a file since its last failure is not overloaded.
const WORKS_WELL: u64 = 256 << 10;
/// A broken connection says nothing about the host's load. With fewer bytes before it, the host may be going down.
const BROKE_AT_WORK: u64 = RetryBudget::BYTES_PER_ATTEMPT;

/// How often a connection is dropped for its slowness: a host may be slow with one file alone.
const MAX_REPLACEMENTS: u32 = 3;

/// A place is given up after so many failures in a row, if there is another.
const MAX_PLACE_FAILURES: u32 = 2;
/// A locator that knows another place each time is believed so often.
const MAX_TURNS: u32 = 8;

/// What one file has used up of its chances.
pub(super) struct Attempts {
    policy: RetryPolicy,
    budget: RetryBudget,
    failures: u32,
    refusals: u32,
    replacements: u32,
    /// Answers in a row whose range cannot be used.
    unusable_ranges: u32,
    /// At the place that is asked now.
    place_failures: u32,
    last_place_failure: Option<Instant>,
    turns: u32,
    /// What is new since the last refusal.
    since_refusal: u64,
    /// What is new since the last failure.
    since_failure: u64,
    fetched_again: bool,
    furthest: u64,
    /// When the last failure was counted, and the delay after it.
    last_failure: Option<(Instant, Duration)>,
}

impl Attempts {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self {
            budget: RetryBudget::new(policy.clone()),
            policy,
            failures: 0,
            refusals: 0,
            replacements: 0,
            unusable_ranges: 0,
            place_failures: 0,
            last_place_failure: None,
            turns: 0,
            since_refusal: 0,
            since_failure: 0,
            fetched_again: false,
            furthest: 0,
            last_failure: None,
        }
    }

    /// So many of the file's bytes are there. Only those that never were there before are progress: a
    /// host that begins at the start each time and breaks off each time must not go on for ever.
    pub(super) fn reached(&mut self, bytes: u64) {
        let new = bytes.saturating_sub(self.furthest);
        self.furthest += new;
        self.budget.progressed(new);
        if new > 0 {
            self.unusable_ranges = 0;
        }
        self.since_refusal += new;
        self.since_failure += new;
        if self.since_refusal >= RetryBudget::BYTES_PER_ATTEMPT {
            self.refusals = 0;
        }
        if self.since_failure >= RetryBudget::BYTES_PER_ATTEMPT {
            self.place_failures = 0;
        }
    }

    /// An attempt that was `begun` then failed `now`, for a reason that may pass. The delay before the next,
    /// or `None` when there is to be none. After much progress there is no reason to wait, and after a connection that
    /// broke at work neither. Connections that were at work together when one failed may well fail of the same cause:
    /// together they count as one failure.
    pub(super) fn failed(&mut self, begun: Instant, now: Instant, has_broken: bool) -> Option<Duration> {
        if let Some((last, delay)) = self.last_failure
            && begun < last
        {
            return Some(delay);
        }
        self.failures += 1;
        let enough = if has_broken { BROKE_AT_WORK } else { WORKS_WELL };
        let works_well = std::mem::take(&mut self.since_failure) >= enough;
        let delay = self.budget.failed()?;
        let delay = if works_well { Duration::ZERO } else { delay };
        self.last_failure = Some((now, delay));
        Some(delay)
    }

    /// The range in an answer cannot be used. Whether that is so always, as far as one can tell: one answer may be a
    /// mishap, and asking for all of the file throws away what is there.
    pub(super) fn has_no_usable_range(&mut self) -> bool {
        self.unusable_ranges += 1;
        self.unusable_ranges > 1
    }

    /// The same attempt as in [`failed`](Self::failed), before that, where the host may be gone. Whether the place is to
    /// be given up for another, if one is known.
    pub(super) fn place_failed(&mut self, begun: Instant, now: Instant) -> bool {
        if self.last_place_failure.is_none_or(|last| begun >= last) {
            self.place_failures += 1;
            self.last_place_failure = Some(now);
        }
        self.place_failures >= MAX_PLACE_FAILURES
    }

    /// A place was given up for another one, which has all its chances. Whether there may be another.
    pub(super) fn turned_elsewhere(&mut self) -> bool {
        self.failures += 1;
        self.turns += 1;
        self.place_failures = 0;
        if self.turns > MAX_TURNS {
            return false;
        }
        self.budget = RetryBudget::new(self.policy.clone());
        self.refusals = 0;
        true
    }

    /// The host refused. Whether to ask for the location again.
    pub(super) fn refused(&mut self) -> bool {
        self.failures += 1;
        self.refusals += 1;
        self.since_refusal = 0;
        self.refusals <= MAX_REFUSALS
    }

    /// What came was not the file. Whether to fetch it once more from its start.
    pub(super) fn mismatched(&mut self) -> bool {
        self.failures += 1;
        self.furthest = 0;
        !std::mem::replace(&mut self.fetched_again, true)
    }

    /// A connection was dropped for its slowness.
    pub(super) fn replaced(&mut self) {
        self.replacements += 1;
    }

    /// Whether another may be.
    pub(super) fn may_be_replaced(&self) -> bool {
        self.replacements < MAX_REPLACEMENTS
    }

    /// How many attempts have failed so far, in whatever way.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: u64 = RetryBudget::BYTES_PER_ATTEMPT;

    fn attempts(attempts: u32) -> Attempts {
        Attempts::new(RetryPolicy { attempts, first_delay: Duration::ZERO, ..RetryPolicy::default() })
    }

    #[track_caller]
    fn failures_until_the_end(attempts: &mut Attempts, expected: usize) {
        assert_eq!((0..100).take_while(|_| fails(attempts)).count() + 1, expected);
    }

    /// A failure; whether there is to be another attempt.
    fn fails(attempts: &mut Attempts) -> bool {
        let now = Instant::now();
        attempts.failed(now, now, false).is_some()
    }

    #[test]
    fn connections_that_fail_together_fail_once() {
        let (mut attempts, begun) = (attempts(2), Instant::now());
        let later = |millis| begun + Duration::from_millis(millis);
        for millis in 1..9 {
            assert!(attempts.failed(begun, later(millis), false).is_some());
        }
        assert_eq!(attempts.failures(), 1);
        assert_eq!(attempts.failed(later(2), later(20), false), None);
        assert_eq!(attempts.failures(), 2);
    }

    #[test]
    fn new_bytes_fill_the_budget_again() {
        let mut attempts = attempts(3);
        assert!(fails(&mut attempts));
        attempts.reached(ENOUGH);
        failures_until_the_end(&mut attempts, 3);
        assert_eq!(attempts.failures(), 4);
    }

    #[test]
    fn after_much_progress_there_is_no_pause() {
        let policy = RetryPolicy { attempts: 100, ..RetryPolicy::default() };
        let (mut attempts, mut now) = (Attempts::new(policy), Instant::now());
        let mut reached = 0;
        let mut pauses = |new, has_broken| {
            reached += new;
            attempts.reached(reached);
            now += Duration::from_secs(1);
            !attempts.failed(now, now, has_broken).unwrap().is_zero()
        };
        for (enough, has_broken) in [(WORKS_WELL, false), (BROKE_AT_WORK, true)] {
            assert!(pauses(enough - 1, has_broken));
            assert!(!pauses(enough, has_broken));
            assert!(pauses(0, has_broken));
        }
    }

    #[test]
    fn ten_bytes_and_a_break_come_to_an_end() {
        let mut attempts = attempts(6);
        let goes_on = |time: &u64| {
            attempts.reached(10 * time);
            fails(&mut attempts)
        };
        assert!((1..10_000).take_while(goes_on).count() < 10);
    }

    #[test]
    fn ten_bytes_and_a_refusal_come_to_an_end() {
        let mut attempts = attempts(6);
        let goes_on = |bytes: &u64| {
            attempts.reached(10 * bytes);
            attempts.refused()
        };
        assert_eq!((1..10_000_u64).take_while(goes_on).count(), 3);
    }

    #[test]
    fn bytes_that_had_come_before_do_not() {
        let mut attempts = attempts(3);
        attempts.reached(10 * ENOUGH);
        assert!(fails(&mut attempts));
        (1..=10).for_each(|times| attempts.reached(times * ENOUGH));
        failures_until_the_end(&mut attempts, 2);
    }

    #[test]
    fn three_refusals_in_a_row_are_answered() {
        let mut attempts = attempts(1);
        assert_eq!([(); 4].map(|()| attempts.refused()), [true, true, true, false]);
        attempts.reached(ENOUGH);
        assert_eq!([(); 4].map(|()| attempts.refused()), [true, true, true, false]);
    }

    #[test]
    fn a_place_is_given_up_after_two_failures_with_nothing_in_between() {
        let (mut attempts, begun) = (attempts(9), Instant::now());
        let later = |millis| begun + Duration::from_millis(millis);
        for millis in 1..9 {
            assert!(!attempts.place_failed(begun, later(millis)), "those that fail together fail once");
        }
        attempts.reached(ENOUGH);
        assert!(!attempts.place_failed(later(20), later(21)));
        assert!(attempts.place_failed(later(22), later(23)));
        attempts.turned_elsewhere();
        assert!(!attempts.place_failed(later(24), later(25)));
    }

    #[test]
    fn another_place_has_all_its_chances_and_there_is_an_end() {
        let mut attempts = attempts(3);
        for _ in 0..MAX_TURNS {
            failures_until_the_end(&mut attempts, 3);
            assert_eq!([(); 4].map(|()| attempts.refused()), [true, true, true, false]);
            assert!(attempts.turned_elsewhere());
        }
        assert!(!attempts.turned_elsewhere());
    }

    #[test]
    fn once_more_from_the_start() {
        let mut attempts = attempts(3);
        attempts.reached(10 * ENOUGH);
        assert!(fails(&mut attempts));
        assert!(attempts.mismatched());
        // The second time, the first bytes are progress again.
        attempts.reached(ENOUGH);
        failures_until_the_end(&mut attempts, 3);
        assert!(!attempts.mismatched());
        assert_eq!(attempts.failures(), 6);
    }
}
