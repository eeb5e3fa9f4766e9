//! Starting, running and stopping several hubs.

use std::io::ErrorKind;
use std::time::Duration;

use local_hub::{Fault, FaultTarget, LocalHub, ModelFixture, Outcome, Times};

use crate::client::{get, receive_head, send};

const ID: &str = "mlc-ai/tiny";

#[test]
fn several_hubs_run_at_once() {
    std::thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || {
                let hub = LocalHub::start();
                let model = hub.publish(&ModelFixture::new(ID).seed(seed));
                let url = format!("{}/{ID}/resolve/main/params_shard_0.bin", hub.endpoint());
                let shard = model.file("params_shard_0.bin").unwrap();
                assert!(get(get(&url).location()).body == shard.bytes());
                assert_eq!((hub.log().hub().count(), hub.log().data().count()), (1, 1));
                assert_eq!(hub.log().data().bytes_sent(), shard.size);
            });
        }
    });
}

#[test]
fn a_dropped_hub_leaves_nothing() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let url = format!("{}/{ID}/resolve/main/params_shard_0.bin", hub.endpoint());
    let signed = get(&url).location().to_owned();
    hub.fault(FaultTarget::data(""), Fault::Stall { after: 1 }, Times::Forever);
    let mut open = send("GET", &signed, &[]).unwrap();
    receive_head(&mut open).unwrap();

    let folder = hub.folder().to_owned();
    assert!(folder.join("git").is_dir());
    drop(hub);
    assert!(!folder.exists());
    // The port may already belong to another hub.
    let mut rest = Vec::new();
    let ended = std::io::Read::read_to_end(&mut open, &mut rest).map_err(|error| error.kind());
    assert!(
        matches!(ended, Ok(_) | Err(ErrorKind::ConnectionReset)),
        "{ended:?}: the connection is still open"
    );
}

#[tokio::test]
async fn can_be_used_and_dropped_in_async_code() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let url = format!("{}/{ID}/resolve/main/README.md", hub.endpoint());
    let log = hub.log();
    let asking = tokio::task::spawn_blocking(move || get(&url).status);
    assert!(log.until(Duration::from_secs(10), |log| log.resolve().status(307).count() == 1).await);
    assert_eq!(asking.await.unwrap(), 307);
    assert!(!log.until(Duration::from_millis(1), |log| log.data().count() > 0).await);
    assert!(!log.wait_until(Duration::from_millis(1), |log| log.data().count() > 0));
}

#[test]
fn the_log_tells_order_and_connections() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let url = format!("{}/{ID}/resolve/main/README.md", hub.endpoint());
    get(&url);
    get(&format!("{url}?download=true"));
    let requests = hub.log().requests();
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(first.began < first.ended.unwrap() && first.ended.unwrap() < second.began);
    assert_ne!((first.connection, first.peer), (second.connection, second.peer));
    assert_eq!((second.query.as_str(), second.outcome), ("download=true", Outcome::Complete));
    assert_eq!((first.model.as_deref(), first.file.as_deref()), (Some(ID), Some("README.md")));
    assert_eq!(hub.log().max_concurrent(), 1);
    let line = hub.log().to_string();
    assert!(line.contains("Hub #0 GET /mlc-ai/tiny/resolve/main/README.md -> 307, "), "{line}");
}

#[test]
fn latency_comes_before_every_answer() {
    let latency = Duration::from_millis(20);
    let hub = LocalHub::builder().latency(latency).start();
    hub.publish(&ModelFixture::new(ID));
    let began = std::time::Instant::now();
    get(get(&format!("{}/{ID}/resolve/main/params_shard_0.bin", hub.endpoint())).location());
    assert!(began.elapsed() >= 2 * latency);
}
