//! A builder's settings for stores.

use weight_store::{StoreSettings, StoreUrl};

use crate::fill::FillConfig;
use crate::store_mode::StoreMode;

/// The stores that a downloader asks, and what it asks them for.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreConfig {
    pub(crate) urls: Vec<StoreUrl>,
    pub(crate) mode: StoreMode,
    pub(crate) settings: StoreSettings,
    /// Overrides the settings.
    pub(crate) writes_in_place: Option<bool>,
    pub(crate) fill: FillConfig,
}
