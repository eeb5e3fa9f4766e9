//! The stores that the command line names.

use facade::errors::StoreError;
use facade::stores::StoreUrl;
use facade::{Downloader, DownloaderBuilder};

use crate::exit::Failure;

/// A downloader with this store, else with those of the environment.
pub(super) fn downloader(url: Option<&str>, no_move: bool) -> Result<Downloader, Failure> {
    let mut builder = DownloaderBuilder::from_env()?;
    if let Some(url) = url {
        builder = builder.stores([address(url)?]);
    }
    if no_move {
        builder = builder.store_writes_in_place(true);
    }
    Ok(builder.build()?)
}

/// A store. The parser of arguments would repeat a password in an address that is none.
pub(super) fn address(url: &str) -> Result<StoreUrl, Failure> {
    let url: Result<StoreUrl, StoreError> = url.parse();
    Ok(url.map_err(facade::Error::from)?)
}
