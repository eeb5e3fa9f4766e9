//! libgit2's side of the session: a transport that it can drive, with blocking streams.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use git2::{ErrorClass, ErrorCode};

use super::session::{Body, Session};
use crate::Error;

thread_local! {
    /// The session of the fetch that runs on this thread: libgit2's transport factory has no other way to it.
    static CURRENT: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// Makes this the session of the current thread until the guard is dropped.
pub(super) fn enter(session: &Arc<Session>) -> Entered {
    CURRENT.set(Some(Arc::clone(session)));
    Entered(())
}

/// Ends the thread's session when a fetch is over, however it ends.
#[must_use = "the session ends when this is dropped"]
pub(super) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// The transport that libgit2 drives: one for each remote.
pub(super) struct SmartHttp {
    session: Arc<Session>,
}

impl SmartHttp {
    /// A transport for the session that was entered on this thread.
    pub(super) fn of_this_thread() -> Result<Self, git2::Error> {
        match CURRENT.with_borrow(Clone::clone) {
            Some(session) => Ok(Self { session }),
            None => Err(git2::Error::from_str("this URL scheme is private to mlc-weights")),
        }
    }
}

impl SmartSubtransport for SmartHttp {
    fn action(&self, _url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let answer = match service {
            // Asked for at once, so that a refusal ends the connection and not the first read.
            Service::UploadPackLs => Some(self.list()?),
            Service::UploadPack => None,
            Service::ReceivePackLs | Service::ReceivePack => {
                return Err(git2::Error::from_str("this transport only fetches"));
            }
        };
        Ok(Box::new(Exchange { session: Arc::clone(&self.session), request: Vec::new(), answer }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

impl SmartHttp {
    fn list(&self) -> Result<Received, git2::Error> {
        match self.session.advertisement() {
            Ok(chunk) => Ok(Received { chunk, body: None }),
            Err(error) => {
                let message = note(&self.session, error);
                Err(git2::Error::new(ErrorCode::GenericError, ErrorClass::Http, message))
            }
        }
    }
}

/// One request and its answer: what is written becomes the request, the first read sends it.
struct Exchange {
    session: Arc<Session>,
    request: Vec<u8>,
    answer: Option<Received>,
}

/// An answer, as far as it has come and was not read yet.
struct Received {
    chunk: Bytes,
    /// Where more comes from.
    body: Option<Body>,
}

impl Write for Exchange {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.answer.is_some() {
            return Err(io::Error::other("the request has already been sent"));
        }
        self.request.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_or_fail(buffer).map_err(|error| io::Error::other(note(&self.session, error)))
    }
}

impl Exchange {
    fn read_or_fail(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let answer = match &mut self.answer {
            Some(answer) => answer,
            none => {
                let body = self.session.upload_pack(std::mem::take(&mut self.request).into())?;
                none.insert(Received { chunk: Bytes::new(), body: Some(body) })
            }
        };
        if answer.chunk.is_empty()
            && let Some(body) = &mut answer.body
        {
            answer.chunk = body.next(&self.session)?.unwrap_or_default();
        }
        let length = buffer.len().min(answer.chunk.len());
        answer.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Keeps the error, and returns its message as libgit2 can carry it: it must hold no NUL.
fn note(session: &Session, error: Error) -> String {
    let message = error.to_string().replace('\0', " ");
    session.note_failure(error);
    message
}
