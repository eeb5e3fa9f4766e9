//! Which shared libraries the program needs to start.

use crate::world::World;

/// The C library and its parts, the loader and the stack unwinder, which even images without a shell have.
const ALLOWED: [&str; 8] = [
    "ld-linux",
    "libc.so",
    "libdl.so",
    "libgcc_s.so",
    "libm.so",
    "libpthread.so",
    "librt.so",
    "linux-vdso.so",
];

#[test]
fn no_library_is_needed_that_an_image_may_lack() {
    // With this variable the loader lists what it would load, like `ldd`, and runs nothing.
    let ran = World::new().cli(&[]).env("LD_TRACE_LOADED_OBJECTS", "1").run();
    let text = ran.text();
    assert!(text.contains("libc.so"), "the loader lists nothing: {ran:?}");
    for line in text.lines() {
        let name = line.trim().rsplit_once('/').map_or(line.trim(), |(_, name)| name);
        let is_allowed = ALLOWED.iter().any(|known| name.starts_with(known));
        assert!(is_allowed, "the program needs {line:?}, of all these:\n{text}");
    }
}
