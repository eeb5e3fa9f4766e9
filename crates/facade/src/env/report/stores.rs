//! The stores.

use super::setting::{Setting, Severity, by};
use crate::env::values::{Lookup, store_mode, stores, switch};
use crate::env::variables::{MLC_WEIGHTS_STORE, MLC_WEIGHTS_STORE_FILL, MLC_WEIGHTS_STORE_MODE};
use crate::store_mode::StoreMode;

/// One setting per store, or one that says that there are none, and the mode.
pub(super) fn settings(lookup: Lookup<'_>) -> Vec<Setting> {
    let setting = |value| Setting::new("store", value, by(&[MLC_WEIGHTS_STORE], lookup));
    let (mut settings, has_stores) = match stores(lookup) {
        Ok(stores) if stores.is_empty() => (vec![setting(None)], false),
        Ok(stores) => {
            let one = |store: &weight_store::StoreUrl| {
                let setting = setting(Some(store.to_string()));
                match store.folder() {
                    Some(folder) if !folder.is_dir() => setting.with(
                        Severity::Warning,
                        "is not a folder, or is not mounted: models come from the hub",
                    ),
                    _ => setting,
                }
            };
            (stores.iter().map(one).collect(), true)
        }
        Err(error) => (vec![setting(None).with_error(&error)], true),
    };
    let mode = |value| Setting::of_variable("store_mode", MLC_WEIGHTS_STORE_MODE, lookup, value);
    settings.push(match store_mode(lookup) {
        Ok(asked) if asked != StoreMode::First && !has_stores => mode(Some(asked.to_string()))
            .with(Severity::Warning, format!("has no effect, since {MLC_WEIGHTS_STORE} names no store")),
        Ok(asked) => mode(Some(asked.to_string())),
        Err(error) => mode(None).with_error(&error),
    });
    let fill = switch(lookup, MLC_WEIGHTS_STORE_FILL);
    let setting = |value| Setting::of_variable("store_fill", MLC_WEIGHTS_STORE_FILL, lookup, value);
    settings.push(match fill {
        Err(error) => setting(None).with_error(&error),
        Ok(true) if !has_stores => setting(Some("on".to_owned()))
            .with(Severity::Warning, format!("has no effect, since {MLC_WEIGHTS_STORE} names no store")),
        Ok(fill) => setting(Some(if fill { "on" } else { "off" }.to_owned())),
    });
    settings
}
