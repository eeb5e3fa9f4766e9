//! How slowly a server may send. No clock, no I/O.

use std::time::Duration;

/// The least that must arrive within a window, so that a server which sends a byte now and then is
/// given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The number of bytes; 6,000 by default.
    pub bytes: u64,
    /// The length of the window; 60 s by default. If a server may be silent for more than half of that,
    /// it is twice the permitted silence.
    pub window: Duration,
}

/// 100 bytes a second. A 5 kB/s modem shared by eight connections gives each of them six times that.
impl Default for Floor {
    fn default() -> Self {
        Self { bytes: 6_000, window: Duration::from_secs(60) }
    }
}

/// This many pieces in a window count as a trickle.
const TRICKLE: u32 = 4;

/// Measures against a [`Floor`]. Only time spent waiting for a server counts, not time at a gate or
/// waiting for the disk.
#[derive(Clone, Debug)]
pub struct Meter {
    floor: Floor,
    /// With fewer pieces in a window, the server was silent rather than slow.
    least_pieces: u32,
    came: u64,
    pieces: u32,
    waited: Duration,
}

impl Meter {
    /// A meter for a server that may be silent for as long as `idle`.
    pub fn new(floor: Floor, idle: Duration) -> Self {
        let window = floor.window.max(idle.saturating_mul(2));
        Self::with(Floor { window, ..floor }, 0)
    }

    /// A meter for something that is cheap to ask for again: it notices a trickle within seconds. A
    /// pause does not count, since the server may be at work.
    pub fn impatient(floor: Floor) -> Self {
        Self::with(floor, TRICKLE)
    }

    fn with(floor: Floor, least_pieces: u32) -> Self {
        Self { floor, least_pieces, came: 0, pieces: 0, waited: Duration::ZERO }
    }

    /// Records `bytes` that arrived after `waited`. Returns the total and the length of the window if
    /// that is too little.
    pub fn note(&mut self, bytes: u64, waited: Duration) -> Option<(u64, Duration)> {
        self.came = self.came.saturating_add(bytes);
        self.pieces = self.pieces.saturating_add(1);
        self.waited = self.waited.saturating_add(waited);
        if self.waited < self.floor.window {
            return None;
        }
        let (came, waited) = (std::mem::take(&mut self.came), std::mem::take(&mut self.waited));
        let is_slow = came < self.floor.bytes && std::mem::take(&mut self.pieces) >= self.least_pieces;
        is_slow.then_some((came, waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a server that sends `bytes` every `every` seconds is given up, in seconds, within ten
    /// minutes.
    fn given_up(bytes: u64, every: u64) -> Option<u64> {
        let mut meter = Meter::new(Floor::default(), Duration::from_secs(10));
        let mut times = (1..=600 / every).map(|time| time * every);
        times.find(|_| meter.note(bytes, Duration::from_secs(every)).is_some())
    }

    #[test]
    fn responses_below_the_floor_are_abandoned_and_slow_ones_are_not() {
        assert_eq!(given_up(1, 2), Some(60));
        assert_eq!(given_up(0, 9), Some(63));
        assert_eq!(given_up(99, 1), Some(60));
        assert_eq!(given_up(100, 1), None);
        // A 5 kB/s modem shared by eight connections.
        assert_eq!(given_up(625, 1), None);
        assert_eq!(given_up(6_000, 50), None);
    }

    #[test]
    fn a_trickle_is_noticed_early_unlike_a_pause() {
        let floor = Floor { bytes: 5_000, window: Duration::from_secs(5) };
        let after = |bytes, millis| {
            let mut meter = Meter::impatient(floor);
            (1..=100).find(|_| meter.note(bytes, Duration::from_millis(millis)).is_some())
        };
        assert_eq!(after(1, 100), Some(50));
        assert_eq!(after(499, 1_000), Some(5));
        assert_eq!(after(1_000, 1_000), None);
        // A server at work may report progress now and then.
        assert_eq!(after(4, 5_000), None);
    }

    #[test]
    fn each_window_counts_for_itself() {
        let mut meter = Meter::new(Floor::default(), Duration::ZERO);
        assert_eq!(meter.note(1 << 30, Duration::from_secs(60)), None);
        assert_eq!(meter.note(10, Duration::from_secs(59)), None);
        assert_eq!(meter.note(1, Duration::from_secs(3)), Some((11, Duration::from_secs(62))));
    }

    #[test]
    fn calls_that_did_not_wait_do_not_count() {
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
