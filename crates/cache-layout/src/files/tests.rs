use super::*;
use crate::testing;
use url_parse::ErrorKind;

#[test]
fn folders_are_created_from_the_top_down() {
    let folder = testing::folder();
    let root = Place::anchored(folder.path());
    let mut created = Vec::new();
    create_dirs(&root.join("a/b/c"), &Place::create_dir, &mut created).unwrap();
    assert_eq!(created, [root.join("a"), root.join("a/b"), root.join("a/b/c")]);

    created.clear();
    create_dirs(&root.join("a/b/c"), &Place::create_dir, &mut created).unwrap();
    assert_eq!(created, [] as [Place; 0]);

    let failing = |dir: &Place| {
        if dir.ends_with("e") { Err(io::ErrorKind::StorageFull.into()) } else { dir.create_dir() }
    };
    let (path, _) = create_dirs(&root.join("a/d/e/f"), &failing, &mut created).unwrap_err();
    assert_eq!((path, created), (root.join("a/d/e"), vec![root.join("a/d")]));
}

/// A folder that another process created and removed is created again; a folder that is always reported
/// as existing but does not exist is an error.
#[test]
fn a_folder_that_vanishes_is_created_again() {
    let folder = testing::folder();
    let dir = testing::place(&folder.path().join("a"));
    for (vanishings, is_created) in [(1, true), (MOST_VANISHINGS, true), (MOST_VANISHINGS + 1, false)] {
        let left = std::cell::Cell::new(vanishings);
        let vanishing = |dir: &Place| match left.get() {
            0 => dir.create_dir(),
            some => {
                left.set(some - 1);
                Err(io::ErrorKind::AlreadyExists.into())
            }
        };
        let mut created = Vec::new();
        assert_eq!(create_dirs(&dir, &vanishing, &mut created).is_ok(), is_created, "{vanishings}");
        assert_eq!(dir.is_dir(), is_created);
        let _ = fs::remove_dir(&dir);
    }
}

#[test]
fn several_threads_may_create_one_folder() {
    let folder = testing::folder();
    let dir = Place::anchored(folder.path()).join("a/b/c/d/e/f");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| ensure_dir(&dir, folder.path()).unwrap());
        }
    });
    assert!(dir.is_dir());
}

#[track_caller]
fn check_refusal(dir: &Path, home: &Path, expected: &str, kind: ErrorKind) {
    let error = ensure_dir(&Place::anchored(home).join(dir.strip_prefix(home).unwrap()), home).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), (expected, kind));
}

#[test]
fn an_obstacle_to_a_folder_is_named() {
    let folder = testing::folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let home = file.join("home");
    let expected =
        format!("{} is not a directory, so no model can be cached in {}", file.display(), home.display());
    check_refusal(&home.join("model_weights"), &home, &expected, ErrorKind::Disk);

    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        let expected = format!("{} is a symbolic link to nothing", link.display());
        check_refusal(&link.join("model_weights"), &link, &expected, ErrorKind::Disk);
    }
}

/// Even root may not use a name that is too long.
#[test]
fn a_folder_that_cannot_be_created_is_named_with_the_home() {
    let folder = testing::folder();
    let home = folder.path().join("x".repeat(300));
    let error = ensure_dir(&Place::anchored(&home).join("model_weights"), &home).unwrap_err();
    let home = home.display();
    assert_eq!(error.to_string(), format!("cannot create {home}, which the cache in {home} needs"));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_file_is_replaced_whole() {
    let folder = testing::folder();
    let path = testing::place(&folder.path().join("file"));
    for text in ["one", "two"] {
        path.write_atomically(text.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    #[cfg(unix)]
    assert_eq!(testing::mode(&path), testing::umask_modes(&folder).0);
}

#[test]
fn a_second_name_replaces_nothing() {
    let folder = testing::folder();
    let [from, to, absent] = ["from", "to", "absent"].map(|name| testing::place(&folder.path().join(name)));
    testing::write(&from, "text");
    link_or_copy(&from, &to).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "text");
    for (from, to, kind) in
        [(&from, &to, io::ErrorKind::AlreadyExists), (&absent, &from, io::ErrorKind::AlreadyExists)]
    {
        // The system chooses which of two reasons it reports.
        let error = link_or_copy(from, to).unwrap_err();
        assert!([kind, io::ErrorKind::NotFound].contains(&error.kind()), "{error}");
    }
    assert_eq!(fs::read_to_string(&from).unwrap(), "text");
}

#[test]
fn a_copy_replaces_nothing_and_leaves_no_partial_file() {
    let folder = testing::folder();
    let [from, to, dir] = ["from", "to", "dir"].map(|name| testing::place(&folder.path().join(name)));
    testing::write(&from, "text");
    copy_new(&from, &to).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "text");
    #[cfg(unix)]
    assert_eq!(testing::mode(&to), testing::umask_modes(&folder).0);
    assert_eq!(copy_new(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);

    fs::remove_file(&to).unwrap();
    fs::create_dir(&dir).unwrap();
    assert!(copy_new(&dir, &to).is_err(), "a folder cannot be read");
    assert!(!to.exists());

    #[cfg(unix)]
    {
        let link = testing::place(&folder.path().join("link"));
        std::os::unix::fs::symlink(&from, &link).unwrap();
        assert!(copy_new(&link, &to).is_err(), "links are not followed");
        assert!(!to.exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn across_file_systems_a_file_is_copied() {
    let folder = testing::folder();
    let Some(other) = testing::other_device(&folder) else { return };
    let [from, to] = [other.path().join("from"), folder.path().join("to")].map(|path| testing::place(&path));
    testing::write(&from, "text");
    link_or_copy(&from, &to).unwrap();
    assert_eq!(fs::read_to_string(&to).unwrap(), "text");
}

#[test]
fn a_copy_preserves_holes() {
    let folder = testing::folder();
    let [from, to] = ["from", "to"].map(|name| testing::place(&folder.path().join(name)));
    let mut bytes = vec![0; 10 * BLOCK + 7];
    bytes[3 * BLOCK + 1] = 1;
    let mut file = File::create(&from).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    file.seek(SeekFrom::Start(3 * BLOCK as u64 + 1)).unwrap();
    file.write_all(&[1]).unwrap();
    copy_sparse(&from, &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), bytes);
    assert_eq!(copy_sparse(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        assert!(fs::metadata(&to).unwrap().blocks() * 512 <= 2 * BLOCK as u64);
    }
}
