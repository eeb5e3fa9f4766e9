//! The program, killed and mistreated: what it publishes is right or is not there, and what it had is not lost.

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
