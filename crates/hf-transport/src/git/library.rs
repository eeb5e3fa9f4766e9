//! What has to be done to libgit2 once in a process: the only `unsafe` code of this crate.

#![expect(
    unsafe_code,
    reason = "libgit2's process-wide settings are not synchronised, and git2 says so by `unsafe`"
)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use git2::ConfigLevel;
// Depended on for its feature alone: zlib is compiled and linked with libgit2.
use libz_sys as _;
use net::{ForeignError, Secrets};

use crate::Error;

/// A pack is read through windows of this size; what is mapped counts as the process's memory.
const WINDOW: usize = 4 << 20;
/// So much of packs is mapped at once.
const MAPPED: usize = 16 << 20;
/// Small trees and commits are kept unpacked, up to this sum.
const CACHE: isize = 8 << 20;

static KEEP_CONFIGURATION: AtomicBool = AtomicBool::new(false);
static PREPARED: OnceLock<Result<(), ForeignError>> = OnceLock::new();

/// Leaves libgit2's process-wide configuration as it is: its search paths for configuration files, its check of
/// who owns a repository, and the limits of its caches.
///
/// To be called before the first fetch of the process, by applications that set those themselves. A malformed git
/// configuration of the machine, or scratch space on a file system that shows another owner, can then make a
/// fetch fail; neither can redirect it.
pub fn keep_libgit2_configuration() {
    KEEP_CONFIGURATION.store(true, Ordering::SeqCst);
}

/// Prepares libgit2 for this process, once; cheap afterwards.
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

/// Makes libgit2 read no configuration of the machine.
fn isolate() -> Result<(), git2::Error> {
    for level in [ConfigLevel::ProgramData, ConfigLevel::System, ConfigLevel::XDG, ConfigLevel::Global] {
        // SAFETY: writing a search path races with reading it. This crate uses libgit2 for nothing before `prepare`,
        // which `OnceLock` serialises, has returned; an application that uses libgit2 on its own is told by the
        // documentation of `GitMetadata`.
        unsafe { git2::opts::set_search_path(level, "")? };
    }
    // The only repositories opened here were just made here. On network file systems and mounts that show
    // another owner libgit2 would refuse them, and there is no configuration left that could say otherwise.
    // SAFETY: as above.
    unsafe { git2::opts::set_verify_owner_validation(false) }
}

/// Bounds the memory that libgit2 keeps beside what it is asked for.
fn bound() -> Result<(), git2::Error> {
    // SAFETY: writing these settings races with reading them; as above.
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
