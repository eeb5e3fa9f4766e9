use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::testing;

const BOTH: [How; 2] = [How::AtOnce, How::Stepwise];

fn open(path: &Path, how: How) -> Dir {
    Dir::open_path(path, how).unwrap()
}

#[test]
fn no_link_is_followed_wherever_it_leads() {
    for how in BOTH {
        let folder = testing::folder();
        let root = folder.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        symlink("b", root.join("a/inside")).unwrap();
        symlink(root, root.join("a/outside")).unwrap();
        symlink("nowhere", root.join("a/dangling")).unwrap();
        let dir = open(root, how);
        assert!(dir.below(Path::new("a/b")).is_ok());
        for link in ["a/inside", "a/outside", "a/dangling", "a/outside/a", "a/inside/x"] {
            let error = dir.below(Path::new(link)).unwrap_err();
            assert!(is_link_refusal(&error), "{how:?} {link}: {error}");
        }
        assert!(dir.below(Path::new("a/..")).is_err(), "{how:?}");
        let error = dir.below(Path::new("a/none")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        testing::write(&root.join("file"), "");
        assert_eq!(dir.below(Path::new("file")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }
}

#[test]
fn only_plain_files_are_opened_without_blocking() {
    let folder = testing::folder();
    testing::write(&folder.path().join("file"), "text");
    symlink("file", folder.path().join("link")).unwrap();
    symlink("/dev/zero", folder.path().join("zeros")).unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let dir = open(folder.path(), How::AtOnce);
    assert!(dir.open("file".as_ref(), Access::Read).is_ok());
    for access in [Access::Read, Access::Write, Access::Create] {
        for name in ["link", "zeros", "fifo", "."] {
            assert!(dir.open(name.as_ref(), access).is_err(), "{name} {access:?}");
        }
    }
}

/// Deleting removes links, but not their targets.
#[test]
fn targets_of_links_are_not_deleted() {
    for how in BOTH {
        let folder = testing::folder();
        let (tree, precious) = (folder.path().join("tree"), folder.path().join("precious"));
        testing::write(&precious.join("sub/file"), "kept");
        testing::write(&tree.join("a/b/file"), "");
        symlink(&precious, tree.join("a/link")).unwrap();
        symlink(precious.join("sub/file"), tree.join("a/b/link")).unwrap();
        let before = testing::listing(&precious);
        open(folder.path(), how).remove_all("tree".as_ref()).unwrap();
        assert!(!tree.exists());
        assert_eq!(testing::listing(&precious), before);
    }
}

#[test]
fn endless_nesting_is_an_error() {
    let folder = testing::folder();
    let deep = "d/".repeat(MAX_DEPTH + 1);
    fs::create_dir_all(folder.path().join(&deep).join("d")).unwrap();
    let dir = open(folder.path(), How::AtOnce);
    let error = dir.remove_all("d".as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "folders are nested too deeply");
    fs::remove_dir(folder.path().join(deep).join("d")).unwrap();
    dir.remove_all("d".as_ref()).unwrap();
}

/// Sets the flag even if an assertion fails.
#[cfg(target_os = "linux")]
struct Over<'a>(&'a AtomicBool);

#[cfg(target_os = "linux")]
impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Another process keeps exchanging a folder for a link while the folder is deleted and filled again.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_replaced_by_a_link_at_any_moment_does_not_affect_the_target() {
    const ROUNDS: usize = 2000;
    for how in BOTH {
        let folder = testing::folder();
        let root = folder.path();
        let precious = root.join("precious");
        testing::write(&precious.join("old/file"), "kept");
        testing::write(&root.join("work/mine/x"), "");
        symlink(&precious, root.join("link")).unwrap();
        let before = testing::listing(&precious);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let parent = open(root, how);
                while !over.load(Ordering::Relaxed) {
                    let _ = parent.exchange("link".as_ref(), &parent, "work".as_ref());
                }
            });
            let _over = Over(&over);
            let (mut done, mut refused) = (0, 0);
            for _ in 0..ROUNDS {
                match open(root, how).below(Path::new("work")) {
                    Ok(work) => {
                        for name in work.names().unwrap() {
                            work.remove_all(&name).unwrap();
                        }
                        work.create_dir("old".as_ref(), 0o700).unwrap();
                        let old = work.below(Path::new("old")).unwrap();
                        old.open("file".as_ref(), Access::CreateNew).unwrap();
                        done += 1;
                    }
                    Err(error) => {
                        // It may be a folder again by the time the reason is determined.
                        let not_a_folder = error.kind() == io::ErrorKind::NotADirectory;
                        assert!(is_link_refusal(&error) || not_a_folder, "{error}");
                        refused += 1;
                    }
                }
            }
            println!("{how:?}: {done} times a folder, {refused} times a link");
        });
        assert_eq!(testing::listing(&precious), before, "{how:?}");
    }
}
