//! Maintaining the cache.

mod awaited;
mod listing;
mod removing;
mod repairing;
mod verifying;
