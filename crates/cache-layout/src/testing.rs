//! Helpers for the tests of this crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempDir;

use crate::place::Place;
use crate::{CacheConfig, CacheLayout, Completeness, Durability, Slot};

/// A temporary folder, removed when dropped.
pub(crate) fn folder() -> TempDir {
    #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
    tempfile::tempdir().unwrap()
}

/// A cache in `<folder>/home`, which does not exist yet, and a slot of it.
pub(crate) fn cache(folder: &TempDir) -> (CacheLayout, Slot) {
    let layout = CacheLayout::new(CacheConfig::new(folder.path().join("home"))).unwrap();
    let slot = layout.slot(&"user/repo".parse().unwrap());
    (layout, slot)
}

/// The same cache, without syncing.
pub(crate) fn fast(layout: &CacheLayout) -> CacheLayout {
    let config = CacheConfig { durability: Durability::Fast, ..CacheConfig::new(layout.home()) };
    CacheLayout::new(config).unwrap()
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A model directory is whole when it has `config` and `weights`.
pub(crate) fn inspect(dir: &Path) -> Completeness {
    if !dir.is_dir() {
        return Completeness::Absent;
    }
    let missing: Vec<String> =
        ["config", "weights"].map(Into::into).into_iter().filter(|file| !dir.join(file).is_file()).collect();
    if missing.is_empty() { Completeness::Whole } else { Completeness::Incomplete { missing } }
}

pub(crate) fn fill(dir: &Path, weights: &str) {
    write(&dir.join("config"), "{}");
    write(&dir.join("weights"), weights);
}

/// Every name below `dir` with a file's text, or `dir` or `link`.
pub(crate) fn listing(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    list(dir, dir, &mut found);
    found
}

fn list(root: &Path, dir: &Path, found: &mut BTreeMap<String, String>) {
    let Ok(children) = fs::read_dir(dir) else { return };
    for child in children {
        let path = child.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_symlink() {
            found.insert(name, "link".into());
        } else if kind.is_dir() {
            found.insert(name, "dir".into());
            list(root, &path, found);
        } else {
            found.insert(name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
        }
    }
}

/// Sets the time of a file or folder.
pub(crate) fn date(path: &Path, then: SystemTime) {
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    options.read(true);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;
        // FILE_WRITE_ATTRIBUTES, and FILE_FLAG_BACKUP_SEMANTICS, required to open folders.
        options.access_mode(0x100).custom_flags(0x0200_0000);
    }
    options.open(path).unwrap().set_modified(then).unwrap();
}

/// Makes a run look as if its process had been on another machine.
pub(crate) fn move_elsewhere(run: &Path) {
    write(
        &run.join("process.json"),
        r#"{"boot":"another","namespace":"pid:[1]","pid":1,"began":1,"has_lock":true}"#,
    );
}

/// The permission bits that the umask gives to a new file and a new folder.
#[cfg(unix)]
pub(crate) fn umask_modes(folder: &TempDir) -> (u32, u32) {
    let (file, dir) = (folder.path().join("umask-file"), folder.path().join("umask-dir"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&dir).unwrap();
    (mode(&file), mode(&dir))
}

#[cfg(unix)]
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Removes all permissions from a folder until the value is dropped. `None`, with a message, if the
/// user who runs the tests ignores permissions.
#[cfg(unix)]
pub(crate) fn without_permission(dir: &Path) -> Option<Forbidden> {
    set_mode(dir, 0);
    let forbidden = Forbidden(dir.to_path_buf());
    means_something(fs::read_dir(dir).is_err()).then_some(forbidden)
}

/// The same for write permission only.
#[cfg(unix)]
pub(crate) fn unwritable(dir: &Path) -> Option<Forbidden> {
    set_mode(dir, 0o555);
    let forbidden = Forbidden(dir.to_path_buf());
    means_something(tempfile::tempfile_in(dir).is_err()).then_some(forbidden)
}

#[cfg(unix)]
fn means_something(refused: bool) -> bool {
    if !refused {
        println!("not for root: permissions mean nothing to it");
    }
    refused
}

#[cfg(unix)]
pub(crate) struct Forbidden(PathBuf);

#[cfg(unix)]
impl Drop for Forbidden {
    fn drop(&mut self) {
        set_mode(&self.0, 0o755);
    }
}

/// Makes everything below `dir` read-only, or writable again.
#[cfg(unix)]
pub(crate) fn read_only(dir: &Path, read_only: bool) {
    set_mode(dir, if read_only { 0o555 } else { 0o755 });
    for child in fs::read_dir(dir).unwrap() {
        let path = child.unwrap().path();
        if path.is_dir() {
            self::read_only(&path, read_only);
        } else {
            set_mode(&path, if read_only { 0o444 } else { 0o644 });
        }
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder on another file system than `folder`. Prints a message and returns `None` if this machine has
/// only one file system.
#[cfg(target_os = "linux")]
pub(crate) fn other_device(folder: &TempDir) -> Option<TempDir> {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
    let other = tempfile::tempdir_in("/dev/shm").ok();
    let other = other.filter(|other| device(other.path()) != device(folder.path()));
    if other.is_none() {
        println!("skipped: no second file system at /dev/shm");
    }
    other
}

/// A place whose path is followed as given.
pub(crate) fn place(path: &Path) -> Place {
    Place::anchored(path.parent().unwrap()).join(path.file_name().unwrap())
}

impl PartialEq<PathBuf> for Place {
    fn eq(&self, path: &PathBuf) -> bool {
        self.path() == path
    }
}
