//! Opens files that are untrusted.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

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
