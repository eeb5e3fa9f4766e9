//! Space on the disk.

use std::io;
use std::path::Path;

use url_parse::DiskError;

use super::folders::folder_of;
use super::request::FileRequest;
use crate::Error;

/// Creates the folders of all parts, and checks that each file system has space for what is still to be
/// written. If the system does not report free space, everything fits.
pub(super) fn prepare(files: &[FileRequest]) -> Result<(), Error> {
    let mut systems: Vec<FileSystem<'_>> = Vec::new();
    let mut known_folder = None;
    for file in files {
        let Some(folder) = folder_of(&file.part) else { continue };
        if known_folder.is_none_or(|(known, _)| known != folder) {
            std::fs::create_dir_all(folder).map_err(|source| DiskError::new("create", folder, source))?;
            known_folder = Some((folder, device(folder)));
        }
        let Some((_, Some(device))) = known_folder else { continue };
        match systems.iter_mut().find(|system| system.device == device) {
            Some(system) => system.needed = system.needed.saturating_add(missing(file)),
            None => systems.push(FileSystem { device, folder, needed: missing(file) }),
        }
    }
    systems.iter().try_for_each(FileSystem::check)
}

/// The space that a file will need beyond what its part uses already.
fn missing(file: &FileRequest) -> u64 {
    file.expected.size.saturating_sub(room(&file.part))
}

#[cfg(unix)]
fn room(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::symlink_metadata(path).map_or(0, |found| found.blocks().saturating_mul(512))
}

#[cfg(not(unix))]
fn room(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |found| found.len())
}

struct FileSystem<'a> {
    device: u64,
    folder: &'a Path,
    needed: u64,
}

impl FileSystem<'_> {
    fn check(&self) -> Result<(), Error> {
        match free_bytes(self.folder) {
            Some(free) if free < self.needed => Err(Error::NoSpace {
                needed: self.needed,
                free: Some(free),
                path: self.folder.to_owned(),
                source: None,
            }),
            _ => Ok(()),
        }
    }
}

/// The error for a failed operation on a local file; recognizes a full disk. `needed` is what is still
/// to be written.
pub(super) fn disk_error(action: &'static str, path: &Path, source: io::Error, needed: u64) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let folder = folder_of(path).unwrap_or(path);
            let (free, path) = (free_bytes(folder), folder.to_owned());
            Error::NoSpace { needed, free, path, source: Some(source) }
        }
        _ => DiskError::new(action, path, source).into(),
    }
}

#[cfg(unix)]
fn device(folder: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(folder).ok().map(|found| found.dev())
}

#[cfg(not(unix))]
fn device(_folder: &Path) -> Option<u64> {
    None
}

/// The free bytes for this user on a folder's file system, if the system reports them.
#[cfg(unix)]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    // Some network file systems report 0 of 0.
    (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize))
}

/// The free bytes on a folder's file system: this system does not report them.
#[cfg(not(unix))]
pub fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use url_parse::ErrorKind;

    #[test]
    fn bytes_already_there_need_no_space() {
        let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
        let part = folder.path().join("a.part");
        let expected = crate::Expected { size: 100_000, md5: None, sha256: None };
        let destination = folder.path().join("a");
        let file = FileRequest { path: "a".parse().unwrap(), expected, part: part.clone(), destination };
        assert_eq!(missing(&file), 100_000);
        std::fs::write(&part, vec![1; 65_536]).unwrap();
        assert!(missing(&file) <= 100_000 - 65_536);
        std::fs::write(&part, vec![1; 200_000]).unwrap();
        assert_eq!(missing(&file), 0);
    }

    #[test]
    fn a_full_disk_is_distinguished() {
        let path = Path::new("/no/such/folder/a.part");
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = disk_error("write to", path, kind.into(), 7);
            assert_eq!(error.kind(), ErrorKind::NoSpace);
            assert_eq!(error.to_string(), "not enough space at /no/such/folder: 7 B needed, too little free");
            assert!(error.source().is_some());
        }
        let error = disk_error("write to", path, io::ErrorKind::PermissionDenied.into(), 7);
        assert_eq!(error.kind(), ErrorKind::Disk);
        assert_eq!(error.to_string(), "cannot write to /no/such/folder/a.part");
    }
}
