//! How slowly a server may send. No clock, no I/O.

use std::time::Duration;

/// The least that must come in a while, so that a server which sends a byte now and then is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// So many bytes; 6,000 by default.
    pub bytes: u64,
    /// So long; 60 s by default. Where a server may be silent for more than half of that, it is twice as long as the
    /// silence.
    pub window: Duration,
}

/// 100 bytes a second. A modem of 5 kB/s that eight connections share brings six times that on each.
impl Default for Floor {
    fn default() -> Self {
        Self { bytes: 6_000, window: Duration::from_secs(60) }
    }
}

/// Measures against a [`Floor`]. Only the time that was spent waiting for a server counts, not that at a gate or for
/// the disk.
#[derive(Clone, Debug)]
pub struct Meter {
    floor: Floor,
    came: u64,
    waited: Duration,
}

impl Meter {
    /// A meter of what comes from a server that may be silent for as long as `idle`.
    pub fn new(floor: Floor, idle: Duration) -> Self {
        let window = floor.window.max(idle.saturating_mul(2));
        Self { floor: Floor { window, ..floor }, came: 0, waited: Duration::ZERO }
    }

    /// So many bytes came after waiting so long. What came in the window, and how long that was, if it is too little.
    pub fn note(&mut self, bytes: u64, waited: Duration) -> Option<(u64, Duration)> {
        self.came = self.came.saturating_add(bytes);
        self.waited = self.waited.saturating_add(waited);
        if self.waited < self.floor.window {
            return None;
        }
        let (came, waited) = (std::mem::take(&mut self.came), std::mem::take(&mut self.waited));
        (came < self.floor.bytes).then_some((came, waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many bytes, so often, for ten minutes: when that is given up, in seconds.
    fn given_up(bytes: u64, every: u64) -> Option<u64> {
        let mut meter = Meter::new(Floor::default(), Duration::from_secs(10));
        let mut times = (1..=600 / every).map(|time| time * every);
        times.find(|_| meter.note(bytes, Duration::from_secs(every)).is_some())
    }

    #[test]
    fn a_drip_is_given_up_and_a_slow_line_is_not() {
        assert_eq!(given_up(1, 2), Some(60));
        assert_eq!(given_up(0, 9), Some(63));
        assert_eq!(given_up(99, 1), Some(60));
        assert_eq!(given_up(100, 1), None);
        // A modem of 5 kB/s, shared by eight.
        assert_eq!(given_up(625, 1), None);
        assert_eq!(given_up(6_000, 50), None);
    }

    #[test]
    fn each_window_counts_for_itself() {
        let mut meter = Meter::new(Floor::default(), Duration::ZERO);
        assert_eq!(meter.note(1 << 30, Duration::from_secs(60)), None);
        assert_eq!(meter.note(10, Duration::from_secs(59)), None);
        assert_eq!(meter.note(1, Duration::from_secs(3)), Some((11, Duration::from_secs(62))));
    }

    #[test]
    fn what_comes_while_nobody_waits_is_no_matter_of_time() {
        let mut meter = Meter::new(Floor::default(), Duration::ZERO);
        assert!((0..1_000_000).all(|_| meter.note(0, Duration::ZERO).is_none()));
    }

    #[test]
    fn a_server_may_be_silent_for_as_long_as_it_was_given() {
        let mut meter = Meter::new(Floor::default(), Duration::from_secs(100));
        assert_eq!(meter.note(1, Duration::from_secs(99)), None);
        assert_eq!(meter.note(1, Duration::from_secs(99)), None);
        assert!(meter.note(1, Duration::from_secs(2)).is_some());
    }
}
