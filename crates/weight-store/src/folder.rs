//! A store in a folder, for instance on a network file system or a USB stick. Blocking work runs on
//! threads for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use url_parse::{DiskError, patiently};

use crate::Error;
use crate::address::StoreUrl;
use crate::backend::{
    Backend, BlobPlace, Condition, Content, Found, Listed, MAX_NAMES, Presence, Version, Written,
};
use crate::blob::{Blob, Hashing};
use crate::key::Key;

/// How much of a blob is held in memory.
const PIECE: usize = 1 << 20;
/// How deep refs are below their folder.
const DEEPEST: u32 = 3;

#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    url: StoreUrl,
}

impl Folder {
    pub(crate) fn new(root: PathBuf, url: StoreUrl) -> Self {
        Self { root, url }
    }

    fn path(&self, key: &Key) -> PathBuf {
        // No component is empty, `.` or `..`.
        key.as_str().split('/').fold(self.root.clone(), |path, component| path.join(component))
    }

    /// Interprets an error of looking at a path. If the whole store is missing, its files are not
    /// merely absent.
    fn absence(&self, path: &Path, action: &'static str, source: io::Error) -> Result<(), Error> {
        let is_absence = matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        if is_absence && self.root.is_dir() {
            return Ok(());
        }
        if is_absence && self.root.try_exists().is_ok_and(|is_there| !is_there) {
            return Err(Error::NoFolder { path: self.root.clone() });
        }
        let path = if is_absence { &self.root } else { path };
        Err(DiskError::new(action, path, source).into())
    }

    fn read(&self, key: &Key, limit: u64) -> Result<Found, Error> {
        let path = self.path(key);
        let file = match open_plain(&path) {
            Ok(file) => file,
            Err(error) => return self.absence(&path, "read", error).map(|()| Found::Nothing),
        };
        let mut bytes = Vec::new();
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|source| DiskError::new("read", &path, source))?;
        if bytes.len() as u64 > limit {
            return Err(Error::TooLarge { url: self.url.at(key), limit });
        }
        let date = Some(SystemTime::now());
        Ok(Found::Content(Content { bytes: bytes.into(), version: Version::default(), date }))
    }

    /// The plain files below a folder of the layout, as deep as the layout goes. Does not follow links.
    fn names(&self, top: &str) -> Result<Vec<Listed>, Error> {
        let (mut names, mut folders) = (Vec::new(), vec![(top.to_owned(), 0)]);
        while let Some((folder, depth)) = folders.pop() {
            let path = self.root.join(&folder);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) => {
                    self.absence(&path, "list", error)?;
                    continue;
                }
            };
            for entry in entries {
                let entry = entry.map_err(|source| DiskError::new("list", &path, source))?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let name = format!("{folder}/{name}");
                // It may have been renamed in the meantime.
                let Ok(found) = entry.metadata() else { continue };
                if found.is_dir() && depth < DEEPEST {
                    folders.push((name, depth + 1));
                } else if found.is_file() {
                    names.push(Listed { name, size: found.len() });
                }
            }
            if names.len() + folders.len() > MAX_NAMES {
                return Err(Error::TooMany { url: self.url.safe(), limit: MAX_NAMES });
            }
        }
        Ok(names)
    }

    /// Writes a temporary file beside the target, syncs it and renames it.
    fn write(
        &self,
        key: &Key,
        fill: impl FnOnce(&mut File, &Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (path, draft) = (self.path(key), self.path(&key.draft(fastrand::u64(..))));
        self.create_folders(key)?;
        let mut file = create(&draft).map_err(|source| DiskError::new("create", &draft, source))?;
        let written = fill(&mut file, &draft).and_then(|()| {
            file.sync_all().map_err(|source| DiskError::new("sync to disk", &draft, source))?;
            patiently(|| fs::rename(&draft, &path))
                .map_err(|source| DiskError::new("create", &path, source))?;
            Ok(sync_folder_of(&path).map_err(|source| DiskError::new("sync to disk", &path, source))?)
        });
        if written.is_err() {
            // Best effort; no reader uses this name.
            let _ = fs::remove_file(&draft);
        }
        written
    }

    /// Creates a key's parent folders, but never the store's own: if that is missing, its disk is not
    /// mounted.
    fn create_folders(&self, key: &Key) -> Result<(), Error> {
        let mut folder = self.root.clone();
        let mut components = key.as_str().split('/').peekable();
        while let Some(component) = components.next().filter(|_| components.peek().is_some()) {
            folder.push(component);
            match create_folder(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    let path = if self.root.is_dir() { &folder } else { &self.root };
                    return Err(DiskError::new("create a folder in", path, source).into());
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let folder = self.clone();
        net::blocking(move || job(&folder)).await
    }
}

#[async_trait]
impl Backend for Folder {
    async fn place(&self, key: &Key) -> Result<BlobPlace, Error> {
        Ok(BlobPlace::File(self.path(key)))
    }

    async fn get(&self, key: &Key, limit: u64, _: bool) -> Result<Found, Error> {
        let key = key.clone();
        self.run(move |folder| folder.read(&key, limit)).await
    }

    async fn list(&self, top: &'static str) -> Result<Vec<Listed>, Error> {
        self.run(move |folder| folder.names(top)).await
    }

    async fn presence(&self, key: &Key) -> Result<Option<Presence>, Error> {
        let path = self.path(key);
        self.run(move |folder| match fs::metadata(&path) {
            Ok(found) => Ok(found.is_file().then(|| Presence::of_size(found.len()))),
            Err(error) => folder.absence(&path, "look at", error).map(|()| None),
        })
        .await
    }

    async fn put(&self, key: &Key, bytes: Bytes, condition: &Condition) -> Result<Written, Error> {
        let (key, if_absent) = (key.clone(), matches!(condition, Condition::IfAbsent));
        self.run(move |folder| {
            if if_absent && folder.path(&key).exists() {
                return Ok(Written::Not);
            }
            folder.write(&key, |file, draft| {
                Ok(file.write_all(&bytes).map_err(|source| DiskError::new("write", draft, source))?)
            })?;
            Ok(Written::Done)
        })
        .await
    }

    async fn put_blob(&self, key: &Key, blob: &Blob, _: bool) -> Result<(), Error> {
        let (key, blob) = (key.clone(), blob.clone());
        self.run(move |folder| {
            folder.write(&key, |file, draft| {
                let mut hashing = Hashing::open(&blob)?;
                loop {
                    let piece = hashing.piece(PIECE)?;
                    if piece.is_empty() {
                        return hashing.finish();
                    }
                    file.write_all(&piece).map_err(|source| DiskError::new("write", draft, source))?;
                }
            })
        })
        .await
    }

    /// A file system has no compare-and-swap.
    fn knows_conditions(&self) -> bool {
        false
    }
}

/// Opens a plain file. Refuses links, and does not block on a pipe.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let flags = flags.bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Never writable for everyone, whatever the umask.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o664);
    options.open(path)
}

fn create_folder(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there are no modes"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o775);
    builder.create(path)
}

/// A new name is durable once its folder is synced. Windows has no such call, and some file systems
/// refuse it.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        return match File::open(folder)?.sync_all() {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        };
    }
    let _ = path;
    Ok(())
}
