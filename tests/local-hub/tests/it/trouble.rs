//! A plain client on a bad line.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use local_hub::{Limit, LocalHub, ModelFixture, Outcome, Trouble};

use crate::client::{Answer, get, get_range, receive};

const ID: &str = "mlc-ai/tiny";
const SHARD: &str = "params_shard_0.bin";

/// A hub with one shard, and its URLs on the hub and on the data host.
fn start(size: u64) -> (LocalHub, String, String) {
    let hub = LocalHub::builder().cheap_data_host().start();
    hub.publish(&ModelFixture::new(ID).shards(1, size));
    let resolve = format!("{}/{ID}/resolve/main/{SHARD}", hub.endpoint());
    let url = get(&resolve).location().to_owned();
    (hub, resolve, url)
}

/// A kept connection.
struct Kept {
    connection: BufReader<TcpStream>,
    request: String,
}

impl Kept {
    fn open(url: &str) -> Self {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let connection = BufReader::new(TcpStream::connect(host).unwrap());
        Self { connection, request: format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n") }
    }

    fn get(&mut self) -> std::io::Result<Answer> {
        self.connection.get_mut().write_all(self.request.as_bytes())?;
        receive(&mut self.connection, "GET")
    }
}

#[test]
fn one_of_two_connections_is_very_slow() {
    let (hub, _, url) = start(10);
    hub.set_trouble(Trouble { crawls: Some(2), ..Trouble::default() });
    let took = [(); 3].map(|()| {
        let began = Instant::now();
        assert_eq!(get(&url).body.len(), 10);
        began.elapsed()
    });
    // The last byte is not waited for.
    assert!(took[1] >= Duration::from_millis(850), "{took:?}");
    assert!(took[0] < took[1] && took[2] < took[1], "{took:?}");
}

#[test]
fn a_connection_keeps_the_pace_of_the_line() {
    let (hub, _, url) = start(20_000);
    hub.set_trouble(Trouble { pace: Some(40_000), ..Trouble::default() });
    let began = Instant::now();
    assert_eq!(get(&url).body.len(), 20_000);
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
}

#[test]
fn a_connection_breaks_after_what_it_carries_in_all() {
    for size in [3000, 300_000] {
        let (hub, _, url) = start(size);
        hub.set_trouble(Trouble { breaks_after: Some(size + size / 3), ..Trouble::default() });
        let mut kept = Kept::open(&url);
        assert_eq!(kept.get().unwrap().cut, None);
        let second = kept.get().unwrap();
        assert_eq!(second.body.len() as u64, size / 3);
        assert!(second.cut.is_some(), "{second:?}");
        assert_eq!(kept.connection.read(&mut [0]).unwrap_or_default(), 0);
        // Another connection starts fresh.
        assert_eq!(get(&url).cut, None);
        let data = hub.log().data();
        // The client may have its bytes before the log has them.
        assert!(data.wait_until(Duration::from_secs(10), |data| data.bytes_sent() == 2 * size + size / 3));
        assert_eq!(data.requests()[1].outcome, Outcome::CutByFault);
    }
}

#[test]
fn connections_are_closed_silently() {
    let (hub, _, url) = start(1000);
    hub.set_trouble(Trouble { hangs_up: true, ..Trouble::default() });
    let mut kept = Kept::open(&url);
    let first = kept.get().unwrap();
    assert_eq!((first.body.len(), first.cut, first.header("connection")), (1000, None, None));
    assert!(kept.get().is_err());
}

#[test]
fn some_answers_of_both_hosts_are_503() {
    let (hub, resolve, url) = start(1000);
    hub.set_trouble(Trouble { fails: Some(3), ..Trouble::default() });
    let statuses: Vec<u16> = [&resolve, &url, &url, &resolve, &url, &url].map(|url| get(url).status).to_vec();
    assert_eq!(statuses, [503, 200, 200, 503, 200, 200]);
    // The counts start at zero again.
    hub.set_trouble(Trouble { fails: Some(3), ..Trouble::default() });
    assert_eq!((get_range(&url, "bytes=0-9").status, get(&url).status), (503, 200));
    hub.set_trouble(Trouble::default());
    assert_eq!(get(&url).status, 200);
}

#[test]
fn a_limit_is_announced_until_it_ends() {
    let (hub, resolve, url) = start(1000);
    let limit = Limit { after: 1, lasts: Duration::from_millis(800) };
    hub.set_trouble(Trouble { limit: Some(limit), ..Trouble::default() });
    assert_eq!(get(&resolve).status, 302);
    let refused = get(&resolve);
    assert_eq!((refused.status, refused.header("ratelimit")), (429, Some("\"resolvers\";r=0;t=1")));
    // The data host has no such limit.
    assert_eq!(get(&url).status, 200);
    let began = Instant::now();
    while get(&resolve).status == 429 {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
}

#[test]
fn both_hosts_respond_slowly() {
    let (hub, resolve, url) = start(1000);
    hub.set_trouble(Trouble { delay: Duration::from_millis(150), ..Trouble::default() });
    for url in [resolve, url] {
        let began = Instant::now();
        get(&url);
        assert!(began.elapsed() >= Duration::from_millis(150), "{url}: {:?}", began.elapsed());
    }
}
