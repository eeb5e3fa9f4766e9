use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use super::*;
use crate::content::ContentName;
use crate::error::Error;
use crate::publish::Published;
use crate::{PruneMode, Run, testing};

fn content() -> ContentName {
    ContentName::sha256([1; 32])
}

/// A run whose tree shares a file with its pool, which works on one mount only.
fn ready(layout: &CacheLayout, slot: &Slot, purpose: Purpose, weights: &str) -> Run {
    let run = layout.begin_run(slot, purpose).unwrap();
    fs::write(run.pool_path(&content()), weights).unwrap();
    run.place(&content(), &"weights".parse().unwrap()).unwrap();
    testing::write(&run.tree().join("config"), "{}");
    assert_eq!(Mount::of(run.tree()), Mount::of(slot.entry()), "{}", run.tree().display());
    let links = std::os::unix::fs::MetadataExt::nlink(&fs::metadata(run.tree().join("weights")).unwrap());
    assert_eq!(links, 2, "linked, not copied");
    run
}

/// Publishes, replaces and repairs a model, each in one step and without leaving anything behind.
#[track_caller]
fn check_publishing(layout: &CacheLayout, slot: &Slot) {
    let publish = |purpose, weights| {
        let published = ready(layout, slot, purpose, weights).publish(&testing::inspect).unwrap();
        assert_eq!(published, Published::Ours(slot.entry().into()));
        assert_eq!(fs::read_to_string(slot.entry().join("weights")).unwrap(), weights);
    };
    publish(Purpose::Fresh, "new");
    publish(Purpose::Redo, "newer");
    fs::remove_file(slot.entry().join("config")).unwrap();
    publish(Purpose::Fresh, "repaired");
    assert!(!Staging::of(slot).folder().exists());
}

/// Checks where the staging folder is if a folder above the entry is a link into `elsewhere`.
#[track_caller]
fn check_link(link: &str, expected: &str) {
    let folder = testing::folder();
    let Some(elsewhere) = testing::other_device(&folder) else { return };
    let (layout, slot) = testing::cache(&folder);
    let link = layout.weights().join(link);
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    fs::create_dir(elsewhere.path().join("target")).unwrap();
    symlink(elsewhere.path().join("target"), link).unwrap();

    let expected = elsewhere.path().join(expected).join("staging/user+repo");
    assert_eq!(*Staging::of(&slot).folder(), expected);
    check_publishing(&layout, &slot);
    assert_eq!(*Staging::of(&slot).folder(), expected, "also when there are folders below the link");

    // A prune finds what is left there.
    ready(&layout, &slot, Purpose::Fresh, "new").publish(&testing::inspect).unwrap();
    drop(ready(&layout, &slot, Purpose::Redo, "newer"));
    let pruned = layout.prune(std::time::Duration::ZERO, PruneMode::Remove);
    assert_eq!(pruned.slots.len(), 1, "{pruned:?}");
    assert!(!expected.exists());
}

#[test]
fn a_link_to_another_device_is_staged_beside_its_target() {
    check_link("hf", ".mlc-weights");
    check_link("hf/user", ".mlc-weights");
}

#[test]
fn a_private_folder_on_another_device_is_not_used_for_staging() {
    let folder = testing::folder();
    let Some(elsewhere) = testing::other_device(&folder) else { return };
    let (layout, slot) = testing::cache(&folder);
    fs::create_dir_all(layout.weights().join("hf")).unwrap();
    symlink(elsewhere.path(), layout.private()).unwrap();
    assert_eq!(*Staging::of(&slot).folder(), layout.weights().join("hf/.mlc-weights/staging/user+repo"));
    check_publishing(&layout, &slot);
}

/// Runs a test of this program with `home` in its working folder mounted by shell commands, invisible
/// to other processes.
#[track_caller]
fn run_mounted(mount: &str, test: &str) {
    let folder = testing::folder();
    let script = format!("set -e; {mount}; exec \"$0\" --exact \"$1\" --ignored --nocapture");
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("staging::place::tests::{test}"))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return println!("skipped: no `unshare`: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("running 1 test") {
        let why = String::from_utf8_lossy(&output.stderr);
        return println!("skipped: this user may not mount: {}", why.trim());
    }
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn mounted() -> Option<(CacheLayout, Slot)> {
    let home = std::env::current_dir().unwrap().join("home");
    if !home.join("model_weights").is_dir() {
        println!("skipped: nothing is mounted; another test starts this one");
        return None;
    }
    let layout = CacheLayout::new(crate::CacheConfig::new(home)).unwrap();
    let slot = layout.slot(&"user/repo".parse().unwrap());
    Some((layout, slot))
}

#[test]
#[ignore = "started by other tests, with something mounted"]
fn publishes_where_something_is_mounted() {
    let Some((layout, slot)) = mounted() else { return };
    assert_ne!(Mount::of(slot.entry()), Mount::of(layout.home()));
    check_publishing(&layout, &slot);
}

/// Two mounts of one device look like one file system but are not.
#[test]
fn a_bind_mount_of_the_same_device_is_another_mount() {
    run_mounted(
        "mkdir -p home/model_weights/hf disk; mount --bind disk home/model_weights/hf",
        "publishes_where_something_is_mounted",
    );
}

#[test]
fn a_users_folder_that_is_a_disk_of_its_own() {
    run_mounted(
        "mkdir -p home/model_weights/hf/user; mount -t tmpfs none home/model_weights/hf/user",
        "publishes_where_something_is_mounted",
    );
}

#[test]
#[ignore = "started by another test, with something mounted"]
fn replaces_what_is_in_a_lower_layer_or_says_why_not() {
    let Some((layout, slot)) = mounted() else { return };
    let before = testing::listing(&layout.weights().join("hf"));
    for purpose in [Purpose::Redo, Purpose::Fresh] {
        match ready(&layout, &slot, purpose, "new").publish(&testing::inspect) {
            Ok(published) => assert_eq!(published, Published::Ours(slot.entry().into())),
            Err(error) => {
                assert!(matches!(error, Error::EntryIsFixed { .. }), "{error}");
                assert_eq!(testing::listing(&layout.weights().join("hf")), before);
            }
        }
    }
    // A new model beside it causes no problem.
    check_publishing(&layout, &layout.slot(&"user/other".parse().unwrap()));
}

/// A model that is part of a container image.
#[test]
fn an_entry_in_a_lower_layer() {
    // An upper layer must not be on an overlay itself, so it is in memory.
    run_mounted(
        "mkdir -p disk home; mount -t tmpfs none disk; \
         mkdir -p disk/upper disk/work disk/lower/model_weights/hf/user/repo; \
         echo old > disk/lower/model_weights/hf/user/repo/weights; \
         mount -t overlay -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work none home",
        "replaces_what_is_in_a_lower_layer_or_says_why_not",
    );
}
