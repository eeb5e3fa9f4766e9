//! The whole product over a real hub on loopback, as an application uses it: through the facade.

#![expect(clippy::unwrap_used, reason = "a test's failure is a panic")]

mod download;
mod oracle;
mod world;
