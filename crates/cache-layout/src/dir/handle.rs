//! Unix: folder handles, and system calls that take a handle and a name.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use super::found::{Access, Found, FoundKind, How, not_plain};

/// An open folder.
#[derive(Debug)]
pub(crate) struct Dir {
    handle: OwnedFd,
    how: How,
}

/// Sufficient for working in a folder, but not for listing it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// For listing or syncing a folder.
const LISTED: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// Opening does not block on a pipe, follow a link, or acquire a controlling terminal.
const FILE: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Whether an operation was refused because of a symbolic link, at the path or on the way to it.
pub(crate) fn is_link_refusal(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

impl Dir {
    /// Opens a folder by its path. Links are followed.
    pub(crate) fn open_path(path: &Path, how: How) -> io::Result<Self> {
        Ok(Self { handle: rustix::fs::open(path, FOLDER, Mode::empty())?, how })
    }

    /// Opens the folder `relative`, a path of plain names. A link on the way or at the end is refused;
    /// see [`is_link_refusal`].
    pub(crate) fn below(&self, relative: &Path) -> io::Result<Self> {
        if relative.as_os_str().is_empty() {
            return Ok(Self { handle: self.handle.try_clone()?, how: self.how });
        }
        if !relative.components().all(|component| matches!(component, Component::Normal(_))) {
            return Err(Errno::INVAL.into());
        }
        let handle = match self.how {
            How::Stepwise => self.stepwise(relative)?,
            How::AtOnce => match self.at_once(relative) {
                // An old kernel, or a sandbox that does not allow the call.
                Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => self.stepwise(relative)?,
                opened => opened?,
            },
        };
        Ok(Self { handle, how: self.how })
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn at_once(&self, relative: &Path) -> rustix::io::Result<OwnedFd> {
        use rustix::fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.handle, relative, FOLDER, Mode::empty(), resolve)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn at_once(&self, _: &Path) -> rustix::io::Result<OwnedFd> {
        Err(Errno::NOSYS)
    }

    fn stepwise(&self, relative: &Path) -> io::Result<OwnedFd> {
        let mut handle = self.handle.try_clone()?;
        for name in relative {
            handle = match rustix::fs::openat(&handle, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
                // Some systems report a link this way too.
                Err(Errno::NOTDIR) if is_link(&handle, name) => return Err(Errno::LOOP.into()),
                opened => opened?,
            };
        }
        Ok(handle)
    }

    /// Opens the folder `name`, or the target of a link of this name made by root or the current user.
    /// `None` if another user made the link.
    pub(crate) fn below_trusted(&self, name: &OsStr) -> io::Result<Option<Self>> {
        match self.below(Path::new(name)) {
            Err(error) if is_link_refusal(&error) => {}
            opened => return opened.map(Some),
        }
        let (link, target) = self.read_link(name)?;
        if !link.is_trusted() {
            return Ok(None);
        }
        let handle = rustix::fs::openat(&self.handle, &target, FOLDER, Mode::empty())?;
        Ok(Some(Self { handle, how: self.how }))
    }

    /// A link and its target.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<(Found, PathBuf)> {
        let read = |handle: &OwnedFd, name: &OsStr| -> io::Result<(Found, PathBuf)> {
            let found = found(&rustix::fs::statat(handle, name, AtFlags::SYMLINK_NOFOLLOW | EMPTY_PATH)?);
            let target = rustix::fs::readlinkat(handle, name, Vec::new())?;
            Ok((found, OsString::from_vec(target.into_bytes()).into()))
        };
        // Owner and target must come from the same link, even if it is replaced meanwhile.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let link = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
            read(&link, OsStr::new(""))
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        {
            let (first, target) = read(&self.handle, name)?;
            let (second, again) = read(&self.handle, name)?;
            let is_same = (first.identity, &target) == (second.identity, &again);
            if is_same { Ok((second, target)) } else { Err(io::ErrorKind::NotFound.into()) }
        }
    }

    /// Metadata of a name, without following a link.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Found> {
        Ok(found(&rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Metadata of this folder.
    pub(crate) fn look_at_self(&self) -> io::Result<Found> {
        Ok(found(&rustix::fs::fstat(&self.handle)?))
    }

    /// The names in this folder, in no particular order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(self.listed()?)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_os_string();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn listed(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(&self.handle, ".", LISTED, Mode::empty())?)
    }

    /// Makes the folder's names durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::from(self.listed()?).sync_all()
    }

    /// Opens a plain file.
    pub(crate) fn open(&self, name: &OsStr, access: Access) -> io::Result<File> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::RDWR,
            Access::Create => OFlags::RDWR | OFlags::CREATE,
            Access::CreateNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        // The umask applies; the result is never writable for everyone.
        let file = rustix::fs::openat(&self.handle, name, FILE | flags, Mode::from_raw_mode(0o664))?;
        let file = File::from(file);
        if file.metadata()?.is_file() { Ok(file) } else { Err(not_plain()) }
    }

    /// Creates a folder. The umask applies to `mode`.
    pub(crate) fn create_dir(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.handle, name, Mode::from_bits_truncate(mode as _))?)
    }

    /// Removes anything except a folder.
    pub(crate) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Sets the access and modification times of a name to now; for a link, of the link itself. A user
    /// who is not the owner may only set both together.
    pub(crate) fn touch(&self, name: &OsStr) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        Ok(rustix::fs::utimensat(&self.handle, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Removes an empty folder.
    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?)
    }

    /// Renames, replacing a file at the new place.
    pub(crate) fn rename(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.handle, name, &to.handle, new)?)
    }

    /// Adds a second name to a file.
    pub(crate) fn link(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.handle, name, &to.handle, new, AtFlags::empty())?)
    }

    /// Creates a symbolic link.
    pub(crate) fn create_link(&self, target: &Path, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.handle, name)?)
    }

    /// A path that leads to this folder as long as it is open, even if its own path changes. `None` if
    /// the system has no such paths.
    pub(crate) fn magic_path(&self) -> Option<PathBuf> {
        use std::os::fd::AsRawFd as _;
        self.path_if_here(format!("/proc/self/fd/{}", self.handle.as_raw_fd()).into())
    }

    /// The path, if it leads to this folder. `/proc` may be empty, or something else.
    pub(crate) fn path_if_here(&self, path: PathBuf) -> Option<PathBuf> {
        let there = rustix::fs::stat(&path).ok().map(|stat| found(&stat));
        let here = self.look_at_self().ok()?;
        there.is_some_and(|there| there.identity == here.identity).then_some(path)
    }

    /// Whether nobody except root and the current user can replace this folder. The path must contain
    /// no links.
    pub(crate) fn is_guarded(path: &Path) -> bool {
        path.ancestors().skip(1).all(|folder| {
            rustix::fs::lstat(folder).is_ok_and(|stat| {
                let mode = Mode::from_raw_mode(stat.st_mode);
                let others = mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX);
                let found = found(&stat);
                found.is_folder() && found.is_trusted() && !others
            })
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const EMPTY_PATH: AtFlags = AtFlags::EMPTY_PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const EMPTY_PATH: AtFlags = AtFlags::empty();

/// Special renames that only some systems and file systems support.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod flagged {
    use rustix::fs::{RenameFlags, renameat_with};

    use super::{Dir, Errno, OsStr, io};

    impl Dir {
        /// Renames; fails with [`io::ErrorKind::AlreadyExists`] if the new name is taken.
        pub(crate) fn rename_new(&self, name: &OsStr, to: &Self, new: &OsStr) -> io::Result<()> {
            self.rename_with(name, to, new, RenameFlags::NOREPLACE)
        }

        /// Exchanges two names atomically.
        pub(crate) fn exchange(&self, name: &OsStr, to: &Self, other: &OsStr) -> io::Result<()> {
            self.rename_with(name, to, other, RenameFlags::EXCHANGE)
        }

        fn rename_with(&self, name: &OsStr, to: &Self, new: &OsStr, flags: RenameFlags) -> io::Result<()> {
            renameat_with(&self.handle, name, &to.handle, new, flags).map_err(|errno| {
                // Old kernels, and file systems without rename flags (NFS, some FUSE).
                if [Errno::NOSYS, Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP].contains(&errno) {
                    return io::Error::new(io::ErrorKind::Unsupported, io::Error::from(errno));
                }
                errno.into()
            })
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
impl Dir {
    /// This system cannot rename without replacing.
    pub(crate) fn rename_new(&self, _: &OsStr, _: &Self, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// This system cannot exchange two names.
    pub(crate) fn exchange(&self, _: &OsStr, _: &Self, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    let stat = rustix::fs::statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| found(&stat).is_link())
}

/// Opens a plain file by its path, following links.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let flags = FILE.difference(OFlags::NOFOLLOW) | OFlags::RDONLY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_plain()) }
}

/// Metadata of an open file.
pub(crate) fn look_at_file(file: &File) -> io::Result<Found> {
    Ok(found(&rustix::fs::fstat(file)?))
}

fn found(stat: &Stat) -> Found {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FoundKind::File,
        FileType::Directory => FoundKind::Folder,
        FileType::Symlink => FoundKind::Link,
        _ => FoundKind::Other,
    };
    let since = Duration::new(
        u64::try_from(stat.st_mtime).unwrap_or_default(),
        u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
    );
    Found {
        kind,
        len: u64::try_from(stat.st_size).unwrap_or_default(),
        disk_bytes: u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512),
        modified: SystemTime::UNIX_EPOCH.checked_add(since),
        #[expect(clippy::useless_conversion, reason = "their types differ from system to system")]
        identity: u64::try_from(stat.st_dev).ok().zip(u64::try_from(stat.st_ino).ok()),
        is_groups: Mode::from_raw_mode(stat.st_mode).contains(Mode::WGRP),
        owner: Some(stat.st_uid),
    }
}
