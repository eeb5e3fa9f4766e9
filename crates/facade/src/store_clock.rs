//! Stores whose clock is not this machine's.

use weight_store::Store;

use crate::{Event, Observer, Warning};

/// Warns where requests are signed by the clock of the store. To be called after the first answers.
pub(crate) fn warn_of_clock(store: &Store, watcher: &dyn Observer) {
    let ahead = store.clock_offset();
    if ahead != 0 {
        let store = store.url().to_string();
        watcher.on_event(&Event::Warning(Warning::StoreClock { store: &store, ahead }));
    }
}
