//! The local hub, tested with a plain HTTP client over a bare socket and with the real git.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod audit;
mod cheap_host;
mod client;
mod data_host;
mod faults;
mod fixtures;
mod git;
mod git_host;
mod life;
mod refusals;
mod resolve;
mod tls;
mod trouble;
