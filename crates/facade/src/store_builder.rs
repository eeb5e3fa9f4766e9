//! Which stores a downloader asks and fills, and how.

use std::time::Duration;

use weight_store::{StoreSettings, StoreUrl};

use crate::builder::DownloaderBuilder;
use crate::fill::LEAST_PATIENCE;
use crate::store_mode::StoreMode;

impl DownloaderBuilder {
    /// Stores that are asked before the hub, in this order: shared places that hold models by content.
    /// Their files are verified like any others. Default: none.
    ///
    /// Files that a store lacks, has with wrong content or cannot deliver come from the hub, except in
    /// [`StoreMode::Only`]. A store with unusable settings is always an error.
    pub fn stores(mut self, stores: impl IntoIterator<Item = StoreUrl>) -> Self {
        self.stores.urls = stores.into_iter().collect();
        self
    }

    /// What stores are asked for, and when the hub is asked. Default: [`StoreMode::First`].
    pub fn store_mode(mut self, mode: StoreMode) -> Self {
        self.stores.mode = mode;
        self
    }

    /// Whether a model from the hub is put into the first store once it is in the cache. Default: no.
    ///
    /// The download neither waits for this nor fails because of it;
    /// [`Downloader::filled`](crate::Downloader::filled) waits. Of several machines that want the same
    /// commit at once, one asks the hub, and the others wait while it makes progress, if the store can
    /// keep two writers apart. A model that needs a token is not put there.
    pub fn fill_store(mut self, is_on: bool) -> Self {
        self.stores.fill.is_on = is_on;
        self
    }

    /// How long the machine that fills the store may make no progress before another one takes over.
    /// Default: 120 s. Less than 100 ms counts as 100 ms. Waiting machines look again after a 60th to a
    /// 12th of this time.
    pub fn fill_patience(mut self, patience: Duration) -> Self {
        self.stores.fill.patience = patience.max(LEAST_PATIENCE);
        self
    }

    /// Settings for opening stores: regions and credentials of buckets. Default: none.
    pub fn store_settings(mut self, settings: StoreSettings) -> Self {
        self.stores.settings = settings;
        self
    }

    /// Whether files in a store on a web server are written directly under their final names, for a
    /// server without `MOVE`. This overrides the [settings](Self::store_settings), in either order of the
    /// two calls. Default: as they say, which is no by default, so that no incomplete file is visible.
    pub fn store_writes_in_place(mut self, writes_in_place: bool) -> Self {
        self.stores.writes_in_place = Some(writes_in_place);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Downloader;

    fn writes_in_place(builder: DownloaderBuilder) -> bool {
        builder.build().unwrap().context.stores.settings.writes_in_place
    }

    #[test]
    fn the_order_of_the_store_settings_does_not_matter() {
        let builder = || Downloader::builder("/home");
        let settings = |is_set| StoreSettings::default().writes_in_place(is_set);
        for is_set in [true, false] {
            let [first, last] = [
                builder().store_writes_in_place(is_set).store_settings(settings(!is_set)),
                builder().store_settings(settings(!is_set)).store_writes_in_place(is_set),
            ];
            assert_eq!((writes_in_place(first), writes_in_place(last)), (is_set, is_set));
            assert_eq!(writes_in_place(builder().store_settings(settings(is_set))), is_set);
        }
    }
}
