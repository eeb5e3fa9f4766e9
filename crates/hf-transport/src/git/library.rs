//! Process-wide initialization of libgit2: the only `unsafe` code of this crate.

#![expect(
    unsafe_code,
    reason = "libgit2's process-wide settings are not synchronised, and git2 says so by `unsafe`"
)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use git2::ConfigLevel;
// A dependency only for its feature: zlib is compiled and linked with libgit2.
use libz_sys as _;
use net::{ForeignError, Secrets};

use crate::Error;

/// The window size for reading packs; mapped memory counts as the process's.
const WINDOW: usize = 4 << 20;
/// How much of packs is mapped at once.
const MAPPED: usize = 16 << 20;
/// The limit on small trees and commits that are cached unpacked.
const CACHE: isize = 8 << 20;

static KEEP_CONFIGURATION: AtomicBool = AtomicBool::new(false);
static PREPARED: OnceLock<Result<(), ForeignError>> = OnceLock::new();

/// Leaves libgit2's process-wide configuration unchanged: its search paths for configuration files, its
/// check of repository ownership, and its cache limits.
///
/// Call this before the process's first fetch in an application that sets these itself. A malformed git
/// configuration on the machine, or scratch space on a file system that reports another owner, can then
/// make a fetch fail, but not redirect it.
pub fn keep_libgit2_configuration() {
    KEEP_CONFIGURATION.store(true, Ordering::SeqCst);
}

/// Initializes libgit2 for this process, once; cheap afterwards.
pub(super) fn prepare() -> Result<(), Error> {
    let fit = |error| ForeignError::of(&error, &Secrets::default());
    let prepared = PREPARED.get_or_init(|| prepare_once().map_err(fit));
    prepared.clone().map_err(|source| Error::GitSetup { source })
}

fn prepare_once() -> Result<(), git2::Error> {
    if !KEEP_CONFIGURATION.load(Ordering::SeqCst) {
        isolate()?;
        bound()?;
    }
    Ok(())
}

/// Makes libgit2 ignore the machine's configuration.
fn isolate() -> Result<(), git2::Error> {
    for level in [ConfigLevel::ProgramData, ConfigLevel::System, ConfigLevel::XDG, ConfigLevel::Global] {
        // SAFETY: setting a search path races with reading it. This crate uses libgit2 only after
        // `prepare`, which `OnceLock` serializes, has returned; the documentation of `GitMetadata`
        // warns applications that use libgit2 themselves.
        unsafe { git2::opts::set_search_path(level, "")? };
    }
    // Only repositories just created here are opened. On network file systems and mounts that report
    // another owner libgit2 would refuse them, and no configuration is left to permit it.
    // SAFETY: as above.
    unsafe { git2::opts::set_verify_owner_validation(false) }
}

/// Limits libgit2's cache memory.
fn bound() -> Result<(), git2::Error> {
    // SAFETY: setting these values races with reading them; as above.
    unsafe {
        git2::opts::set_mwindow_size(WINDOW)?;
        git2::opts::set_mwindow_mapped_limit(MAPPED)?;
        git2::opts::set_cache_max_size(CACHE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_of_the_machine_is_looked_for_and_memory_is_bounded() {
        prepare().unwrap();
        prepare().unwrap();
        for level in [ConfigLevel::ProgramData, ConfigLevel::System, ConfigLevel::XDG, ConfigLevel::Global] {
            // SAFETY: no other test of this process sets search paths.
            let path = unsafe { git2::opts::get_search_path(level) }.unwrap();
            assert!(path.is_empty(), "{level:?}: {path:?}");
        }
        // SAFETY: no other test of this process sets limits.
        let mapped = unsafe { git2::opts::get_mwindow_mapped_limit() };
        assert_eq!(mapped, Ok(MAPPED));
        assert!(git2::Config::open_default().unwrap().entries(None).unwrap().next().is_none());
    }
}
