use std::collections::BTreeMap;

use tempfile::TempDir;

use super::*;
use crate::config::CacheConfig;
use crate::staging::Purpose;
use crate::testing;
use url_parse::ErrorKind;

/// A cache with the read-only tiers `one` and `two` and a home, none of which exists.
fn tiers(folder: &TempDir) -> (CacheLayout, Slot, [PathBuf; 3]) {
    let mut config = CacheConfig::new(folder.path().join("home"));
    config.read_only = ["one", "two"].map(|tier| folder.path().join(tier)).into();
    let layout = CacheLayout::new(config).unwrap();
    let slot = layout.slot(&"user/repo".parse().unwrap());
    let dirs: Vec<_> = slot.candidates().map(|(_, dir)| dir.to_path_buf()).collect();
    (layout, slot, dirs.try_into().unwrap())
}

/// The state of a model's place.
#[derive(Clone, Copy)]
enum State {
    Nothing,
    Half,
    Whole,
    File,
    Dangling,
    LinkToWhole,
}
use State::{Dangling, File, Half, LinkToWhole, Nothing, Whole};

fn make(state: State, dir: &Path, folder: &TempDir) {
    match state {
        Nothing => {}
        Half => testing::write(&dir.join("config"), "{}"),
        Whole => testing::fill(dir, "w"),
        File => testing::write(dir, "a file"),
        Dangling => link(&folder.path().join("nowhere"), dir),
        LinkToWhole => {
            testing::fill(&folder.path().join("own"), "w");
            link(&folder.path().join("own"), dir);
        }
    }
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, at).unwrap();
}

/// Creating links needs a privilege on Windows; Wine reports success without creating any.
#[cfg(windows)]
fn link(target: &Path, at: &Path) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    let _ = std::os::windows::fs::symlink_dir(target, at);
}

/// `hit` is the index of the tier with the model; `passed_over` the indices of those with something
/// broken.
#[track_caller]
fn check(states: [State; 3], hit: Option<usize>, passed_over: &[usize]) {
    let folder = testing::folder();
    let (layout, slot, dirs) = tiers(&folder);
    for (state, dir) in states.into_iter().zip(&dirs) {
        make(state, dir, &folder);
        if cfg!(windows) && matches!(state, Dangling | LinkToWhole) && !dir.is_symlink() {
            println!("skipped: this user can make no symbolic links");
            return;
        }
    }
    let before: BTreeMap<_, _> = testing::listing(folder.path());

    let lookup = layout.look_up(&slot, &testing::inspect).unwrap();

    let expected = hit.map(|n| Hit { path: dirs[n].clone(), tier: layout.tiers()[n].clone() });
    assert_eq!(lookup.hit, expected);
    let found: Vec<_> = lookup.passed_over.iter().map(|passed| passed.path.clone()).collect();
    assert_eq!(found, passed_over.iter().map(|&n| dirs[n].clone()).collect::<Vec<_>>());
    assert_eq!(lookup.broken_entry().is_some(), passed_over.contains(&2));
    assert_eq!(lookup.looked_in, dirs[..=hit.unwrap_or(2)]);
    assert_eq!(testing::listing(folder.path()), before, "looking changes nothing");
}

#[test]
fn the_first_whole_model_is_the_hit() {
    check([Nothing, Nothing, Nothing], None, &[]);
    check([Nothing, Nothing, Whole], Some(2), &[]);
    check([Nothing, Whole, Whole], Some(1), &[]);
    check([Whole, Half, Half], Some(0), &[]);
    check([LinkToWhole, Nothing, Nothing], Some(0), &[]);
    check([Nothing, Nothing, LinkToWhole], Some(2), &[]);
}

#[test]
fn an_incomplete_model_is_skipped_and_reported() {
    check([Half, Whole, Nothing], Some(1), &[0]);
    check([Half, File, Whole], Some(2), &[0, 1]);
    check([Half, Dangling, Half], None, &[0, 1, 2]);
    check([Nothing, Nothing, File], None, &[2]);
    check([Nothing, Nothing, Dangling], None, &[2]);
}

