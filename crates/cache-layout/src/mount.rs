//! Between which folders files can be renamed.

use std::path::Path;

/// A mounted file system. Renames and hard links do not work between two of them, even if both show the
/// same device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    device: u64,
    /// Zero if the system does not number its mounts.
    number: u64,
}

impl Mount {
    /// The mount of `path`, or of the nearest existing folder above it. `None` if unknown.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let nearest = path.ancestors().find(|path| path.is_dir())?;
        Some(Self { device: device(nearest)?, number: number(nearest) })
    }
}

#[cfg(unix)]
fn device(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|found| found.dev())
}

#[cfg(not(unix))]
fn device(_: &Path) -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn number(path: &Path) -> u64 {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID);
    // Unavailable before Linux 5.8.
    found
        .ok()
        .filter(|found| found.stx_mask & StatxFlags::MNT_ID.bits() != 0)
        .map_or(0, |found| found.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn number(_: &Path) -> u64 {
    0
}
