//! Fuzz targets for every parser of foreign bytes.
//!
//! Each target passes arbitrary bytes to a parser, and panics if the result breaks a promise. They are
//! plain functions: `cargo test -p fuzz` replays the corpus through them, and `cargo xtask fuzz` lets
//! libFuzzer look for new inputs.

mod names;
mod packs;
mod targets;

pub use targets::{TARGETS, Target, of_name};
