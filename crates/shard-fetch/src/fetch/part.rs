//! One file on its way, on disk: bytes are written at their place in any order, noted in a journal, hashed
//! behind the writers' backs, and when all are there and right, the file is moved to its destination.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::journal::{self, Content, Journal};
use super::request::FileRequest;
use super::shared::Shared;
use super::space;
use super::spans::Spans;
use crate::hash::{HashHandle, HashJob};
use crate::{Digests, Error};

/// How much of a file may be written before its journal says so, and how long that may take.
const NOTE_BYTES: u64 = 4 << 20;
const NOTE_EVERY: Duration = Duration::from_millis(250);

/// A file that is being written. What it does on disk it does on blocking threads; each of these jobs holds
/// what must be kept alive until it ends.
pub(super) struct Part {
    shared: Arc<Shared>,
    request: Arc<FileRequest>,
    file: Arc<File>,
    written: Mutex<Written>,
    /// What was there when it was opened.
    kept: Spans,
}

/// That a part's bytes are as durable as they are to be: it may get its name among the verified files, where a
/// file that a power failure cut short would be taken for whole.
#[must_use]
pub(super) struct Synced(());

struct Written {
    spans: Spans,
    /// What of it the journal does not say.
    unnoted: Spans,
    noted_at: Option<Instant>,
    /// `None` once the part is discarded, or when there is no digest: then nothing could be told of what a
    /// later fetch finds.
    journal: Option<Journal>,
    hash: Option<HashHandle>,
}

impl Written {
    /// Notes what is written. A record for each write would be many; what the journal does not say is fetched a second
    /// time after a crash.
    fn note(&mut self, now: Instant) -> io::Result<()> {
        self.noted_at = Some(now);
        let unnoted = std::mem::take(&mut self.unnoted);
        self.journal.as_mut().map_or(Ok(()), |journal| journal.note(unnoted.iter(), &self.spans))
    }

    /// The first bytes are noted at once: a journal that is there can be added to when the disk is full.
    fn note_if_due(&mut self, now: Instant) -> io::Result<()> {
        let is_due = self.noted_at.is_none_or(|noted_at| now >= noted_at + NOTE_EVERY);
        if is_due || self.unnoted.bytes() >= NOTE_BYTES { self.note(now) } else { Ok(()) }
    }
}

impl Part {
    /// Opens the file's part where an earlier fetch has left one that can be gone on with, else a new one.
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

    /// What was there when it was opened.
    pub(super) fn kept(&self) -> &Spans {
        &self.kept
    }

    /// Writes `bytes` at their place, and from time to time notes what is written.
    pub(super) async fn write(self: &Arc<Self>, at: u64, bytes: Bytes) -> Result<(), Error> {
        let part = Arc::clone(self);
        net::blocking(move || {
            write_all_at(&part.file, &bytes, at).map_err(|error| part.failed("write to", error))?;
            part.has_written(at, &bytes).map_err(|error| part.failed("note the progress of", error))
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
        // A file that is whole is about to be moved.
        if written.spans.bytes() < self.request.expected.size {
            written.note_if_due(Instant::now())
        } else {
            Ok(())
        }
    }

    /// The digests of the file, all of which must have been written.
    pub(super) async fn digests(&self) -> Result<Digests, Error> {
        let hash = self.written.lock().hash.take();
        hash.ok_or(net::Error::Cancelled)?.finished().await
    }

    /// Makes the file's bytes durable, all of which must have been written, unless nobody asked for it.
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
                tracing::debug!(part = %url_parse::shown(part), %error, "a journal stays behind");
            }
            if shared.durable {
                shared.folders.sync(destination).map_err(failed("sync the folder of"))?;
            }
            Ok(())
        })
        .await
    }

    /// Removes what there is. Whoever is still writing writes to a file without a name.
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

/// However the fetch ends, what was written is noted: nobody writes any more when a part is dropped.
impl Drop for Part {
    fn drop(&mut self) {
        if let Err(error) = self.written.get_mut().note(Instant::now()) {
            let part = url_parse::shown(&self.request.part);
            tracing::warn!(%part, %error, "the last progress could not be noted");
        }
    }
}

fn can_be_resumed(request: &FileRequest) -> bool {
    request.expected.md5.is_some() || request.expected.sha256.is_some()
}

type Opened = Result<(File, Spans, Option<Journal>), (&'static str, io::Error)>;

/// An old part with what its journal says of it; `None` when there is nothing to go on with.
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
            tracing::debug!(part = %url_parse::shown(&request.part), %error, "an old part cannot be gone on with");
        })
        .ok()?;
    spans.cut(file.metadata().ok()?.len());
    if spans.bytes() == 0 {
        return None;
    }
    match Journal::go_on(path, content, &spans) {
        Ok(journal) => Some(Ok((file, spans, Some(journal)))),
        Err(error) => Some(Err(("note the progress of", error))),
    }
}

/// Opens a plain file of at most `size` bytes that has no other name.
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

/// A new part, with the permissions of the process's umask. An old file is removed, not truncated: it may be
/// in use by somebody else, under this name or another.
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

/// Removes a part and its journal, that first: without it, what is left of the part is nothing.
fn remove(part: &Path) -> io::Result<()> {
    journal::remove(&journal::path_of(part))?;
    journal::remove(part)
}

fn place(part: &Path, destination: &Path) -> io::Result<()> {
    match fs::rename(part, destination) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = destination.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(part, destination)
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
