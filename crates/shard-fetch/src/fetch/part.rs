//! A file in progress on disk: bytes are written at their positions in any order, recorded in a
//! journal, and hashed in the background; when the file is complete and verified, it is moved to its
//! destination.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use url_parse::patiently;

use super::journal::{self, Content, Journal};
use super::request::FileRequest;
use super::shared::Shared;
use super::space;
use super::spans::Spans;
use crate::hash::{HashHandle, HashJob};
use crate::{Digests, Error};

/// How much may be written before the journal records it, and for how long.
const NOTE_BYTES: u64 = 4 << 20;
const NOTE_EVERY: Duration = Duration::from_millis(250);

/// A file that is being written. Disk operations run on threads for blocking work; each holds what must
/// be kept alive until it ends.
pub(super) struct Part {
    request: Arc<FileRequest>,
    file: Arc<File>,
    written: Mutex<Written>,
    /// What existed when it was opened.
    kept: Spans,
    /// Dropped last: with it, the owner of the folder may be told that nothing in it is open.
    shared: Arc<Shared>,
}

/// Proof that the part was synced as required. Only then may it be named as a verified file, or a file
/// truncated by a power failure would be taken for whole.
#[must_use]
pub(super) struct Synced(());

struct Written {
    spans: Spans,
    /// Ranges that the journal does not record yet.
    unnoted: Spans,
    noted_at: Option<Instant>,
    /// `None` once the part is discarded, or without a digest, since a later fetch could not verify it.
    journal: Option<Journal>,
    hash: Option<HashHandle>,
}

impl Written {
    /// Records what was written. Not done for each write, since that would be many records; after a
    /// crash, unrecorded ranges are fetched again.
    fn note(&mut self, now: Instant) -> io::Result<()> {
        self.noted_at = Some(now);
        let unnoted = std::mem::take(&mut self.unnoted);
        self.journal.as_mut().map_or(Ok(()), |journal| journal.note(unnoted.iter(), &self.spans))
    }

    /// The first bytes are recorded at once, since an existing journal can be appended to even when the
    /// disk is full.
    fn note_if_due(&mut self, now: Instant) -> io::Result<()> {
        let is_due = self.noted_at.is_none_or(|noted_at| now >= noted_at + NOTE_EVERY);
        if is_due || self.unnoted.bytes() >= NOTE_BYTES { self.note(now) } else { Ok(()) }
    }
}

impl Part {
    /// Opens the part left by an earlier fetch, if it can be resumed, or else a new one.
    pub(super) async fn open(shared: Arc<Shared>, request: Arc<FileRequest>) -> Result<Arc<Self>, Error> {
        net::blocking(move || Self::open_now(shared, request)).await
    }

    fn open_now(shared: Arc<Shared>, request: Arc<FileRequest>) -> Result<Arc<Self>, Error> {
        let path = &request.part;
        let opened = match reopen(&request) {
            Some(old) => old,
            None => create(&request),
        };
        let (file, kept, journal) = opened.map_err(|(action, source)| {
            space::disk_error(action, path, source, shared.outstanding.bytes())
        })?;
        let file = Arc::new(file);
        let hash = shared.hash.begin(HashJob {
            path: path.clone(),
            file: Arc::clone(&file),
            expected: request.expected,
            keep_alive: Arc::clone(&shared.keep_alive),
        });
        hash.available_to(kept.frontier());
        let (spans, unnoted) = (kept.clone(), Spans::default());
        let written = Written { spans, unnoted, noted_at: None, journal, hash: Some(hash) };
        Ok(Arc::new(Self { shared, request, file, written: Mutex::new(written), kept }))
    }

    /// What existed when it was opened.
    pub(super) fn kept(&self) -> &Spans {
        &self.kept
    }

    /// Writes `bytes` at their position, and records what is written from time to time.
    pub(super) async fn write(self: &Arc<Self>, at: u64, bytes: Bytes) -> Result<(), Error> {
        let part = Arc::clone(self);
        net::blocking(move || {
            write_all_at(&part.file, &bytes, at).map_err(|error| part.failed("write to", error))?;
            part.has_written(at, &bytes).map_err(|error| part.failed("record the progress of", error))
        })
        .await
    }

    fn has_written(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut written = self.written.lock();
        let span = at..at + bytes.len() as u64;
        let is_next = at == written.spans.frontier();
        written.spans.insert(span.clone());
        written.unnoted.insert(span);
        if let Some(hash) = &written.hash {
            if is_next {
                hash.append(at, bytes);
            }
            hash.available_to(written.spans.frontier());
        }
        // A complete file is about to be moved, so no record is needed.
        if written.spans.bytes() < self.request.expected.size {
            written.note_if_due(Instant::now())
        } else {
            Ok(())
        }
    }

