//! When a model was last used, so that the least recently used ones can be removed from a cache that is
//! too large.

use std::io;
use std::time::{Duration, SystemTime};

use crate::layout::CacheLayout;
use crate::slot::Slot;

/// At most one hit in this time is recorded, which limits writes on a busy server.
const NOTED_EVERY: Duration = Duration::from_secs(60);

impl CacheLayout {
    /// Records that the model in the writable tier is being used, by setting its receipt's time to now;
    /// at most once a minute. Does nothing for a model without a receipt, which another program put
    /// there, or if the receipt cannot be written: a hit must not fail because of this.
    pub fn note_use(&self, slot: &Slot) {
        if let Err(error) = note(slot, SystemTime::now()) {
            tracing::debug!(entry = %url_parse::shown(slot.entry()), %error, "cannot note the use of a model");
        }
    }

    /// When the model in the writable tier was last [used](Self::note_use), downloaded, or changed in
    /// its folder; `None` if it is not there.
    pub fn last_use(&self, slot: &Slot) -> Option<SystemTime> {
        let entry = slot.entry_place().look_if_any()?.modified;
        let receipt = slot.receipt_file().look_if_any().and_then(|found| found.modified);
        entry.max(receipt)
    }
}

fn note(slot: &Slot, now: SystemTime) -> io::Result<()> {
    let receipt = slot.receipt_file();
    let modified = receipt.look()?.modified;
    // A time in the future is wrong and is corrected.
    let is_fresh = modified.is_some_and(|last| now.duration_since(last).is_ok_and(|age| age < NOTED_EVERY));
    if is_fresh { Ok(()) } else { receipt.touch() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Receipt;
    use crate::staging::Purpose;
    use crate::testing;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A cache with a model that was downloaded an hour ago.
    fn published(folder: &tempfile::TempDir) -> (CacheLayout, Slot, SystemTime) {
        let (layout, slot) = testing::cache(folder);
        let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
        testing::fill(run.tree(), "weights");
        run.write_receipt(&Receipt::new("ab".repeat(20).parse().unwrap(), [7; 32])).unwrap();
        run.publish(&testing::inspect).unwrap();
        let then = SystemTime::now() - HOUR;
        testing::date(slot.entry(), then);
        testing::date(slot.receipt_file().path(), then);
        (layout, slot, then)
    }

    #[test]
    fn a_use_is_recorded_outside_the_model() {
        let folder = testing::folder();
        let (layout, slot, then) = published(&folder);
        let before = testing::listing(folder.path());
        assert_eq!(layout.last_use(&slot), Some(then));
        layout.note_use(&slot);
        assert!(layout.last_use(&slot).unwrap() > then + HOUR / 2);
        assert_eq!(slot.entry_place().look().unwrap().modified, Some(then));
        assert_eq!(testing::listing(folder.path()), before);
    }

    #[test]
    fn uses_within_a_minute_are_recorded_once() {
        let folder = testing::folder();
        let (layout, slot, _) = published(&folder);
        let (recently, earlier) = (NOTED_EVERY / 2, NOTED_EVERY * 2);
        for (ago, is_noted) in [(recently, false), (earlier, true)] {
            let then = SystemTime::now() - ago;
            testing::date(slot.receipt_file().path(), then);
            layout.note_use(&slot);
            assert_eq!(layout.last_use(&slot) != Some(then), is_noted, "{ago:?}");
        }
    }

    #[test]
    fn a_time_in_the_future_is_corrected() {
        let folder = testing::folder();
        let (layout, slot, _) = published(&folder);
        testing::date(slot.receipt_file().path(), SystemTime::now() + HOUR);
        layout.note_use(&slot);
        assert!(layout.last_use(&slot).unwrap() < SystemTime::now() + HOUR / 2);
    }

    #[test]
    fn another_programs_model_has_the_time_of_its_folder() {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        assert_eq!(layout.last_use(&slot), None);
        testing::fill(slot.entry(), "weights");
        let then = SystemTime::now() - HOUR;
        testing::date(slot.entry(), then);
        let before = testing::listing(folder.path());
        layout.note_use(&slot);
        assert_eq!(layout.last_use(&slot), Some(then));
        assert_eq!(testing::listing(folder.path()), before);
    }
}
