//! Which folders a rename can connect.

use std::path::Path;

/// A mounted file system. Between two of them nothing is renamed and no hard link is made, not even when
/// both show the same device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    device: u64,
    /// Zero where the system does not number its mounts.
    number: u64,
}

impl Mount {
    /// Where `path`, or else the nearest folder above it, is mounted. Nothing where that cannot be told.
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
    // Kernels before 5.8 do not know.
    found
        .ok()
        .filter(|found| found.stx_mask & StatxFlags::MNT_ID.bits() != 0)
        .map_or(0, |found| found.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn number(_: &Path) -> u64 {
    0
}
