//! Stores whose clock differs from this machine's.

use weight_store::Store;

use crate::{Event, Observer, Warning};

/// Warns if requests are signed with the store's time. Call this after the first responses.
pub(crate) fn warn_of_clock(store: &Store, watcher: &dyn Observer) {
    let ahead = store.clock_offset();
    if ahead != 0 {
        let store = store.url().to_string();
        watcher.on_event(&Event::Warning(Warning::StoreClock { store: &store, seconds_ahead: ahead }));
    }
}
