//! What an interrupted fetch has left of a commit for the next one. Nothing of it is trusted: every
//! file is hashed before use.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};
use url_parse::shown;

/// A folder with complete or partial files, named after their intended content. Keeping is best effort:
/// failures are logged, and the fetch continues without.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Opens a file of at most `limit` bytes, if there is one.
    pub(crate) fn open(&self, name: &str, limit: u64) -> Option<File> {
        let file = plain(OpenOptions::new().read(true), &self.folder.join(name)).ok()?;
        file.metadata().is_ok_and(|found| found.len() <= limit).then_some(file)
    }

    /// Reads a file of at most `limit` bytes, if there is one.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Option<Vec<u8>> {
        let (mut content, file) = (Vec::new(), self.open(name, limit)?);
        file.take(limit).read_to_end(&mut content).ok()?;
        Some(content)
    }

    /// Opens the file to continue it after its first `from` bytes.
    pub(crate) fn go_on(&self, name: &str, from: u64) -> Option<File> {
        let mut file = plain(OpenOptions::new().write(true), &self.folder.join(name)).ok()?;
        file.seek(SeekFrom::Start(from)).ok()?;
        Some(file)
    }

    /// Creates an empty file in place of any old one, which another process may still be writing.
    pub(crate) fn begin(&self, name: &str) -> Option<File> {
        self.remove(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Never writable for everyone, whatever the umask.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o664);
        self.or_log(name, options.open(self.folder.join(name)))
    }

    /// Keeps all of `content` under a name, atomically.
    pub(crate) fn keep(&self, name: &str, content: &mut impl io::Read) {
        let draft = format!("{name}.new");
        let Some(mut file) = self.begin(&draft) else { return };
        let kept = io::copy(content, &mut file)
            .and_then(|_| fs::rename(self.folder.join(&draft), self.folder.join(name)));
        if self.or_log(name, kept).is_none() {
            self.remove(&draft);
        }
    }

    pub(crate) fn is_there(&self, name: &str) -> bool {
        self.open(name, u64::MAX).is_some()
    }

    pub(crate) fn remove(&self, name: &str) {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.or_log(name, Err::<(), _>(error));
            }
            _ => {}
        }
    }

    fn or_log<T>(&self, name: &str, outcome: io::Result<T>) -> Option<T> {
        let log = |error: &io::Error| {
            tracing::debug!(folder = %shown(&self.folder), name, %error, "cannot keep the metadata");
        };
        outcome.inspect_err(log).ok()
    }
}

/// The name of a plain file.
pub(crate) fn name_of(blob: Oid) -> String {
    format!("blob-{blob}")
}

/// Whether git's id for a plain file with this content is `blob`.
pub(crate) fn is_blob(blob: Oid, content: &[u8]) -> bool {
    Oid::hash_object(ObjectType::Blob, content).is_ok_and(|id| id == blob)
}

/// Opens a plain file. Refuses links, and does not block on a pipe.
fn plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_limited_size_are_read() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let kept = Kept::in_folder(folder.path());
        kept.keep("a", &mut &b"content"[..]);
        assert_eq!(kept.read("a", 7).unwrap(), b"content");
        assert_eq!(kept.read("a", 6), None);
        fs::create_dir(folder.path().join("folder")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("a", folder.path().join("link")).unwrap();
            assert!(
                std::process::Command::new("mkfifo")
                    .arg(folder.path().join("pipe"))
                    .status()
                    .unwrap()
                    .success()
            );
        }
        for name in ["absent", "folder", "link", "pipe"] {
            assert!(!kept.is_there(name) && kept.go_on(name, 0).is_none(), "{name}");
        }
    }

    /// A file that another process is still writing is not reused.
    #[test]
    fn a_new_file_leaves_the_old_one_to_its_writer() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let kept = Kept::in_folder(folder.path());
        let mut old = kept.begin("a").unwrap();
        kept.begin("a").unwrap();
        io::Write::write_all(&mut old, b"old").unwrap();
        assert_eq!(kept.read("a", 10).unwrap(), b"");
    }
}
