//! Stores in folders, on web servers and in buckets, all real and on this machine.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test's preparation ends the test")]

#[cfg(all(feature = "s3", feature = "gcs", feature = "azure"))]
mod buckets;
mod contract;
mod folders;
mod listing;
#[cfg(all(target_os = "linux", feature = "s3", feature = "gcs", feature = "azure"))]
mod reach;
#[cfg(all(feature = "s3", feature = "gcs", feature = "azure"))]
mod servers;
#[cfg(all(feature = "s3", feature = "gcs", feature = "azure"))]
mod signing;
mod support;
mod web;
