//! How many connections are worthwhile: throughput in, number out. No clock, no I/O.

use std::time::Duration;

/// A smaller increase in throughput does not justify more connections.
const WORTHWHILE: f64 = 1.12;

/// How long additional connections get to increase throughput. To a distant host they need a few round
/// trips to reach full speed.
const PATIENCE: Duration = Duration::from_secs(1);

/// New connections are not at full speed for this time.
const SETTLING: Duration = Duration::from_millis(50);

/// A shorter time does not show whether the machine keeps up.
const TELLING: Duration = Duration::from_millis(100);

/// If nothing has arrived for this time, the host is far away, and waiting for more responses costs
/// nothing.
const FAR: Duration = Duration::from_millis(100);

/// When to try again after more connections did not help.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// When to try more connections after a failure. Further failures count after a quarter of this time.
const RECOVERY: Duration = Duration::from_secs(2);

/// The weight of a response after the next one: about the last fifty matter.
const REMEMBERED: f64 = 0.98;

/// Connections that spend a greater share of their time on writing and hashing are limited by this
/// machine, not by the line.
const BUSY: f64 = 0.3;

/// More failures per response than this are not chance.
const OFTEN: f64 = 0.08;

/// Increases the number of connections while throughput grows and the machine keeps up; halves it when
/// a server or the line shows that there are too many.
#[derive(Debug)]
pub(super) struct Controller {
    least: usize,
    most: usize,
    /// The most connections that the line can sustain, as far as known. Silence lowers it; it rises by
    /// one at a time. On a crowded line, more connections always get more, until all of them time out.
    ceiling: usize,
    target: usize,
    phase: Phase,
    /// The time in the current phase.
    elapsed: Duration,
    /// The bytes received in it once connections were at full speed, and for how long. On a slow line
    /// bytes arrive in bursts, so a single sample says little.
    bytes: u64,
    measured: Duration,
    /// How much of it the average connection spent on writing and hashing.
    busy: Duration,
    /// Weighted counts of recent responses and failures.
    answers: f64,
    troubles: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Measuring the throughput of the current number.
    Measuring,
    /// Trying more connections than the `before` that achieved `rate`.
    Trying { before: usize, rate: f64 },
    /// More connections did not help.
    Settled,
    /// A server failed.
    Recovering,
}

impl Controller {
    /// Uses from `least` to `most` connections; the two may be equal.
    pub(super) fn new(least: usize, most: usize) -> Self {
        let most = most.max(least);
        Self {
            least,
            most,
            ceiling: most,
            target: least,
            phase: Phase::Measuring,
            elapsed: Duration::ZERO,
            bytes: 0,
            measured: Duration::ZERO,
            busy: Duration::ZERO,
            answers: 0.0,
            troubles: 0.0,
        }
    }

    pub(super) fn target(&self) -> usize {
        self.target
    }

    /// Records the `bytes` received in the last `period`, with `in_use` connections at its end that
    /// together spent `busy` on writing them.
    pub(super) fn sample(&mut self, bytes: u64, period: Duration, in_use: usize, busy: Duration) {
        let is_settled = self.least == self.target && self.target == self.most;
        if is_settled && self.phase != Phase::Recovering || period.is_zero() {
            return;
        }
        // The throughput of fewer connections says nothing about the target.
        if in_use < self.target {
            return;
        }
        if self.elapsed >= SETTLING {
            self.bytes += bytes;
            self.measured += period;
            self.busy += busy.checked_div(u32::try_from(in_use).unwrap_or(u32::MAX)).unwrap_or_default();
        }
        self.elapsed += period;
        let rate = self.rate();
        match self.phase {
            Phase::Measuring if rate > 0.0 && self.measured >= TELLING && !self.is_busy() => {
                self.try_more(rate);
            }
            Phase::Measuring if self.has_heard_nothing() => self.double(),
            Phase::Trying { rate: old, .. } if rate >= old * WORTHWHILE => self.try_more(rate),
            Phase::Trying { before, .. } if self.elapsed > PATIENCE => {
                self.target = before;
                self.enter(Phase::Settled);
            }
            Phase::Settled if self.elapsed > RETRY_AFTER => {
                self.ceiling = self.most.min(self.ceiling + 1);
                self.enter(Phase::Measuring);
            }
            Phase::Recovering if self.elapsed > RECOVERY => self.enter(Phase::Measuring),
            _ => {}
        }
    }

