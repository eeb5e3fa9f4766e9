use std::fs;

use tempfile::TempDir;

use super::*;
use crate::testing;

fn two_folders(folder: &TempDir) -> (Place, Place) {
    let folder = Place::anchored(folder.path());
    let (one, other) = (folder.join("one"), folder.join("other"));
    testing::write(&one.join("1"), "");
    testing::write(&other.join("2"), "");
    (one, other)
}

#[test]
fn a_rename_replaces_nothing() {
    for rename in [|from: &Place, to: &Place| RealOps.rename_new(from, to), rename_checked] {
        let folder = testing::folder();
        let (one, other) = two_folders(&folder);
        let before = testing::listing(folder.path());
        assert_eq!(rename(&one, &other).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let empty = testing::place(&folder.path().join("empty"));
        fs::create_dir(&empty).unwrap();
        assert_eq!(rename(&one, &empty).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::remove_dir(&empty).unwrap();
        assert_eq!(testing::listing(folder.path()), before);

        rename(&one, &empty).unwrap();
        assert!(empty.join("1").exists() && !one.exists());
        assert_eq!(rename(&one, &one).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

#[test]
fn two_folders_are_exchanged_or_nothing_happens() {
    let folder = testing::folder();
    let (one, other) = two_folders(&folder);
    match RealOps.exchange(&one, &other) {
        Ok(()) => assert!(one.join("2").exists() && other.join("1").exists()),
        Err(e) => {
            println!("skipped: this file system exchanges no folders");
            assert_eq!(e.kind(), io::ErrorKind::Unsupported);
            assert!(one.join("1").exists() && other.join("2").exists());
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn across_file_systems_nothing_is_renamed() {
    let folder = testing::folder();
    let Some(elsewhere) = testing::other_device(&folder) else { return };
    let (one, other) = two_folders(&folder);
    let to = testing::place(&elsewhere.path().join("to"));
    assert_eq!(RealOps.rename_new(&one, &to).unwrap_err().kind(), io::ErrorKind::CrossesDevices);
    fs::create_dir(&to).unwrap();
    assert_eq!(RealOps.exchange(&other, &to).unwrap_err().kind(), io::ErrorKind::CrossesDevices);
}

#[test]
fn files_and_folders_can_be_synced() {
    let folder = testing::folder();
    let file = testing::place(&folder.path().join("file"));
    testing::write(&file, "text");
    RealOps.sync_file(&file).unwrap();
    RealOps.sync_dir(&Place::anchored(folder.path())).unwrap();
    assert!(RealOps.sync_file(&file.beside("absent")).is_err());
}

#[test]
fn a_new_file_replaces_nothing() {
    let folder = testing::folder();
    let file = testing::place(&folder.path().join("file"));
    RealOps.write_new(&file, b"text").unwrap();
    assert_eq!(RealOps.write_new(&file, b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
}
