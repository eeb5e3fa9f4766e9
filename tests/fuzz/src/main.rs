//! The target that `FUZZ_TARGET` names, as a libFuzzer program.
#![no_main]

use std::sync::OnceLock;

use fuzz::Target;

/// The variable with the target's name.
const VARIABLE: &str = "FUZZ_TARGET";

#[expect(clippy::panic, reason = "nothing can be fuzzed without a target")]
fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&'static Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var(VARIABLE).unwrap_or_default();
        fuzz::of_name(&name).unwrap_or_else(|| panic!("{VARIABLE}={name:?} names no target"))
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| (chosen().run)(data));
