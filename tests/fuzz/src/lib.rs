//! Fuzz targets for every parser of foreign bytes.
//!
//! Each target takes any bytes, hands them to a parser, and panics where what comes out breaks a promise. They are
//! plain functions: `cargo test -p fuzz` replays the corpus through them, and `cargo xtask fuzz` lets libFuzzer look
//! for new inputs.

mod names;
mod packs;
mod targets;

pub use targets::{TARGETS, Target, of_name};