#[test]
fn a_read_only_tier_that_is_a_file_is_no_model() {
    let folder = testing::folder();
    let (layout, slot, _) = tiers(&folder);
    testing::write(&folder.path().join("one"), "a file");
    assert_eq!(layout.look_up(&slot, &testing::inspect).unwrap().passed_over, []);
}

#[test]
fn a_file_among_the_homes_folders_is_an_error() {
    for depth in 0..4 {
        let folder = testing::folder();
        let (layout, slot, _) = tiers(&folder);
        let below = ["model_weights", "hf", "user"].into_iter().take(depth);
        let file = below.fold(layout.home().to_path_buf(), |path, name| path.join(name));
        testing::write(&file, "");
        let error = layout.look_up(&slot, &testing::inspect).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disk);
        let (file, home) = (file.display(), layout.home().display());
        let expected = format!("{file} is not a directory, so no model can be cached in {home}");
        assert_eq!(error.to_string(), expected);
    }
}

/// A loop of links cannot be read, even by root.
#[cfg(unix)]
#[test]
fn an_unreadable_entry_is_an_error_that_names_it() {
    for tier in [0, 2] {
        let folder = testing::folder();
        let (layout, slot, dirs) = tiers(&folder);
        link(&dirs[tier], &dirs[tier]);
        let error = layout.look_up(&slot, &testing::inspect).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot look at {}", dirs[tier].display()));
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_searched_is_an_error() {
    for tier in [0, 2] {
        let folder = testing::folder();
        let (layout, slot, dirs) = tiers(&folder);
        testing::fill(&dirs[tier], "w");
        let Some(_locked) = testing::without_permission(&dirs[tier]) else { return };
        let error = layout.look_up(&slot, &testing::inspect).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disk);
        assert_eq!(error.to_string(), format!("cannot look at {}", dirs[tier].display()));
    }
}

/// Looking up a whole model must work if nothing is writable.
#[cfg(unix)]
#[test]
fn a_hit_needs_no_writable_home() {
    let folder = testing::folder();
    let (layout, slot, dirs) = tiers(&folder);
    testing::fill(&dirs[2], "w");
    testing::read_only(folder.path(), true);
    let lookup = layout.look_up(&slot, &testing::inspect);
    testing::read_only(folder.path(), false);
    assert!(lookup.unwrap().hit.is_some());
}

#[test]
fn a_lookup_during_publishing_finds_nothing_or_the_model() {
    for _ in 0..100 {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let layout = testing::fast(&layout);
        let publish = || {
            let run = layout.begin_run(&slot, Purpose::Fresh).unwrap();
            testing::fill(run.tree(), "w");
            run.publish(&testing::inspect).unwrap();
        };
        std::thread::scope(|scope| {
            let publisher = scope.spawn(publish);
            while !publisher.is_finished() {
                assert_eq!(layout.look_up(&slot, &testing::inspect).unwrap().passed_over, []);
            }
            publisher.join().unwrap();
        });
        assert!(layout.look_up(&slot, &testing::inspect).unwrap().hit.is_some());
    }
}

#[test]
fn a_report_is_one_sentence() {
    let sentence = |problem| {
        let tier = Tier::ReadOnly("/t".into());
        PassedOver { path: "/t/hf/u/r".into(), tier, problem }.to_string()
    };
    let missing = |files: &[&str]| Problem::Incomplete { missing: files.iter().map(|&f| f.into()).collect() };
    assert_eq!(sentence(Problem::NotADirectory), "/t/hf/u/r is not a directory");
    assert_eq!(sentence(Problem::DanglingLink), "/t/hf/u/r is a symbolic link to nothing");
    assert_eq!(sentence(missing(&[])), "/t/hf/u/r is incomplete");
    assert_eq!(sentence(missing(&["a", "b", "c"])), "/t/hf/u/r is incomplete: a; b; c");
    assert_eq!(sentence(missing(&["a", "b", "c", "d", "e"])), "/t/hf/u/r is incomplete: a; b; c and 2 more");
}
