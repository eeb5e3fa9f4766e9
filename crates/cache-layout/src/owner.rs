//! Names the owner of a file that the current user may not use.

use std::io;
use std::path::Path;

/// Adds the owner of the file or folder to a permission error, if it is another user. Returns any other
/// error unchanged.
#[cfg(unix)]
pub(crate) fn naming_owner(error: io::Error, path: &Path) -> io::Error {
    use std::os::unix::fs::MetadataExt as _;

    let kind = error.kind();
    if kind != io::ErrorKind::PermissionDenied {
        return error;
    }
    let this_user = rustix::process::geteuid().as_raw();
    // The path itself, or the nearest folder above it.
    let mut existing = path.ancestors().filter_map(|path| Some((path, path.symlink_metadata().ok()?.uid())));
    match existing.next().filter(|(_, owner)| *owner != this_user) {
        Some((path, owner)) => {
            let owner = user(owner);
            io::Error::new(kind, format!("{error}: {} belongs to {owner}", url_parse::shown(path)))
        }
        None => error,
    }
}

#[cfg(not(unix))]
pub(crate) fn naming_owner(error: io::Error, _: &Path) -> io::Error {
    error
}

/// A user's name, or the number if only a directory service knows the name.
#[cfg(unix)]
fn user(number: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| url_parse::Excerpt::of(name))
    });
    named.map_or_else(|| format!("the user with the ID {number}"), |name| format!("the user {name}"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_permission_errors_name_an_owner() {
        let named = |kind: io::ErrorKind| naming_owner(kind.into(), Path::new("/etc/passwd/x")).to_string();
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::ReadOnlyFilesystem] {
            assert_eq!(named(kind), io::Error::from(kind).to_string());
        }
        // Root is never refused because of ownership.
        let words =
            if rustix::process::geteuid().is_root() { "" } else { ": /etc/passwd belongs to the user root" };
        let refused = io::ErrorKind::PermissionDenied;
        assert_eq!(named(refused), format!("{}{words}", io::Error::from(refused)));
    }

    #[test]
    fn users_have_names_or_numbers() {
        assert_eq!(user(0), "the user root");
        assert_eq!(user(4_000_000_000), "the user with the ID 4000000000");
    }
}
