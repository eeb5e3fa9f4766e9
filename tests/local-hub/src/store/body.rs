//! A stored content, or a part of it, as the body of an HTTP response.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use super::{Source, Stored};

const PIECE: u64 = 128 * 1024;

/// The bytes `range` of a [`Stored`].
///
/// Files are read on the hub's own threads, without a blocking pool: they are in the page cache, and
/// the hub should use as little processor time as possible beside the client that is measured.
pub(crate) struct StoredBody {
    source: Source,
    left: u64,
}

impl StoredBody {
    pub(crate) fn open(stored: &Stored, range: &Range<u64>) -> io::Result<Self> {
        let left = range.end - range.start;
        let mut source = stored.source(range)?;
        if let Source::File(file) = &mut source {
            file.seek(SeekFrom::Start(range.start))?;
        }
        Ok(Self { source, left })
    }

    fn next_piece(&mut self) -> io::Result<Bytes> {
        match &mut self.source {
            Source::Memory(bytes) => Ok(std::mem::take(bytes)),
            Source::File(file) => {
                let length = usize::try_from(self.left.min(PIECE)).map_err(io::Error::other)?;
                let mut piece = BytesMut::zeroed(length);
                file.read_exact(&mut piece)?;
                Ok(piece.freeze())
            }
        }
    }
}

pub(super) fn slice(bytes: &Bytes, range: &Range<u64>) -> io::Result<Bytes> {
    let start = usize::try_from(range.start).map_err(io::Error::other)?;
    let end = usize::try_from(range.end).map_err(io::Error::other)?;
    if start > end || end > bytes.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.slice(start..end))
}

impl Body for StoredBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = self.next_piece();
        if let Ok(piece) = &piece {
            self.left -= piece.len() as u64;
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
