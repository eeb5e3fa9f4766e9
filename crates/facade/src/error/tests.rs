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
    let (model, home) = ("user/repo".parse().unwrap(), "a".into());
    check(Error::NoSpace { model, home, needed: 2, free: Some(1), source: None }, true);
    check(Error::NoHome, false);
}

#[test]
fn a_cause_is_not_repeated() {
    let error = DiskError::new("read", "a".as_ref(), io::Error::other("gone"));
    assert_eq!(crate::words::failure(&error), "cannot read a: gone");
}
