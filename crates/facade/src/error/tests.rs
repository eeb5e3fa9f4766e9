use super::*;

#[track_caller]
fn check(error: impl Into<Error>, is_out_of_space: bool) {
    let error = error.into();
    assert_eq!(error.is_out_of_space(), is_out_of_space, "{error:?}");
    assert!(!is_out_of_space || error.kind() == ErrorKind::NoSpace, "{error:?}");
}

fn disk(source: io::Error) -> Error {
    DiskError::new("write", "a".as_ref(), source).into()
}

#[test]
fn a_full_disk_is_distinguished_from_other_failures() {
    check(disk(io::ErrorKind::StorageFull.into()), true);
    check(disk(io::ErrorKind::QuotaExceeded.into()), true);
    check(disk(io::ErrorKind::PermissionDenied.into()), false);
    check(shard_fetch::Error::NoSpace { needed: 2, free: Some(1), path: "a".into(), source: None }, true);
    check(Error::NoHome, false);
}

#[test]
fn an_unusable_home_is_recognized() {
    let (path, home) = (PathBuf::from("/a/b"), PathBuf::from("/a"));
    assert!(
        Error::from(cache_layout::Error::NotADirectory { path: path.clone(), home }).wants_another_home()
    );
    assert!(!Error::from(cache_layout::Error::DanglingLink { path }).wants_another_home());
    assert!(!disk(io::ErrorKind::PermissionDenied.into()).wants_another_home());
}

#[test]
fn a_cause_is_not_repeated() {
    let error = DiskError::new("read", "a".as_ref(), io::Error::other("gone"));
    assert_eq!(crate::words::failure(&error), "cannot read a: gone");
}

#[test]
fn public_types_are_send_and_sync() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Error>();
    crosses::<crate::Builder>();
    crosses::<crate::Cache>();
    crosses::<crate::Downloader>();
    crosses::<crate::EventRecord>();
    crosses::<crate::Model>();
    crosses::<crate::Progress>();
    crosses::<crate::Request>();
}
