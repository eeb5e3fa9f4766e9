//! The cache as a thing to look after.

mod awaited;
mod listing;
mod removing;
mod repairing;
mod verifying;
