//! How many bytes a second are read from all servers together. No clock, no I/O.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A connection for each so many bytes a second: what its buffers hold comes before the limit is felt.
const WORTH_A_CONNECTION: u64 = 500_000;

/// What was not read in so short a time may be read later.
const BURST: Duration = Duration::from_millis(100);

/// A limit for the bodies of answers. Clones share one limit.
///
/// Each reader is held up after it has read, for as long as all that was read until then takes at this rate. Time for
/// which a reader is held up is not time for which it waits for a server.
#[derive(Clone, Debug)]
pub struct Bandwidth {
    bytes_per_second: NonZeroU64,
    /// When all that was read may have been read.
    paid: Arc<Mutex<Option<Instant>>>,
}

impl Bandwidth {
    /// A limit of so many bytes a second.
    pub fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, paid: Arc::default() }
    }

    /// How many connections such a limit is worth.
    pub fn connections(&self) -> NonZeroUsize {
        let connections = usize::try_from(self.bytes_per_second.get() / WORTH_A_CONNECTION);
        NonZeroUsize::new(connections.unwrap_or(usize::MAX)).unwrap_or(NonZeroUsize::MIN)
    }

    /// Takes note of bytes that were read, and says when their reader may go on. With none it is when a new reader may
    /// begin.
    pub(crate) fn read(&self, bytes: u64, now: Instant) -> Instant {
        let mut paid = self.paid.lock();
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let begin = paid.map_or(now, |paid| paid.max(earliest));
        #[expect(clippy::cast_precision_loss, reason = "what is lost of such numbers is no time at all")]
        let takes = Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second.get() as f64);
        let end = begin + takes.unwrap_or_default();
        *paid = Some(end);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousand() -> Bandwidth {
        Bandwidth::new(NonZeroU64::new(1000).unwrap())
    }

    #[test]
    fn readers_share_the_rate() {
        let (limit, start) = (thousand(), Instant::now());
        let waits = [500, 500, 0, 1000].map(|bytes| limit.clone().read(bytes, start) - start);
        assert_eq!(waits, [500, 1000, 1000, 2000].map(Duration::from_millis));
    }

    #[test]
    fn a_low_limit_is_worth_one_connection() {
        let cases = [(1, 1), (999_999, 1), (1_000_000, 2), (20_000_000, 40)];
        for (rate, connections) in cases {
            let limit = Bandwidth::new(NonZeroU64::new(rate).unwrap());
            assert_eq!(limit.connections().get(), connections, "{rate}");
        }
    }

    #[test]
    fn time_in_which_nothing_came_is_hardly_made_up_for() {
        let (limit, start) = (thousand(), Instant::now());
        limit.read(1000, start);
        let later = start + Duration::from_secs(60);
        assert_eq!(limit.read(1000, later), later + Duration::from_millis(900));
    }
}
