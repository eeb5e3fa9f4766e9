use super::*;
use crate::config::CacheConfig;
use crate::testing;

/// `model @ place` for each entry and `place: reason` for everything else; places are relative to
/// `root`.
fn found(layout: &CacheLayout, root: &Path) -> (Vec<String>, Vec<String>) {
    let inventory = layout.inventory().unwrap();
    let place = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    let entries = inventory.entries.iter().map(|entry| {
        assert!(entry.path.starts_with(entry.tier.path()));
        format!("{} @ {}", entry.slot.model(), place(&entry.path))
    });
    let skipped = inventory.skipped.iter().map(|other| format!("{}: {}", place(&other.path), other.reason));
    (entries.collect(), skipped.collect())
}

#[track_caller]
fn check(layout: &CacheLayout, root: &Path, entries: &[&str], skipped: &[&str]) {
    let found = found(layout, root);
    assert_eq!(found.0, entries);
    assert_eq!(found.1, skipped);
}

fn cache(root: &Path) -> (CacheLayout, PathBuf) {
    let mut config = CacheConfig::new(root.join("home"));
    config.read_only = vec![root.join("shared"), root.join("missing")];
    (CacheLayout::new(config).unwrap(), root.join("home/model_weights/hf"))
}

#[test]
fn listing_an_absent_cache_creates_nothing() {
    let folder = testing::folder();
    check(&cache(folder.path()).0, folder.path(), &[], &[]);
    assert!(testing::listing(folder.path()).is_empty());
}

#[test]
fn tiers_come_in_order_and_models_by_name() {
    let folder = testing::folder();
    let (layout, hf) = cache(folder.path());
    for model in ["b/two", "b/one", "a/model"] {
        testing::fill(&hf.join(model), "");
    }
    testing::fill(&folder.path().join("shared/hf/b/one"), "");
    fs::create_dir_all(hf.join("empty")).unwrap();
    check(
        &layout,
        folder.path(),
        &[
            "b/one @ shared/hf/b/one",
            "a/model @ home/model_weights/hf/a/model",
            "b/one @ home/model_weights/hf/b/one",
            "b/two @ home/model_weights/hf/b/two",
        ],
        &[],
    );
}

#[test]
fn other_files_are_reported_unless_hidden() {
    let folder = testing::folder();
    let (layout, hf) = cache(folder.path());
    testing::write(&hf.join("notes.txt"), "");
    testing::write(&hf.join(".DS_Store"), "");
    testing::write(&hf.join("user/README.md"), "");
    testing::write(&hf.join("user/.hidden/file"), "");
    testing::write(&hf.join("user/not a model/file"), "");
    testing::write(&hf.join("a user/repo/file"), "");
    testing::fill(&hf.join("user/repo"), "");
    check(
        &layout,
        folder.path(),
        &["user/repo @ home/model_weights/hf/user/repo"],
        &[
            "home/model_weights/hf/a user: not the name of a model",
            "home/model_weights/hf/notes.txt: not a directory",
            "home/model_weights/hf/user/README.md: not a directory",
            "home/model_weights/hf/user/not a model: not the name of a model",
        ],
    );
}

#[test]
fn a_home_that_is_a_file_is_an_error() {
    let folder = testing::folder();
    let (layout, _) = cache(folder.path());
    testing::write(&folder.path().join("home"), "");
    let error = layout.inventory().unwrap_err();
    assert!(matches!(error, Error::NotADirectory { .. }), "{error}");
}

#[test]
fn a_read_only_tier_that_is_a_file_is_named() {
    let folder = testing::folder();
    let (layout, _) = cache(folder.path());
    testing::write(&folder.path().join("shared/hf"), "");
    let (_, skipped) = found(&layout, folder.path());
    assert!(matches!(&skipped[..], [one] if one.starts_with("shared/hf: cannot be read: ")), "{skipped:?}");
}

#[cfg(unix)]
#[test]
fn links_are_entries_and_loops_end() {
    use std::os::unix::fs::symlink;
    let folder = testing::folder();
    let (layout, hf) = cache(folder.path());
    let own = folder.path().join("own");
    testing::fill(&own, "");
    fs::create_dir_all(hf.join("user")).unwrap();
    symlink(&own, hf.join("user/linked")).unwrap();
    symlink("nowhere", hf.join("user/dangling")).unwrap();
    symlink("itself", hf.join("user/itself")).unwrap();
    symlink(&hf, hf.join("again")).unwrap();
    symlink("round", hf.join("round")).unwrap();
    let inventory = layout.inventory().unwrap();
    let entries: Vec<_> =
        inventory.entries.iter().map(|e| (e.slot.model().to_string(), e.link_target.clone())).collect();
    assert_eq!(
        entries,
        [
            ("again/again".to_owned(), Some(hf.clone())),
            ("again/user".to_owned(), None),
            ("user/linked".to_owned(), Some(own)),
        ]
    );
    let skipped: Vec<_> = inventory.skipped.iter().map(|other| &other.path).collect();
    assert_eq!(
        skipped,
        [&hf.join("again/round"), &hf.join("round"), &hf.join("user/dangling"), &hf.join("user/itself"),]
    );
    let dangling = inventory.skipped.iter().find(|other| other.path.ends_with("dangling")).unwrap();
    assert!(matches!(dangling.reason, SkipReason::DanglingLink));
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf_8_are_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = testing::folder();
    let (layout, hf) = cache(folder.path());
    let (user, repo) = (std::ffi::OsStr::from_bytes(b"us\xffer"), std::ffi::OsStr::from_bytes(b"re\xffpo"));
    testing::fill(&hf.join(user).join("repo"), "");
    testing::fill(&hf.join("user").join(repo), "");
    let skipped: Vec<_> = layout.inventory().unwrap().skipped.into_iter().map(|other| other.path).collect();
    assert_eq!(skipped, [hf.join("user").join(repo), hf.join(user)]);
}

#[cfg(unix)]
#[test]
fn unreadable_folders_are_reported_and_the_rest_is_listed() {
    let folder = testing::folder();
    let (layout, hf) = cache(folder.path());
    testing::fill(&hf.join("closed/repo"), "");
    testing::fill(&hf.join("open/repo"), "");
    let Some(_forbidden) = testing::without_permission(&hf.join("closed")) else { return };
    let inventory = layout.inventory().unwrap();
    assert_eq!(inventory.entries.len(), 1);
    let [skipped] = &inventory.skipped[..] else { panic!("{:?}", inventory.skipped) };
    assert!(matches!(skipped.reason, SkipReason::Unreadable(_)) && skipped.path == hf.join("closed"));
}
