//! The program is killed, and its files are damaged: what it publishes is right or absent, and no progress
//! is lost.

#![cfg(unix)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers end the test, in preparation or by their verdict, as the test functions themselves may"
)]

mod anything;
mod damage;
mod kills;
mod stage;
mod trial;
