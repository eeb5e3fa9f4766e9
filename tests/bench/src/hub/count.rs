//! Counts a hub's requests and bytes from its log.

use std::collections::HashMap;
use std::ops::Range;

use local_hub::{LocalHub, LoggedRequest, RequestLog};
use serde::{Deserialize, Serialize};

/// The sizes of files, by model and path.
pub(super) type FileSizes = HashMap<String, HashMap<String, u64>>;

/// Counts of requests and bytes.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Count {
    pub(crate) to_hub: usize,
    pub(crate) to_data_host: usize,
    /// Connections to the data host.
    pub(crate) connections: usize,
    /// The maximum number of simultaneous requests to the data host.
    pub(crate) at_once: usize,
    /// Bytes of response bodies sent by the data host.
    pub(crate) sent: u64,
    /// Requested bytes of all files; bytes requested several times count once.
    pub(crate) asked: u64,
    /// Bytes requested a second time, because a connection took over the rest of another's range.
    pub(crate) asked_again: u64,
    /// Connections to the data host that are open now.
    pub(crate) open: usize,
}

pub(super) fn count(hub: &LocalHub, log: &RequestLog, sizes: &FileSizes) -> Count {
    let data = log.data();
    let ranges = ranges(&data.requests(), sizes);
    let (once, twice) = ranges.into_values().fold((0, 0), |(once, twice), mut ranges| {
        let asked: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        let covered = covered(&mut ranges);
        (once + covered, twice + asked - covered)
    });
    Count {
        to_hub: log.hub().count(),
        to_data_host: data.count(),
        connections: data.connections(),
        at_once: data.max_concurrent(),
        sent: data.bytes_sent(),
        asked: once,
        asked_again: twice,
        open: hub.open_data_connections(),
    }
}

/// The requested ranges by model and path. A request without a range is for the whole file.
fn ranges(requests: &[LoggedRequest], sizes: &FileSizes) -> HashMap<(String, String), Vec<Range<u64>>> {
    let mut ranges: HashMap<_, Vec<_>> = HashMap::new();
    for request in requests {
        let (Some(model), Some(file)) = (&request.model, &request.file) else { continue };
        let Some(size) = sizes.get(model).and_then(|files| files.get(file)) else { continue };
        let asked = request.range().map_or(Some(0..*size), |range| parse(range, *size));
        ranges.entry((model.clone(), file.clone())).or_default().extend(asked);
    }
    ranges
}

/// Parses `bytes=first-last` or `bytes=first-`.
fn parse(range: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let end = if last.is_empty() { size } else { last.parse::<u64>().ok()?.checked_add(1)?.min(size) };
    (first <= end).then_some(first..end)
}

/// The number of bytes in at least one of the ranges.
fn covered(ranges: &mut [Range<u64>]) -> u64 {
    ranges.sort_unstable_by_key(|range| range.start);
    let covered = ranges.iter().fold((0, 0), |(covered, end), range| {
        (covered + range.end.max(end) - range.start.max(end), end.max(range.end))
    });
    covered.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_requests() {
        assert_eq!((parse("bytes=0-0", 20), parse("bytes=5-14", 20)), (Some(0..1), Some(5..15)));
        assert_eq!((parse("bytes=5-", 20), parse("bytes=5-99", 20)), (Some(5..20), Some(5..20)));
        assert_eq!((parse("bytes=-5", 20), parse("bytes=5-3", 20)), (None, None));
    }

    #[test]
    fn what_several_ask_for_counts_once() {
        assert_eq!(covered(&mut []), 0);
        assert_eq!(covered(&mut [10..20, 0..10]), 20);
        assert_eq!(covered(&mut [0..100, 50..100, 60..70]), 100);
        assert_eq!(covered(&mut [50..100, 0..10, 90..120]), 80);
    }
}