    /// Bytes per second with the current target.
    #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
    fn rate(&self) -> f64 {
        if self.measured.is_zero() { 0.0 } else { self.bytes as f64 / self.measured.as_secs_f64() }
    }

    fn has_heard_nothing(&self) -> bool {
        self.bytes == 0 && self.answers == 0.0 && self.troubles == 0.0 && self.elapsed > FAR
    }

    fn is_busy(&self) -> bool {
        self.busy > self.measured.mul_f64(BUSY)
    }

    /// A server sent what was requested.
    pub(super) fn answered(&mut self) {
        self.answers = self.answers * REMEMBERED + 1.0;
        self.troubles *= REMEMBERED;
    }

    /// A server answered with 429 or 5xx.
    pub(super) fn trouble(&mut self) {
        self.halve(self.least);
    }

    /// A connection timed out: the line may be so crowded that each connection gets almost nothing. If
    /// its host has sent nothing over the others either (`is_total`), one of them is left at once, even
    /// of a fixed number: with a thousand clients on the line, halving would take too long.
    pub(super) fn silence(&mut self, is_total: bool) {
        if is_total {
            self.troubles = self.troubles.max(OFTEN * self.answers);
        }
        if self.halve(1) {
            self.ceiling = self.target;
            if is_total {
                self.target = 1;
            }
        }
    }

    /// Returns whether the number was halved. Occasional failures are normal; only if more than a few
    /// in a hundred responses fail are there too many connections.
    fn halve(&mut self, least: usize) -> bool {
        self.troubles += 1.0;
        if self.troubles < OFTEN * self.answers {
            return false;
        }
        if self.phase == Phase::Recovering && self.elapsed < RECOVERY / 4 {
            return false;
        }
        self.target = (self.target / 2).max(least.min(self.target)).max(1);
        self.enter(Phase::Recovering);
        true
    }

    fn try_more(&mut self, rate: f64) {
        let before = self.target;
        self.double();
        self.enter(if self.target == before { Phase::Settled } else { Phase::Trying { before, rate } });
    }

