//! Causes failures between a client and a correct server.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::request_head::{Requests, head_for_server};
use crate::serving::Serving;

/// How much is forwarded at a time if the pace is limited.
const SIP: usize = 4 << 10;
const PIECE: usize = 64 << 10;

/// Stands in front of an http server on loopback until it is dropped, and forwards requests unchanged,
/// one per connection. It can stop at a request, drop a response, cut a body, or slow everything down.
///
/// ```
/// use local_hub::{FaultProxy, LocalWebStore};
///
/// let server = LocalWebStore::start();
/// let proxy = FaultProxy::before(&server.url());
/// assert!(proxy.url().starts_with("http://127.0.0.1:"));
/// assert!(proxy.requests().is_empty());
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    serving: Serving,
    shared: Arc<FaultProxyState>,
}

#[derive(Debug)]
struct FaultProxyState {
    /// `host:port` of the server.
    server: String,
    faults: Mutex<Faults>,
    stopped: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Faults {
    /// Methods and paths, in order of arrival.
    requests: Vec<String>,
    /// Nothing is forwarded from the request with this number on.
    stops_at: Option<usize>,
    /// The response to the request with this number is lost.
    loses: Option<usize>,
    /// For the next response to a request with this text in its path, only this many bytes of the body
    /// are forwarded.
    cuts: Vec<(String, u64)>,
    /// The bytes of all responses per second.
    pace: Option<u64>,
}

/// What happens to a request.
enum Fate {
    Passed,
    Stopped,
    Lost,
    Cut(u64),
}

impl FaultProxy {
    /// A proxy in front of the server with this URL.
    ///
    /// # Panics
    ///
    /// If no port or thread is available.
    #[expect(clippy::panic, reason = "a test that cannot have its proxy has failed")]
    pub fn before(url: &str) -> Self {
        let server = url.split_once("://").map_or(url, |(_, rest)| rest);
        let server = server.split('/').next().unwrap_or_default().to_owned();
        let (faults, stopped) = (Mutex::default(), watch::Sender::new(false));
        match Self::try_start(Arc::new(FaultProxyState { server, faults, stopped })) {
            Ok(proxy) => proxy,
            Err(error) => panic!("fault proxy: {error:#}"),
        }
    }

    fn try_start(shared: Arc<FaultProxyState>) -> Result<Self> {
        let state = Arc::clone(&shared);
        let serving = Serving::run("fault-proxy", |listener| serve(listener, state))?;
        Ok(Self { serving, shared })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address)
    }

    /// Methods and paths of all requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<String> {
        self.shared.faults.lock().requests.clone()
    }

    /// From the request with this number on, counted from now and from 0, none is forwarded or
    /// answered; with `None`, all later ones are again.
    pub fn stop_at(&self, number: Option<usize>) {
        let mut faults = self.shared.faults.lock();
        faults.stops_at = number.map(|number| faults.requests.len() + number);
        self.shared.stopped.send_replace(false);
    }

    /// Waits until a request is stopped.
    pub async fn stopped(&self) {
        // An error means that there is no sender, but `self` holds one.
        let _ = self.shared.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// The request with this number, counted from now and from 0, is forwarded, but the connection is
    /// closed instead of returning the response.
    pub fn lose_answer(&self, number: usize) {
        let mut faults = self.shared.faults.lock();
        faults.loses = Some(faults.requests.len() + number);
    }

    /// Closes the connection of the next request whose path contains `part` after this many bytes of
    /// the body.
    pub fn cut(&self, part: &str, after: u64) {
        self.shared.faults.lock().cuts.push((part.to_owned(), after));
    }

    /// Limits the speed, both of each connection and of all together, to this many bytes per second.
    pub fn slow_down(&self, bytes_per_second: u64) {
        self.shared.faults.lock().pace = Some(bytes_per_second);
    }
}

async fn serve(listener: TcpListener, shared: Arc<FaultProxyState>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(converse(stream, Arc::clone(&shared)));
    }
}

/// Forwards one request; any failure ends the connection.
async fn converse(stream: TcpStream, shared: Arc<FaultProxyState>) -> io::Result<()> {
    let mut requests = Requests::of(stream);
    let Some(parts) = requests.next().await? else { return Ok(()) };
    let fate = shared.faults.lock().arrived(parts.method.as_str(), parts.uri.path());
    if let Fate::Stopped = fate {
        shared.stopped.send_replace(true);
        std::future::pending::<()>().await;
    }
    let (client, rest) = requests.into_rest();
    let mut server = TcpStream::connect(&shared.server).await?;
    server.write_all(head_for_server(&parts).as_bytes()).await?;
    server.write_all(&rest).await?;
    let ((mut from_client, mut to_client), (from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let sending = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(drop) };
    let answering = async {
        match fate {
            Fate::Lost => drain(from_server).await,
            Fate::Cut(after) => cut(from_server, &mut to_client, after).await,
            Fate::Passed | Fate::Stopped => pass(from_server, &mut to_client, &shared).await,
        }
    };
    tokio::select! {
        answered = answering => answered,
        // The client has gone, or waits for its response without closing its half.
        Err(error) = sending => Err(error),
    }
}

impl Faults {
    fn arrived(&mut self, method: &str, path: &str) -> Fate {
        let number = self.requests.len();
        self.requests.push(format!("{method} {path}"));
        if self.stops_at.is_some_and(|stop| number >= stop) {
            return Fate::Stopped;
        }
        if self.loses == Some(number) {
            return Fate::Lost;
        }
        match self.cuts.iter().position(|(part, _)| path.contains(part.as_str())) {
            Some(at) => Fate::Cut(self.cuts.remove(at).1),
            None => Fate::Passed,
        }
    }
}

async fn drain(mut server: OwnedReadHalf) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    while server.read(&mut piece).await? > 0 {}
    Ok(())
}

async fn pass(
    mut server: OwnedReadHalf,
    client: &mut OwnedWriteHalf,
    shared: &FaultProxyState,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let pace = shared.faults.lock().pace;
        let most = if pace.is_some() { SIP } else { PIECE };
        let count = server.read(piece.get_mut(..most).unwrap_or_default()).await?;
        if count == 0 {
            return client.shutdown().await;
        }
        client.write_all(piece.get(..count).unwrap_or_default()).await?;
        if let Some(pace) = pace {
            tokio::time::sleep(Duration::from_micros(1_000_000 * count as u64 / pace)).await;
        }
    }
}

/// Forwards the head and this many bytes of the body.
async fn cut(mut server: OwnedReadHalf, client: &mut OwnedWriteHalf, after: u64) -> io::Result<()> {
    let mut received = Vec::new();
    while server.read_buf(&mut received).await? > 0 {}
    let head = received.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |end| end + 4);
    let end = received.len().min(head + usize::try_from(after).unwrap_or(usize::MAX));
    client.write_all(received.get(..end).unwrap_or_default()).await?;
    client.shutdown().await
}
