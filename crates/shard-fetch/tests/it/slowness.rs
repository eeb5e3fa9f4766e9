//! Hosts that send very little for as long as they are allowed to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use local_hub::{Fault, FaultTarget, Times};
use net::Floor;
use shard_fetch::{Error, ErrorKind, LocateError, LocateReason, Location, Locator, RepoPath, async_trait};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Stage, chain};

/// The floor's window in these tests; the default is 60 s.
const WINDOW: Duration = Duration::from_secs(1);

fn with_floor(stage: Stage, bytes: u64) -> Stage {
    stage.with_net(|net| {
        net.idle_timeout = WINDOW / 2;
        net.floor = Floor { bytes, window: WINDOW };
    })
}

fn drip(stage: &Stage, file: &str, bytes: u64, milliseconds: u64) {
    let drip = Fault::SlowDrip { bytes, every: Duration::from_millis(milliseconds) };
    stage.hub.fault(FaultTarget::data(file), drip, Times::Forever);
}

#[tokio::test]
async fn trickles_on_all_connections_end_the_fetch() {
    let stage = with_floor(Stage::new(&[("a.bin", 300_000), ("b.bin", 300_000)]), 6_000);
    drip(&stage, "", 1, 20);
    let began = Instant::now();
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::AllTooSlow { .. }), "{}", chain(&error));
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Network, true));
    // On a busy machine the window is a little longer than 1 s.
    let said = error.to_string();
    assert!(said.contains(" B arrived in ") && said.ends_with(" s, over all connections together"), "{said}");
    assert!((WINDOW..10 * WINDOW).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_slow_connection_among_others_continues() {
    let stage = with_floor(Stage::new(&[("a.bin", 2_000), ("b.bin", 200_000)]), 6_000);
    drip(&stage, "a.bin", 20, 20);
    drip(&stage, "b.bin", 2_000, 20);
    stage.fetch_all().await;
}

/// In a crowd, some connections get nothing for a while. That uses up none of a file's attempts.
#[tokio::test]
async fn silence_of_a_host_that_serves_other_files_is_not_a_failure() {
    let stage = Stage::new(&[("a.bin", 2_000), ("b.bin", 500_000)]);
    let stage = stage.with_net(|net| net.idle_timeout = Duration::from_millis(150));
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::Stall { after: 0 }, Times::N(8));
    drip(&stage, "b.bin", 2_000, 20);
    stage.fetch_all().await;
    assert_eq!(stage.events.retries("a.bin").len(), 8);
}

#[tokio::test]
async fn waiting_for_a_servers_limit_is_not_slow() {
    let stage = with_floor(Stage::one(100_000), 6_000);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::retry_after(503, "3"), Times::Once);
    let began = Instant::now();
    stage.fetch_all().await;
    assert!(began.elapsed() > 2 * WINDOW);
}

#[tokio::test]
async fn ten_bytes_of_each_range_end_the_fetch() {
    let stage = Stage::one(10_000);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.bin", listener.local_addr().unwrap());
    let asked = AtomicU64::new(0);
    let serving = async {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            serve_ten_bytes(connection, &asked).await;
        }
    };
    let fetching = stage.fetch_from(stage.requests(), Arc::new(At(url)), Arc::new(()));
    let error = tokio::select! {
        outcome = fetching => outcome.unwrap_err(),
        () = serving => unreachable!(),
    };
    assert!(matches!(error, Error::GaveUp { attempts: 6, .. }), "{}", chain(&error));
    assert!(chain(&error).contains("sent only 10 B of the requested range"), "{}", chain(&error));
    assert_eq!(asked.into_inner(), 6);
}

/// Answers each request of a connection with the first ten bytes of its range.
async fn serve_ten_bytes(mut connection: TcpStream, asked: &AtomicU64) {
    let (mut head, mut buffer) = (String::new(), [0; 1024]);
    while let Ok(length @ 1..) = connection.read(&mut buffer).await {
        head += &String::from_utf8_lossy(&buffer[..length]);
        if !head.ends_with("\r\n\r\n") {
            continue;
        }
        asked.fetch_add(1, Ordering::Relaxed);
        let start = head.to_lowercase().split_once("range: bytes=").unwrap().1.to_owned();
        let start: u64 = start.split_once('-').unwrap().0.parse().unwrap();
        let answer = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/10000\r\nContent-Length: 10\r\n\r\n\
             0123456789",
            start + 9
        );
        connection.write_all(answer.as_bytes()).await.unwrap();
        head.clear();
    }
}

/// Every file is at this URL.
struct At(String);

#[async_trait]
impl Locator for At {
    async fn locate(&self, _: &RepoPath, _: LocateReason) -> Result<Location, LocateError> {
        Ok(Location::new(self.0.parse().unwrap()))
    }
}