    fn double(&mut self) {
        self.target = self.target.saturating_mul(2).min(self.ceiling);
        self.enter(self.phase);
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.bytes = 0;
        (self.elapsed, self.measured, self.busy) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    /// Runs a controller on a simulated network; returns the target at each tick.
    fn run(controller: &mut Controller, seconds: u64, network: impl Fn(usize) -> u64) -> Vec<usize> {
        let ticks = 0..seconds * 10;
        ticks
            .map(|_| {
                let target = controller.target();
                controller.sample(network(target) / 10, TICK, target, Duration::ZERO);
                controller.target()
            })
            .collect()
    }

    /// Each connection receives `each` bytes a second, all together at most `limit`.
    fn paced(each: u64, limit: u64) -> impl Fn(usize) -> u64 {
        move |connections| (each * connections as u64).min(limit)
    }

    #[test]
    fn connections_grow_to_the_limit_while_each_adds_its_share() {
        let mut controller = Controller::new(4, 32);
        let targets = run(&mut controller, 2, paced(10_000_000, u64::MAX));
        assert_eq!(targets.last(), Some(&32));
        let ticks = targets.iter().position(|target| *target == 32).unwrap();
        assert!(ticks <= 8, "{targets:?}");
    }

    #[test]
    fn connections_stop_growing_when_the_line_is_full() {
        for (limit, expected) in [(40, 4), (80, 8), (100, 16), (160, 16), (1000, 32)] {
            let mut controller = Controller::new(4, 32);
            let targets = run(&mut controller, 4, paced(10_000_000, limit * 1_000_000));
            assert_eq!(targets.last(), Some(&expected), "{limit}: {targets:?}");
        }
    }

    #[test]
    fn responses_with_a_high_latency_are_waited_for_together() {
        let nothing = |controller: &mut Controller| run(controller, 1, |_| 0).last().copied();
        assert_eq!(nothing(&mut Controller::new(4, 32)), Some(32));
        let mut controller = Controller::new(4, 32);
        controller.answered();
        assert_eq!(nothing(&mut controller), Some(4), "a server that answers and sends nothing");
    }

    #[test]
    fn a_machine_that_does_not_keep_up_gets_no_more_connections() {
        for (busy, expected) in [(0.4, 4), (0.2, 8)] {
            let mut controller = Controller::new(4, 8);
            (0..50).for_each(|_| controller.sample(50_000_000, TICK, 4, TICK.mul_f64(4.0 * busy)));
            assert_eq!(controller.target(), expected, "{busy}");
        }
    }

    #[test]
    fn slow_starters_are_waited_for() {
        // More connections take effect only after half a second.
        let mut controller = Controller::new(4, 8);
        for _ in 0..5 {
            controller.sample(4_000_000, TICK, controller.target(), Duration::ZERO);
        }
        assert_eq!(controller.target(), 8);
        run(&mut controller, 5, paced(10_000_000, u64::MAX));
        assert_eq!(controller.target(), 8);
    }

    #[test]
    fn more_connections_are_tried_again_later() {
        let mut controller = Controller::new(4, 32);
        run(&mut controller, 4, paced(10_000_000, 40_000_000));
        assert_eq!(controller.target(), 4);
        run(&mut controller, 10, paced(10_000_000, u64::MAX));
        assert_eq!(controller.target(), 32);
    }

    #[test]
    fn a_burst_of_failures_halves_the_connections_once() {
        let mut controller = Controller::new(4, 32);
        run(&mut controller, 3, paced(10_000_000, u64::MAX));
        (0..32).for_each(|_| controller.trouble());
        assert_eq!(controller.target(), 16);
        run(&mut controller, 1, paced(10_000_000, u64::MAX));
        assert_eq!(controller.target(), 16, "not at once");
        controller.trouble();
        assert_eq!(controller.target(), 8);
        for _ in 0..9 {
            run(&mut controller, 1, |_| 0);
            controller.trouble();
        }
        assert_eq!(controller.target(), 4, "never below the least");
    }

    #[test]
    fn rare_failures_do_not_reduce_the_connections() {
        let mut controller = Controller::new(4, 32);
        run(&mut controller, 3, paced(10_000_000, u64::MAX));
        for _ in 0..10 {
            (0..50).for_each(|_| controller.answered());
            controller.trouble();
        }
        assert_eq!(controller.target(), 32);
        for _ in 0..10 {
            (0..9).for_each(|_| controller.answered());
            controller.trouble();
        }
        assert!(controller.target() < 32);
    }

    #[test]
    fn connections_grow_when_bytes_arrive_in_bursts() {
        // Each connection receives 60 kB once a second, at different times.
        let mut controller = Controller::new(4, 32);
        for tick in 0..80_usize {
            let target = controller.target();
            let arrived = (0..target).filter(|connection| (connection * 7 + tick) % 10 == 0).count();
            controller.sample(60_000 * arrived as u64, TICK, target, Duration::ZERO);
        }
        assert_eq!(controller.target(), 32);
    }

    #[test]
    fn silence_leaves_one_connection_and_more_are_tried_one_at_a_time() {
        let mut controller = Controller::new(4, 32);
        run(&mut controller, 3, paced(10_000_000, u64::MAX));
        for _ in 0..6 {
            run(&mut controller, 1, |_| 0);
            controller.silence(false);
        }
        assert_eq!(controller.target(), 1);
        // On a crowded line each connection gets its share, however many there are.
        let targets = run(&mut controller, 20, paced(3_000, u64::MAX));
        assert!(targets.is_sorted() && targets.last() == Some(&4), "{targets:?}");
    }

    #[test]
    fn total_silence_leaves_one_connection_at_once_and_half_of_them_return_quickly() {
        for (least, most) in [(4, 32), (8, 8)] {
            let mut controller = Controller::new(least, most);
            run(&mut controller, 3, paced(10_000_000, u64::MAX));
            (0..50).for_each(|_| controller.answered());
            (0..most).for_each(|_| controller.silence(true));
            assert_eq!(controller.target(), 1);
            let targets = run(&mut controller, 5, paced(10_000_000, u64::MAX));
            assert_eq!(targets.last(), Some(&(most / 2)), "{targets:?}");
        }
    }

    #[test]
    fn only_silence_changes_a_fixed_number_of_connections() {
        let mut controller = Controller::new(7, 7);
        run(&mut controller, 10, paced(10, 1000));
        controller.trouble();
        run(&mut controller, 1, paced(10, 1000));
        assert_eq!(controller.target(), 7);
        controller.silence(false);
        assert_eq!(controller.target(), 3);
        run(&mut controller, 60, paced(10_000_000, u64::MAX));
        assert_eq!(controller.target(), 7);
    }

    #[test]
    fn idle_connections_do_not_affect_the_number() {
        let mut controller = Controller::new(4, 32);
        (0..100).for_each(|_| controller.sample(1_000_000, TICK, 2, Duration::ZERO));
        assert_eq!(controller.target(), 4);
    }
}
