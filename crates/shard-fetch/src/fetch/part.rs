//! Writing one file on a blocking thread: bytes go to disk, are hashed, and when all are there and right,
//! the file is moved to its destination.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::FileRequest;
use super::run::Shared;
use super::space;
use crate::{Error, Mismatch, StreamHasher};

/// How many chunks may wait for the disk. The HTTP library's chunks have up to about 400 KB.
const CHUNKS_WAITING: usize = 2;

/// The asynchronous end of the job that writes one file, from its first byte on. Dropping it ends the job
/// after the chunks it has been given; the part then stays behind.
pub(super) struct PartWriter {
    messages: mpsc::Sender<Message>,
    job: JoinHandle<Result<Ended, Error>>,
}

enum Message {
    Chunk(Bytes),
    Finish,
    Discard,
}

/// How the job ended.
enum Ended {
    /// The file is right, and at its destination.
    Placed,
    /// The file is not what was expected, and was removed.
    Mismatch(Mismatch),
    /// The file was given up before its end.
    GivenUp,
}

impl PartWriter {
    pub(super) fn start(shared: Arc<Shared>, request: Arc<FileRequest>) -> Self {
        let (messages, receiver) = mpsc::channel(CHUNKS_WAITING);
        // `shared` holds what must be kept alive until the job ends.
        let job = spawn_blocking(move || write_file(&shared, &request, receiver));
        Self { messages, job }
    }

    /// Hands over the next bytes; waits while the disk is slower than the network.
    pub(super) async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        match self.messages.send(Message::Chunk(chunk)).await {
            Ok(()) => Ok(()),
            // The job ends early only by failing.
            Err(_) => Err(ended((&mut self.job).await).err().unwrap_or(Error::Cancelled)),
        }
    }

    /// All bytes were handed over: compares, syncs, and moves the file. A file that is not what was expected
    /// is removed.
    pub(super) async fn finish(self) -> Result<Result<(), Mismatch>, Error> {
        match self.end(Message::Finish).await? {
            Ended::Placed => Ok(Ok(())),
            Ended::Mismatch(mismatch) => Ok(Err(mismatch)),
            Ended::GivenUp => Err(Error::Cancelled),
        }
    }

    /// Removes what was written.
    pub(super) async fn discard(self) -> Result<(), Error> {
        self.end(Message::Discard).await.map(drop)
    }

    async fn end(self, message: Message) -> Result<Ended, Error> {
        // When the job has ended already, its result says why.
        drop(self.messages.send(message).await);
        ended(self.job.await)
    }
}

/// The result of a blocking job; a panic in it is passed on.
pub(super) fn ended<T>(joined: Result<Result<T, Error>, JoinError>) -> Result<T, Error> {
    match joined {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Cancelled),
        },
    }
}

fn write_file(
    shared: &Shared,
    request: &FileRequest,
    mut messages: mpsc::Receiver<Message>,
) -> Result<Ended, Error> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |error| space::disk_error(action, &path, error, shared.outstanding.bytes())
    };
    let part = &request.part;
    let mut file = create_anew(part).map_err(failed("create", part))?;
    let mut hasher = StreamHasher::for_expected(&request.expected);
    loop {
        match messages.blocking_recv() {
            Some(Message::Chunk(chunk)) => {
                file.write_all(&chunk).map_err(failed("write to", part))?;
                hasher.update(&chunk);
            }
            Some(Message::Finish) => break,
            Some(Message::Discard) => {
                drop(file);
                fs::remove_file(part).map_err(failed("remove", part))?;
                return Ok(Ended::GivenUp);
            }
            None => return Ok(Ended::GivenUp),
        }
    }
    if let Err(mismatch) = request.expected.check(&hasher.finish()) {
        drop(file);
        fs::remove_file(part).map_err(failed("remove", part))?;
        return Ok(Ended::Mismatch(mismatch));
    }
    if shared.durable {
        file.sync_data().map_err(failed("sync", part))?;
    }
    drop(file);
    place(part, &request.destination).map_err(failed("move a finished file to", &request.destination))?;
    Ok(Ended::Placed)
}

/// Creates `path` with the permissions of the process's umask. An old file is removed, not truncated: it
/// may be in use by somebody else, under this name or another.
fn create_anew(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::options().write(true).create_new(true).open(path)
}

fn place(part: &Path, destination: &Path) -> io::Result<()> {
    if let Some(folder) = destination.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(part, destination)
}
