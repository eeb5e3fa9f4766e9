//! Requests and bytes of a hub, from its log.

use local_hub::{LocalHub, RequestLog};
use serde::{Deserialize, Serialize};

use super::ranges::{FileSizes, covered, ranges};

/// Requests that came.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Count {
    pub(crate) to_hub: usize,
    pub(crate) to_data_host: usize,
    /// Connections to the data host.
    pub(crate) connections: usize,
    /// The most requests that the data host was answering at once.
    pub(crate) at_once: usize,
    /// Bytes of bodies that the data host sent.
    pub(crate) sent: u64,
    /// Bytes of all files that were asked for, those that several requests asked for counted once.
    pub(crate) asked: u64,
    /// Bytes that a second request asked for, because a connection took over the rest of another's range.
    pub(crate) asked_again: u64,
    /// Connections to the data host that are open at this moment.
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
