//! The whole product against a real hub on loopback, used like an application: through the facade.

#![expect(clippy::unwrap_used, reason = "a test's failure is a panic")]

mod bad_bytes;
mod bad_input;
mod blocking;
mod cache;
mod cancelling;
mod concurrency;
mod disks;
mod donors;
mod download;
mod events;
mod examples;
mod fill;
mod hubs;
mod interruption;
mod lfs_batch;
mod manifests;
mod mirrors;
mod numbers;
mod one_commit;
mod one_http;
mod oracle;
mod other_tool;
mod own_files;
mod processes;
mod proofs;
mod pruning;
mod rate_limits;
mod repair;
mod revisions;
mod slots;
mod store_faults;
mod store_keeping;
mod store_objects;
mod store_pushers;
mod store_pushes;
mod stores;
mod tiers;
mod world;
