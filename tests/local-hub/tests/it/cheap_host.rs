//! The cheap data host behaves as a data host, and paced connections keep their pace.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use local_hub::{LocalHub, LocalHubBuilder, ModelFixture, Outcome, PublishedModel};

use crate::client::{get, get_range, head, receive, request};

const ID: &str = "mlc-ai/tiny";
const SHARD: &str = "params_shard_0.bin";

fn start(builder: LocalHubBuilder, size: u64) -> (LocalHub, PublishedModel, String) {
    let hub = builder.cheap_data_host().start();
    let model = hub.publish(&ModelFixture::new(ID).shards(1, size));
    let url = get(&format!("{}/{ID}/resolve/main/{SHARD}", hub.endpoint())).location().to_owned();
    (hub, model, url)
}

#[test]
fn serves_whole_files_and_ranges_from_memory_and_disk() {
    for size in [1000, 1_000_000] {
        let (hub, model, url) = start(LocalHub::builder(), size);
        let bytes = model.file(SHARD).unwrap().bytes();
        let whole = get(&url);
        assert_eq!((whole.status, whole.header("content-type")), (200, Some("application/octet-stream")));
        assert!(whole.body == bytes);
        let length = bytes.len();
        for (range, from, to) in [
            ("bytes=0-0", 0, 1),
            ("bytes=10-19", 10, 20),
            ("bytes=990-", 990, length),
            ("bytes=-9", length - 9, length),
        ] {
            let part = get_range(&url, range);
            assert!(part.status == 206 && part.body == bytes[from..to], "{range} of {size}");
            let expected = format!("bytes {from}-{}/{size}", to - 1);
            assert_eq!(part.header("content-range"), Some(expected.as_str()));
        }
        let past_the_end = get_range(&url, &format!("bytes={size}-"));
        let range = format!("bytes */{size}");
        assert_eq!((past_the_end.status, past_the_end.header("content-range")), (416, Some(range.as_str())));
        let headed = head(&url);
        assert_eq!((headed.status, headed.header("content-length")), (200, Some(size.to_string().as_str())));
        assert_eq!(hub.log().data().status(206).count(), 4);
    }
}

#[test]
fn refuses_what_a_data_host_refuses() {
    let (hub, _model, url) = start(LocalHub::builder(), 1000);
    let (path, _) = url.split_once('?').unwrap();
    assert_eq!(request("GET", &url, &[("authorization", "Bearer hf_x")]).unwrap().status, 400);
    assert_eq!(get(path).status, 403);
    assert_eq!(get(&format!("{}/elsewhere", hub.data_origin())).status, 404);
    hub.expire_signed_urls();
    assert_eq!(get(&url).status, 403);
}

#[test]
fn one_connection_carries_many_requests() {
    let (hub, model, url) = start(LocalHub::builder(), 300_000);
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut connection = BufReader::new(TcpStream::connect(host).unwrap());
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    // The second arrives in one piece with the first.
    connection.get_mut().write_all(request.repeat(2).as_bytes()).unwrap();
    for _ in 0..2 {
        assert!(receive(&mut connection, "GET").unwrap().body == model.file(SHARD).unwrap().bytes());
    }
    let data = hub.log().data();
    assert!(
        data.wait_until(Duration::from_secs(10), |data| data.requests().iter().all(|r| r.ended.is_some()))
    );
    assert_eq!((data.count(), data.connections(), data.bytes_sent()), (2, 1, 600_000));
}

#[test]
fn the_log_records_clients_that_leave_early() {
    let (hub, _model, url) = start(LocalHub::builder(), 30_000_000);
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    connection.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
    connection.read_exact(&mut [0; 1000]).unwrap();
    drop(connection);
    let left = |data: &local_hub::RequestLog| {
        data.requests().iter().all(|request| request.outcome == Outcome::ClosedByClient)
    };
    assert!(hub.log().data().wait_until(Duration::from_secs(10), left));
}

/// The kernel lets a few hundred kilobytes pass at once; the rest is paced.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_keeps_its_pace() {
    let (_hub, model, url) = start(LocalHub::builder().pace(10_000_000), 4_000_000);
    let began = Instant::now();
    assert!(get(&url).body == model.file(SHARD).unwrap().bytes());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(250), "4 MB at 10 MB/s took {took:?}");
}

#[test]
fn a_flipped_bit_is_only_on_the_data_host() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID).shards(2, 1000).flipped_bit(1, 999));
    for (index, differences) in [(0, 0), (1, 1)] {
        let path = format!("params_shard_{index}.bin");
        let url = format!("{}/{ID}/resolve/main/{path}", hub.endpoint());
        let served = get(get(&url).location()).body;
        let expected = model.file(&path).unwrap().bytes();
        let bits = served.iter().zip(&expected).map(|(one, other)| (one ^ other).count_ones()).sum::<u32>();
        assert_eq!((served.len(), bits), (1000, differences));
    }
}
