//! Accepted connections under the hub's own control: they can be reset, and their flushing can be
//! awaited.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::tls::{Stream, Tls};

/// Accepts connections and numbers them.
pub(super) struct Door {
    socket: Socket,
    tls: Option<Tls>,
    /// Connections in the TLS handshake, so that a slow one delays no other.
    handshakes: JoinSet<Option<(Stream, Caller)>>,
}

impl Door {
    pub(super) fn new(
        listener: TcpListener,
        numbers: Arc<AtomicU64>,
        open: OpenConnections,
        tls: Option<Tls>,
    ) -> Self {
        Self { socket: Socket { listener, numbers, open }, tls, handshakes: JoinSet::new() }
    }

    /// The next connection, for a caller that handles it alone.
    pub(super) async fn accept_bare(&self) -> (TcpStream, Caller) {
        self.socket.accept().await
    }
}

struct Socket {
    listener: TcpListener,
    numbers: Arc<AtomicU64>,
    open: OpenConnections,
}

impl Socket {
    async fn accept(&self) -> (TcpStream, Caller) {
        loop {
            if let Ok((stream, peer)) = self.listener.accept().await {
                // Failing to disable Nagle's algorithm only costs time.
                let _ = stream.set_nodelay(true);
                let number = self.numbers.fetch_add(1, Ordering::Relaxed);
                let control =
                    Arc::new(Control { number, _open: Some(self.open.one_more()), ..Control::default() });
                return (stream, Caller { peer, control });
            }
            // Possibly out of file descriptors; they become available when other connections close.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, caller) = loop {
            let (stream, caller) = tokio::select! {
                Some(Ok(Some(ready))) = self.handshakes.join_next() => break ready,
                accepted = self.socket.accept() => accepted,
            };
            let Some(tls) = self.tls.clone() else { break (Stream::Plain(stream), caller) };
            self.handshakes.spawn(async move { Some((tls.accept(stream).await?, caller)) });
        };
        (Connection { stream, control: caller.control }, caller.peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.listener.local_addr()
    }
}

/// The number of open connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenConnections(Arc<AtomicUsize>);

impl OpenConnections {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn one_more(&self) -> OpenConnection {
        self.0.fetch_add(1, Ordering::AcqRel);
        OpenConnection(self.clone())
    }
}

/// Counts as one until it is dropped.
#[derive(Debug)]
struct OpenConnection(OpenConnections);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A handle on the connection that a request came over.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) peer: SocketAddr,
    pub(super) control: Arc<Control>,
}

impl Connected<IncomingStream<'_, Door>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self { peer: *stream.remote_addr(), control: Arc::clone(&stream.io().control) }
    }
}

/// What a handler or a body may request of its connection.
#[derive(Debug, Default)]
pub(super) struct Control {
    number: u64,
    _open: Option<OpenConnection>,
    resets: AtomicBool,
    is_killed: AtomicBool,
    flushes: AtomicU64,
    reader: Mutex<Option<Waker>>,
    flush_waiter: Mutex<Option<Waker>>,
}

impl Control {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// When the connection closes, it closes with RST.
    pub(super) fn reset_on_close(&self) {
        self.resets.store(true, Ordering::Release);
    }

    /// Resets the connection now, even while its request is being handled.
    pub(super) fn kill(&self) {
        self.reset_on_close();
        self.is_killed.store(true, Ordering::Release);
        if let Some(reader) = self.reader.lock().take() {
            reader.wake();
        }
    }

    pub(super) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    /// Ready when everything written before flush number `seen` ended was passed to the kernel.
    pub(super) fn poll_flushed_after(&self, seen: u64, context: &Context<'_>) -> Poll<()> {
        *self.flush_waiter.lock() = Some(context.waker().clone());
        if self.flushes() > seen { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// One connection.
pub(super) struct Connection {
    stream: Stream,
    control: Arc<Control>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.control.resets.load(Ordering::Acquire) {
            // If this fails, the client sees a normal end, and a test that wanted a reset fails.
            let _ = self.stream.tcp().set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        *self.control.reader.lock() = Some(context.waker().clone());
        if self.control.is_killed.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.control.flushes.fetch_add(1, Ordering::AcqRel);
            if let Some(waiter) = self.control.flush_waiter.lock().take() {
                waiter.wake();
            }
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
