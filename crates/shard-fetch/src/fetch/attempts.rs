//! How often one file may fail, for each kind of failure. No clock, no I/O.

use std::time::{Duration, Instant};

use net::{RetryBudget, RetryPolicy};

/// How many consecutive refusals without new bytes lead to asking for the location again.
const MAX_REFUSALS: u32 = 3;

/// A host that has sent this many bytes of a file since its last failure is not overloaded.
const WORKS_WELL: u64 = 256 << 10;
/// A connection that breaks does not indicate an overloaded host, unless it delivered less than this.
const BROKE_AT_WORK: u64 = RetryBudget::BYTES_PER_ATTEMPT;

/// How often a connection is dropped for being slow: a host may be slow with one file only.
const MAX_REPLACEMENTS: u32 = 3;

/// A place is given up after this many consecutive failures, if there is another.
const MAX_PLACE_FAILURES: u32 = 2;
/// How often a locator may name another place.
const MAX_TURNS: u32 = 8;

/// The attempts that one file has used up.
pub(super) struct Attempts {
    policy: RetryPolicy,
    budget: RetryBudget,
    failures: u32,
    refusals: u32,
    replacements: u32,
    /// Consecutive responses with an unusable range.
    unusable_ranges: u32,
    /// At the current place.
    place_failures: u32,
    last_place_failure: Option<Instant>,
    turns: u32,
    /// New bytes since the last refusal.
    since_refusal: u64,
    /// New bytes since the last failure.
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

    /// Records how many of the file's bytes exist. Only bytes beyond all earlier ones are progress: a
    /// host that always starts over and breaks off must not be retried forever.
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

    /// An attempt `begun` at this time failed `now` with a transient failure. Returns the delay before
    /// the next attempt, or `None` if no attempt is left. There is no delay after much progress, or after a
    /// connection broke while delivering. Connections that were active together when one failed
    /// probably failed for the same reason, so they count as one failure.
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

    /// An attempt failed on a host that served other files meanwhile. Such a host is neither gone nor
    /// hopeless, so this uses up nothing.
    pub(super) fn unlucky(&mut self) -> Duration {
        self.failures += 1;
        self.budget.pause()
    }

    /// A response's range was unusable. Returns whether that seems permanent: once may be an accident,
    /// and requesting the whole file discards what exists.
    pub(super) fn has_no_usable_range(&mut self) -> bool {
        self.unusable_ranges += 1;
        self.unusable_ranges > 1
    }

    /// Call this before [`failed`](Self::failed) for the same attempt, if the host may be gone. Returns
    /// whether to give the place up for another, if one is known.
    pub(super) fn place_failed(&mut self, begun: Instant, now: Instant) -> bool {
        if self.last_place_failure.is_none_or(|last| begun >= last) {
            self.place_failures += 1;
            self.last_place_failure = Some(now);
        }
        self.place_failures >= MAX_PLACE_FAILURES
    }

    /// The place was given up for another, which starts with all its attempts. Returns whether there
    /// may be a further one.
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

    /// The host refused. Returns whether to ask for the location again.
    pub(super) fn refused(&mut self) -> bool {
        self.failures += 1;
        self.refusals += 1;
        self.since_refusal = 0;
        self.refusals <= MAX_REFUSALS
    }

    /// The content was wrong. Returns whether to fetch it once more from the start.
    pub(super) fn mismatched(&mut self) -> bool {
        self.failures += 1;
        self.furthest = 0;
        !std::mem::replace(&mut self.fetched_again, true)
    }

    /// A connection was dropped for being slow.
    pub(super) fn replaced(&mut self) {
        self.replacements += 1;
    }

    /// Whether another connection may be dropped.
    pub(super) fn may_be_replaced(&self) -> bool {
        self.replacements < MAX_REPLACEMENTS
    }

    /// How many attempts have failed, for any reason.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: u64 = RetryBudget::BYTES_PER_ATTEMPT;

    fn attempts(attempts: u32) -> Attempts {
        Attempts::new(RetryPolicy::default().attempts(attempts).first_pause(Duration::ZERO))
    }

    #[track_caller]
    fn failures_until_the_end(attempts: &mut Attempts, expected: usize) {
        assert_eq!((0..100).take_while(|_| fails(attempts)).count() + 1, expected);
    }

    /// Records a failure; returns whether there is another attempt.
    fn fails(attempts: &mut Attempts) -> bool {
        let now = Instant::now();
        attempts.failed(now, now, false).is_some()
    }

