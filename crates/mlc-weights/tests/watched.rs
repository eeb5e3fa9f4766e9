//! The program, killed at random moments while somebody reads the visible directory all the time.
//!
//! `cargo xtask crash` does the same for longer.

#![cfg(unix)]

use std::path::Path;

use local_hub::Crash;

#[test]
fn a_reader_sees_the_old_model_or_the_whole_new_one() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let crash = Crash::new(Path::new(env!("CARGO_BIN_EXE_mlc-weights")), folder.path());
    println!("seed {}", crash.seed());
    let tally = crash.run(24, |_| {}).unwrap();
    println!("{tally:?}");
    assert_eq!(tally.all_kills(), 24);
}
