//! The time at a store, for machines whose clock is wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// Clouds tolerate a quarter of an hour. A smaller error than this is not the reason for a refusal.
const WORTH_CORRECTING: u64 = 5 * 60;

/// How many seconds the store's clock is ahead of this machine's: 0 until a refusal shows that it
/// matters.
#[derive(Debug, Default)]
pub(super) struct StoreClock(AtomicI64);

impl StoreClock {
    /// The seconds to add to this machine's time.
    pub(super) fn offset(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The store's time, corrected only if necessary.
    pub(super) fn now(&self) -> SystemTime {
        let (now, offset) = (SystemTime::now(), self.offset());
        let distance = Duration::from_secs(offset.unsigned_abs());
        let then = if offset < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        then.unwrap_or(now)
    }

    /// Records the time in a refusal. Returns whether it differs so much from the time used for signing
    /// that this may be the reason.
    pub(super) fn learn(&self, date: Option<SystemTime>) -> bool {
        let Some(date) = date else { return false };
        if distance(date, self.now()).unsigned_abs() < WORTH_CORRECTING {
            return false;
        }
        let offset = distance(date, SystemTime::now());
        self.0.store(offset, Ordering::Relaxed);
        tracing::warn!(seconds = offset, "a store's clock differs: signing with its time");
        true
    }
}

/// How many seconds `one` is after `other`.
fn distance(one: SystemTime, other: SystemTime) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    one.duration_since(other).map_or_else(|error| -seconds(error.duration()), seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_corrected_once() {
        let (clock, hours) = (StoreClock::default(), Duration::from_secs(2 * 3600));
        assert!(!clock.learn(None) && !clock.learn(Some(SystemTime::now())));
        for (there, seconds) in [(SystemTime::now() + hours, 7200), (SystemTime::now() - hours, -7200)] {
            assert!(clock.learn(Some(there)));
            assert!((clock.offset() - seconds).abs() < 60, "{}", clock.offset());
            assert!(!clock.learn(Some(there)), "it is refused for another reason");
        }
    }
}