    #[test]
    fn connections_that_fail_together_fail_once() {
        let (mut attempts, begun) = (Attempts::new(RetryPolicy::default().attempts(2)), Instant::now());
        let later = |millis| begun + Duration::from_millis(millis);
        let delay = attempts.failed(begun, later(1), false).filter(|delay| !delay.is_zero());
        for millis in 2..9 {
            assert!(delay.is_some() && attempts.failed(begun, later(millis), false) == delay);
        }
        assert_eq!(attempts.failures(), 1);
        assert_eq!(attempts.failed(later(1), later(20), false), None);
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
    fn after_much_progress_there_is_no_delay() {
        let policy = RetryPolicy::default().attempts(100);
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
    fn ten_bytes_before_each_break_exhaust_the_budget() {
        let mut attempts = attempts(6);
        let goes_on = |time: &u64| {
            attempts.reached(10 * time);
            fails(&mut attempts)
        };
        assert!((1..10_000).take_while(goes_on).count() < 10);
    }

    #[test]
    fn ten_bytes_before_each_refusal_exhaust_the_budget() {
        let mut attempts = attempts(6);
        let goes_on = |bytes: &u64| {
            attempts.reached(10 * bytes);
            attempts.refused()
        };
        assert_eq!((1..10_000_u64).take_while(goes_on).count(), 3);
    }

    #[test]
    fn bytes_received_earlier_do_not_refill_the_budget() {
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
        // Only the first of these follows enough new bytes.
        let refused = [0, 1, 2, 3].map(|more| {
            attempts.reached(ENOUGH + more);
            attempts.refused()
        });
        assert_eq!(refused, [true, true, true, false]);
    }

    #[test]
    fn bad_luck_uses_up_nothing() {
        let mut attempts = Attempts::new(RetryPolicy::default().attempts(2));
        assert!((0..9).all(|_| !attempts.unlucky().is_zero()));
        assert_eq!(attempts.failures(), 9);
        assert!(fails(&mut attempts));
    }

    #[test]
    fn two_unusable_ranges_without_new_bytes_seem_permanent() {
        let mut attempts = attempts(3);
        assert!(!attempts.has_no_usable_range());
        attempts.reached(1);
        assert!(!attempts.has_no_usable_range());
        attempts.reached(1);
        assert!(attempts.has_no_usable_range());
    }

    #[test]
    fn three_slow_connections_are_dropped() {
        let mut attempts = attempts(3);
        let may_be = |_: &u32| {
            let may_be = attempts.may_be_replaced();
            attempts.replaced();
            may_be
        };
        assert_eq!((0..9).take_while(may_be).count(), 3);
    }

    #[test]
    fn a_location_is_abandoned_after_two_failures_in_a_row() {
        let (mut attempts, begun) = (attempts(9), Instant::now());
        let later = |millis| begun + Duration::from_millis(millis);
        for millis in 1..9 {
            assert!(!attempts.place_failed(begun, later(millis)), "those that fail together fail once");
        }
        attempts.reached(ENOUGH);
        assert!(!attempts.place_failed(later(20), later(21)));
        attempts.failed(later(20), later(21), false);
        attempts.reached(ENOUGH + 10);
        assert!(attempts.place_failed(later(21), later(23)), "ten bytes are not enough");
        attempts.turned_elsewhere();
        assert!(!attempts.place_failed(later(24), later(25)));
    }

    #[test]
    fn another_location_has_all_attempts_and_their_number_is_limited() {
        let mut attempts = attempts(3);
        for _ in 0..MAX_TURNS {
            failures_until_the_end(&mut attempts, 3);
            assert_eq!([(); 4].map(|()| attempts.refused()), [true, true, true, false]);
            assert!(attempts.turned_elsewhere());
        }
        assert!(!attempts.turned_elsewhere());
        assert_eq!(attempts.failures(), (3 + 4 + 1) * MAX_TURNS + 1);
    }

    #[test]
    fn a_file_is_fetched_once_more_from_the_start() {
        let mut attempts = attempts(3);
        attempts.reached(10 * ENOUGH);
        assert!(fails(&mut attempts));
        assert!(attempts.mismatched());
        // The second time, the first bytes count as progress again.
        attempts.reached(ENOUGH);
        failures_until_the_end(&mut attempts, 3);
        assert!(!attempts.mismatched());
        assert_eq!(attempts.failures(), 6);
    }
}
