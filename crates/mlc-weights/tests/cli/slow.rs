//! Slow is not stuck: a slow connection or a suspended program loses nothing and retries nothing.

#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use local_hub::{Fault, FaultTarget, LocalProxy, ModelFixture, Times};

use crate::world::{PATIENCE, Ran, World};

/// The size of the pieces that the slow connection forwards.
const PIECE: usize = 250;

/// A proxy to `address` that forwards at most `rate` bytes per second over all connections together.
fn slow_proxy(address: SocketAddr, rate: u64) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let here = listener.local_addr().unwrap();
    let free_at = Arc::new(Mutex::new(Instant::now()));
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(address).unwrap();
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let free_at = Arc::clone(&free_at);
            std::thread::spawn(move || forward(far, near, &free_at, rate));
        }
    });
    here
}

#[expect(clippy::disallowed_methods, reason = "this is the line's slowness")]
fn forward(mut from: TcpStream, mut to: TcpStream, free_at: &Mutex<Instant>, rate: u64) {
    let mut piece = [0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let turn = {
            let mut free_at = free_at.lock().unwrap();
            let turn = (*free_at).max(Instant::now());
            *free_at = turn + Duration::from_micros(1_000_000 * length as u64 / rate);
            *free_at
        };
        std::thread::sleep(turn.saturating_duration_since(Instant::now()));
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // If one end is closed, so is the other.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[track_caller]
fn check_nothing_was_retried(ran: &Ran) {
    for event in ["retrying", "retrying-metadata", "duplicated"] {
        assert!(!ran.stderr.contains(&format!(r#""event":"{event}""#)), "{}", ran.stderr);
    }
}

#[test]
fn five_kilobytes_a_second_bring_a_whole_model() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(8, 8_000));
    let proxy = LocalProxy::start();
    let proxy_address = proxy.url().trim_start_matches("http://").parse().unwrap();
    let line = slow_proxy(proxy_address, 5_000);
    let cli = world.cli(&["download", &model.url, "--progress", "json"]);
    let ran = cli.env("ALL_PROXY", format!("socks5h://{line}")).start().end_within(2 * PATIENCE);
    ran.check_path(&world.entry(&model));
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    check_nothing_was_retried(&ran);
    assert!(!proxy.requests().is_empty());
}

/// Each of the eight connections pauses for longer than a server may be silent.
#[test]
fn a_limit_holds_for_all_connections_together_and_no_server_is_slow() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(8, 50_000));
    let arguments =
        ["download", &model.url, "--limit-rate", "100k", "-j", "8", "--progress", "json", "--json"];
    let ran = world.cli(&arguments).env("HF_HUB_DOWNLOAD_TIMEOUT", "1").run();
    let row = &ran.json()["models"][0];
    assert_eq!(row["outcome"], "downloaded", "{}", ran.stderr);
    assert!(row["bytes"]["hub"].as_u64().unwrap() >= 400_000);
    // The limit does not delay the last piece that is read.
    assert!(row["seconds"].as_f64().unwrap() > 2.0, "{row}");
    check_nothing_was_retried(&ran);
    // On a loaded machine the last file may reuse an earlier file's connection.
    let connections = world.hub.log().data().connections();
    assert!((6..=8).contains(&connections), "{connections}");
}

/// Several connections would each fill their buffers before the limit takes effect.
#[test]
fn a_low_rate_limit_uses_one_connection() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(4, 20_000));
    let ran = world.cli(&["download", &model.url, "--limit-rate", "400k"]).run();
    ran.check_path(&world.entry(&model));
    assert_eq!(world.hub.log().data().connections(), 1);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the program stands still for longer than a server may be silent"
)]
fn a_suspended_program_is_not_slow() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(2, 400_000));
    let slow = Fault::SlowDrip { bytes: 10_000, every: Duration::from_millis(100) };
    world.hub.fault(FaultTarget::data(""), slow, Times::Forever);
    let cli = world.cli(&["download", &model.url, "--progress", "json"]);
    let running = cli.env("HF_HUB_DOWNLOAD_TIMEOUT", "1").start();
    let begun = world.hub.log().data();
    assert!(begun.wait_until(PATIENCE, |log| log.bytes_sent() > 100_000));
    running.signal("STOP");
    std::thread::sleep(Duration::from_secs(3));
    running.signal("CONT");
    let ran = running.end();
    ran.check_path(&world.entry(&model));
    check_nothing_was_retried(&ran);
}
