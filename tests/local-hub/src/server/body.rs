//! The body of every response: counted for the log, and cut, slowed or corrupted by faults.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Error;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use tokio::time::Sleep;

use super::connection::Control;
use crate::log::Exchange;

/// A fault's effect on a body.
#[derive(Debug, Default)]
pub(super) struct Spoil {
    pub(super) cut: Option<(u64, Cut)>,
    /// The byte in which a bit is flipped.
    pub(super) flip: Option<u64>,
    pub(super) drip: Option<(u64, Duration)>,
    /// Ends normally after this many bytes.
    pub(super) end: Option<u64>,
    /// Zeros that follow the body.
    pub(super) surplus: u64,
}

/// What happens at a cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    Close,
    Reset,
    Stall,
}

/// A body being sent to a client.
pub(super) struct SentBody {
    inner: Body,
    exchange: Exchange,
    control: Arc<Control>,
    spoil: Spoil,
    /// The total length, if known: the HTTP library does not ask for more after the last byte.
    length: Option<u64>,
    sent: u64,
    rest: Bytes,
    pause: Option<Pin<Box<Sleep>>>,
    awaited_flush: Option<u64>,
}

impl SentBody {
    pub(super) fn new(
        inner: Body,
        exchange: Exchange,
        control: Arc<Control>,
        spoil: Spoil,
        length: Option<u64>,
    ) -> Self {
        Self {
            inner,
            exchange,
            control,
            spoil,
            length,
            sent: 0,
            rest: Bytes::new(),
            pause: None,
            awaited_flush: None,
        }
    }

    /// The next bytes before cutting, dripping and flipping.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.spoil.surplus > 0 => {
                    let count = self.spoil.surplus.min(64 * 1024);
                    self.spoil.surplus -= count;
                    self.rest = BytesMut::zeroed(usize::try_from(count).unwrap_or(1)).freeze();
                }
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(())))
    }

    /// At the position of the cut: waits until everything before it was sent, then cuts.
    fn poll_cut(&mut self, cut: Cut, context: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if matches!(cut, Cut::Stall) {
            // Nothing wakes it; the client's disconnection is noticed by reading.
            return Poll::Pending;
        }
        let seen = *self.awaited_flush.get_or_insert_with(|| self.control.flushes());
        ready!(self.control.poll_flushed_after(seen, context));
        if matches!(cut, Cut::Reset) {
            self.control.reset_on_close();
        }
        self.exchange.cut();
        Poll::Ready(Some(Err(Error::new(io::Error::from(io::ErrorKind::ConnectionAborted)))))
    }

    /// How many bytes may be sent at once.
    fn allowance(&self) -> u64 {
        let before_cut = self.spoil.cut.map(|(at, _)| at.saturating_sub(self.sent));
        let before_end = self.spoil.end.map(|end| end.saturating_sub(self.sent));
        let drop = self.spoil.drip.map(|(bytes, _)| bytes.max(1));
        [before_cut, before_end, drop].into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Takes the next piece off `rest`.
    fn take_piece(&mut self) -> Bytes {
        let length =
            usize::try_from(self.allowance()).map_or(self.rest.len(), |most| most.min(self.rest.len()));
        let piece = self.rest.split_to(length);
        match self.spoil.flip.and_then(|at| at.checked_sub(self.sent)) {
            Some(at) if at < piece.len() as u64 => flipped(&piece, at),
            _ => piece,
        }
    }

    fn finish(&mut self) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.exchange.complete();
        Poll::Ready(None)
    }
}

fn flipped(piece: &Bytes, at: u64) -> Bytes {
    let mut bytes = BytesMut::from(piece.as_ref());
    if let Some(byte) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at)) {
        *byte ^= 1;
    }
    bytes.freeze()
}

impl http_body::Body for SentBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        match self.spoil.cut {
            Some((at, cut)) if self.sent >= at => return self.poll_cut(cut, context),
            _ => {}
        }
        if self.spoil.end.is_some_and(|end| self.sent >= end) {
            return self.finish();
        }
        match ready!(self.poll_rest(context)) {
            None => return self.finish(),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(())) => {}
        }
        let piece = self.take_piece();
        self.sent += piece.len() as u64;
        self.exchange.sent(piece.len());
        if self.length == Some(self.sent) {
            self.exchange.complete();
        }
        if let Some((_, every)) = self.spoil.drip {
            self.pause = Some(Box::pin(tokio::time::sleep(every)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
