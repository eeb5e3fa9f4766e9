//! The real program against a local hub: its streams, exit statuses and messages.

#![expect(clippy::unwrap_used, reason = "a test's failure is a panic")]

mod at_once;
#[cfg(target_os = "linux")]
mod bombs;
mod completions;
mod crawling;
mod disk;
mod dry_run;
#[cfg(target_os = "linux")]
mod durability;
mod endpoints;
mod env;
#[cfg(target_os = "linux")]
mod finishing;
#[cfg(target_os = "linux")]
mod full_disk;
mod help;
mod hits;
mod integrity;
mod interrupts;
mod json;
#[cfg(target_os = "linux")]
mod json_bombs;
mod keep;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod libraries;
mod list;
mod mounts;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(unix)]
mod neighbours;
mod network;
mod observability;
#[cfg(unix)]
mod odd_files;
mod output;
mod policies;
mod progress;
mod refusals;
mod remove;
mod restarts;
mod revisions;
mod schemas;
#[cfg(unix)]
mod screens;
mod secrets;
mod servers;
mod settings;
mod several;
mod slow;
mod store_buckets;
mod store_keeping;
mod stores;
mod terminal;
mod to;
mod tokens;
#[cfg(target_os = "linux")]
mod traced;
mod unprintable;
mod update;
mod urls;
mod usage;
mod verify;
mod world;
