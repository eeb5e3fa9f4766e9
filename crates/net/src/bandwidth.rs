//! The limit on how many bytes a second are read from all servers together. No clock, no I/O.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// One connection for each multiple of this rate: the data already buffered for a connection arrives
/// before the limit takes effect.
const WORTH_A_CONNECTION: u64 = 500_000;

/// Unused time beyond this is not saved up for later.
const BURST: Duration = Duration::from_millis(100);

/// A limit for the bodies of answers. Clones share one limit.
///
/// After each read, the reader is held up until the total read so far fits the rate. This time does not
/// count as waiting for a server.
#[derive(Clone, Debug)]
pub struct Bandwidth {
    bytes_per_second: NonZeroU64,
    /// When the bytes read so far have used up their time.
    paid: Arc<Mutex<Option<Instant>>>,
}

impl Bandwidth {
    /// A limit in bytes per second.
    pub fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, paid: Arc::default() }
    }

    /// How many connections are worth opening under this limit.
    pub fn connections(&self) -> NonZeroUsize {
        let connections = usize::try_from(self.bytes_per_second.get() / WORTH_A_CONNECTION);
        NonZeroUsize::new(connections.unwrap_or(usize::MAX)).unwrap_or(NonZeroUsize::MIN)
    }

    /// Records bytes that were read and returns when their reader may continue. With 0 bytes: when a
    /// new reader may begin.
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