    /// The digests of the file, which must be completely written.
    pub(super) async fn digests(&self) -> Result<Digests, Error> {
        let hash = self.written.lock().hash.take();
        hash.ok_or(net::Error::Cancelled)?.finished().await
    }

    /// Syncs the file, which must be completely written, if durability is wanted.
    pub(super) async fn sync(self: &Arc<Self>) -> Result<Synced, Error> {
        if !self.shared.durable {
            return Ok(Synced(()));
        }
        let part = Arc::clone(self);
        net::blocking(move || part.file.sync_data().map(Synced).map_err(|error| part.failed("sync", error)))
            .await
    }

    /// Moves the file to its destination.
    pub(super) async fn place(self: Arc<Self>, Synced(()): Synced) -> Result<(), Error> {
        net::blocking(move || {
            let Self { shared, request, .. } = &*self;
            let (part, destination) = (&request.part, &request.destination);
            let failed = |action| {
                move |error| space::disk_error(action, destination, error, shared.outstanding.bytes())
            };
            place(part, destination).map_err(failed("move a finished file to"))?;
            if let Some(journal) = self.written.lock().journal.take()
                && let Err(error) = journal.remove()
            {
                tracing::debug!(part = %url_parse::shown(part), %error, "cannot remove a journal");
            }
            if shared.durable {
                shared.folders.sync(destination).map_err(failed("sync the folder of"))?;
            }
            Ok(())
        })
        .await
    }

    /// Removes the part. A writer that is still active writes to a file without a name.
    pub(super) async fn discard(self: Arc<Self>) -> Result<(), Error> {
        net::blocking(move || {
            let mut written = self.written.lock();
            (written.journal, written.hash) = (None, None);
            drop(written);
            remove(&self.request.part).map_err(|error| self.failed("remove", error))
        })
        .await
    }

    fn failed(&self, action: &'static str, error: io::Error) -> Error {
        space::disk_error(action, &self.request.part, error, self.shared.outstanding.bytes())
    }
}

/// Records everything written, however the fetch ends: no one writes any more when a part is dropped.
impl Drop for Part {
    fn drop(&mut self) {
        if let Err(error) = self.written.get_mut().note(Instant::now()) {
            let part = url_parse::shown(&self.request.part);
            tracing::warn!(%part, %error, "cannot write the journal");
        }
    }
}

fn can_be_resumed(request: &FileRequest) -> bool {
    request.expected.md5.is_some() || request.expected.sha256.is_some()
}

type Opened = Result<(File, Spans, Option<Journal>), (&'static str, io::Error)>;

/// An old part and what its journal records; `None` if it cannot be resumed.
fn reopen(request: &FileRequest) -> Option<Opened> {
    if !can_be_resumed(request) {
        return None;
    }
    let (path, content) = (journal::path_of(&request.part), Content::of(&request.expected));
    let mut spans = journal::read(&path, &content);
    if spans.bytes() == 0 {
        return None;
    }
    let file = open_old(&request.part, request.expected.size)
        .inspect_err(|error| {
            tracing::debug!(part = %url_parse::shown(&request.part), %error, "cannot resume an unfinished file");
        })
        .ok()?;
    spans.cut(file.metadata().ok()?.len());
    if spans.bytes() == 0 {
        return None;
    }
    match Journal::go_on(path, content, &spans) {
        Ok(journal) => Some(Ok((file, spans, Some(journal)))),
        Err(error) => Some(Err(("record the progress of", error))),
    }
}

/// Opens a plain file of at most `size` bytes with a single name.
fn open_old(path: &Path, size: u64) -> io::Result<File> {
    let unfit = |reason: &'static str| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    let file = journal::open_plain(File::options().read(true).write(true), path)?;
    let found = file.metadata()?;
    if found.len() > size {
        return unfit("it is too long");
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&found) > 1 {
        return unfit("it has another name");
    }
    Ok(file)
}

/// Creates a part with permissions according to the umask. An old file is removed, not truncated: it
/// may be in use, under this name or another.
fn create(request: &FileRequest) -> Opened {
    let path = &request.part;
    let file = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        remove(path)?;
        journal::create_new(File::options().read(true).write(true), path)
    };
    let journal =
        can_be_resumed(request).then(|| Journal::new(journal::path_of(path), Content::of(&request.expected)));
    Ok((file().map_err(|error| ("create", error))?, Spans::default(), journal))
}

/// Removes a part and its journal. The journal goes first: without it, the part counts as empty.
fn remove(part: &Path) -> io::Result<()> {
    journal::remove(&journal::path_of(part))?;
    journal::remove(part)
}

fn place(part: &Path, destination: &Path) -> io::Result<()> {
    let rename = || patiently(|| fs::rename(part, destination));
    match rename() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = destination.parent() {
                fs::create_dir_all(folder)?;
            }
            rename()
        }
        result => result,
    }
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(written..).unwrap_or_default();
        at += written as u64;
    }
    Ok(())
}
