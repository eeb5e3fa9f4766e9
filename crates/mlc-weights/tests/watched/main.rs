//! Kills the program at random moments while a watcher keeps reading the visible directory.
//!
//! `cargo xtask crash` does the same for longer.

#![cfg(unix)]

mod crash;
mod life;
mod tree;
mod watcher;

use std::ffi::OsString;
use std::path::Path;

use crash::Crash;

/// The number of kills, unless `MLC_WEIGHTS_CRASH_ROUNDS` says otherwise.
const ROUNDS: usize = 24;

#[test]
fn a_reader_sees_the_old_model_or_the_whole_new_one() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let rounds = number("MLC_WEIGHTS_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let program = setting("MLC_WEIGHTS_CRASH_PROGRAM");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_mlc-weights").into());
    let seed = number("MLC_WEIGHTS_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let crash = Crash { program: Path::new(&program), folder: folder.path(), seed };
    println!("killing mlc-weights {rounds} times, seed {seed}");
    let tally = crash.run(rounds, |tally| {
        if tally.total_kills().is_multiple_of(20) {
            println!("  {} kills, {} models", tally.total_kills(), tally.models);
        }
    });
    let tally = tally.unwrap();
    println!("{tally:?}");
    assert_eq!(tally.total_kills(), rounds);
}

/// A setting passed by `cargo xtask crash`.
#[expect(clippy::disallowed_methods, reason = "a test's own settings")]
fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    setting(name)?.into_string().ok()?.parse().ok()
}
