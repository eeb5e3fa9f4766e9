//! Reads files that are untrusted.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use url_parse::DiskError;

use crate::{Error, MAX_METADATA_BYTES};

/// Opens a plain file, or the target of a link to one, for reading. The type is checked on the open
/// file, since the path may change after a check. Opening a pipe or a device does not block.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    let file = options.read(true).open(path)?;
    let is_plain = file.metadata()?.is_file();
    is_plain.then_some(file).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a file"))
}

/// Reads the small JSON file `name` of the model in `dir`, a manifest or a chat config; `None` if it does not
/// exist. Links are followed; anything but a plain file is an error.
///
/// # Errors
///
/// [`Error::Disk`] if it cannot be read, [`Error::MetadataTooLarge`] if it exceeds
/// [`MAX_METADATA_BYTES`].
pub fn read_metadata_file(dir: &Path, name: &str) -> Option<Result<Vec<u8>, Error>> {
    match read(&dir.join(name), name) {
        Err(Error::Disk(DiskError { source, .. })) if source.kind() == io::ErrorKind::NotFound => None,
        result => Some(result),
    }
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let disk = |action| move |source| DiskError::new(action, path, source);
    let too_large = || Error::MetadataTooLarge { name: name.to_owned(), limit: MAX_METADATA_BYTES };
    let file = open_plain(path).map_err(disk("read"))?;
    let length = file.metadata().map_err(disk("look at"))?.len();
    if length > MAX_METADATA_BYTES {
        return Err(too_large());
    }
    // It may grow meanwhile.
    let bytes = read_at_most(&file, length, MAX_METADATA_BYTES + 1).map_err(disk("read"))?;
    if bytes.len() as u64 > MAX_METADATA_BYTES { Err(too_large()) } else { Ok(bytes) }
}

/// Reads a file that is probably `length` bytes long, but may have changed.
pub(crate) fn read_at_most(file: &File, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(length.min(limit)).unwrap_or_default());
    file.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{Expected, digest_file, read_metadata_file, verify_file, verify_files};

    /// A device that is at its end at once: reading it would succeed and look like an empty file.
    const NOTHING: &str = "/dev/null";

    #[test]
    fn only_a_plain_file_is_opened() {
        let path = Path::new(NOTHING);
        let expected = Expected { size: 0, md5: None, sha256: None };
        assert!(digest_file(path).is_err());
        assert!(verify_file(path, &expected).is_err());
        assert!(read_metadata_file(Path::new("/dev"), "null").unwrap().is_err());
        let mut verdicts = Vec::new();
        verify_files(&[(PathBuf::from(path), expected)], None, |_, verdict| {
            verdicts.push(verdict.is_err());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(verdicts, [true]);
    }

    /// This test would hang if opening blocked.
    #[test]
    fn a_pipe_is_not_waited_for() {
        #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(open_plain(&pipe).is_err());
        assert!(open_plain(folder.path()).is_err());
        let link = folder.path().join("link");
        std::fs::write(folder.path().join("file"), "content").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(io::read_to_string(open_plain(&link).unwrap()).unwrap(), "content");
    }
}
