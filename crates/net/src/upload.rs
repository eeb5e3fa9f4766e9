//! A request body that is sent while it is read.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// A body in memory is passed to the connection in pieces of this size, so that progress is visible.
const PIECE: usize = 64 << 10;
/// How many pieces may wait for the connection.
const AHEAD: usize = 2;

/// A request body: bytes in memory, or bytes that are still being read.
#[derive(Debug)]
pub struct Upload {
    pieces: Pieces,
    left: u64,
    handed: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Pieces {
    Whole(Bytes),
    Coming(Receiver<Bytes>),
}

impl Upload {
    /// A body of these bytes.
    pub fn of(bytes: Bytes) -> Self {
        Self { left: bytes.len() as u64, pieces: Pieces::Whole(bytes), handed: Arc::default() }
    }

    /// A body of exactly `length` bytes, to be sent into the returned channel. If the sender is dropped
    /// too early, the request is aborted and the server sees an incomplete body.
    pub fn channel(length: u64) -> (Sender<Bytes>, Self) {
        let (sender, receiver) = channel(AHEAD);
        (sender, Self { pieces: Pieces::Coming(receiver), left: length, handed: Arc::default() })
    }

    /// A counter of the bytes that the connection has taken.
    pub(crate) fn handed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.handed)
    }
}

/// The number of bytes differs from what was announced.
#[derive(Debug, thiserror::Error)]
#[error("the bytes to be sent could not all be read")]
pub struct CutShort;

impl Body for Upload {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match &mut self.pieces {
            Pieces::Whole(bytes) => Some(bytes.split_to(bytes.len().min(PIECE))),
            Pieces::Coming(receiver) => ready!(receiver.poll_recv(context)),
        };
        let length = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let Some(piece) = piece.filter(|_| (1..=self.left).contains(&length)) else {
            return Poll::Ready(Some(Err(CutShort)));
        };
        self.left -= length;
        self.handed.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use url::Url;

    use super::*;
    use crate::{Answer, Client, Error, Hop, NetSettings, Request};

    const LARGE: usize = 32 << 20;
    const PATIENCE: Duration = Duration::from_millis(500);

    /// A server that takes at most `most` bytes of one request, with a pause after each piece, and
    /// answers if that was all. Returns how much it received; keeps the connection open until then.
    async fn server(most: usize, pause: Duration) -> (Url, JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let taking = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (mut taken, mut piece) = (0, vec![0; 8 << 20]);
            while taken < most {
                match connection.read(&mut piece).await {
                    Ok(0) | Err(_) => return taken,
                    Ok(count) => taken += count,
                }
                tokio::time::sleep(pause).await;
            }
            if most > LARGE {
                connection.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            } else {
                tokio::time::sleep(PATIENCE * 20).await;
            }
            taken
        });
        (url, taking)
    }

    async fn upload(url: Url, body: Upload) -> Result<Answer, Error> {
        let idle_timeout = Duration::from_millis(1);
        let settings = NetSettings { upload_timeout: PATIENCE, idle_timeout, ..NetSettings::default() };
        let mut request = Request::get(url, "write", Hop::Store);
        request.method = reqwest::Method::PUT;
        Client::new(settings).unwrap().upload(request, body, &()).await
    }

    #[tokio::test]
    async fn a_server_may_be_slow_and_not_stop() {
        let (url, taking) = server(LARGE + 1, Duration::from_millis(50)).await;
        let answer = upload(url, Upload::of(vec![7; LARGE].into())).await.unwrap();
        assert_eq!(answer.status(), 201);
        assert!(taking.await.unwrap() > LARGE);

        let (url, taking) = server(LARGE / 2, Duration::ZERO).await;
        let error = upload(url, Upload::of(vec![7; LARGE].into())).await.unwrap_err();
        assert!(matches!(error, Error::Stalled { idle: PATIENCE, .. }), "{error:?}");
        taking.abort();
    }

    /// nginx takes a request without a length to have no body.
    #[tokio::test]
    async fn an_empty_body_has_a_length() {
        let server = local_hub::LocalWebStore::start();
        let url: Url = server.url().parse().unwrap();
        upload(url.clone(), Upload::of(Bytes::new())).await.unwrap();
        let mut request = Request::get(url, "write", Hop::Store);
        request.method = reqwest::Method::PUT;
        Client::new(NetSettings::default()).unwrap().send(request, &()).await.unwrap();
        for request in server.requests() {
            let length = request.headers.iter().find(|(name, _)| name == "content-length");
            assert_eq!(length.unwrap().1, "0");
        }
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn an_incomplete_upload_is_aborted() {
        for pieces in [&[&b"one"[..]][..], &[b"one", b"two and more"]] {
            let (url, taking) = server(usize::MAX, Duration::ZERO).await;
            let (sender, body) = Upload::channel(6);
            let send = async move {
                for piece in pieces {
                    // The receiver may have gone.
                    let _ = sender.send(Bytes::from_static(piece)).await;
                }
            };
            let (answer, ()) = tokio::join!(upload(url, body), send);
            assert!(matches!(answer.unwrap_err(), Error::Transport { .. }));
            taking.await.unwrap();
        }
    }
}
