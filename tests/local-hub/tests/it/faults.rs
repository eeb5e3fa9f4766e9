//! Faults: each does what it says, in order, and to nothing else.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use local_hub::{Fault, FaultTarget, Hold, LocalHub, ModelFixture, Outcome, PublishedModel, Times};

use crate::client::{get, get_range, receive_head, request, send};

const ID: &str = "mlc-ai/tiny";
const SHARD: &str = "params_shard_0.bin";
const PATIENCE: Duration = Duration::from_secs(10);

struct Case {
    hub: LocalHub,
    url: String,
    bytes: Vec<u8>,
}

/// A hub with one shard of 400,000 bytes, and its signed URL.
fn start() -> Case {
    let hub = LocalHub::start();
    let model: PublishedModel = hub.publish(&ModelFixture::new(ID).shards(1, 400_000));
    let url = get(&format!("{}/{ID}/resolve/main/{SHARD}", hub.endpoint())).location().to_owned();
    let bytes = model.file(SHARD).unwrap().bytes();
    Case { hub, url, bytes }
}

impl Case {
    fn fault(&self, fault: Fault) {
        self.hub.fault(FaultTarget::data(SHARD), fault, Times::Once);
    }

    /// Checks that the fault was used up and the next response is right.
    #[track_caller]
    fn check_healed(&self) {
        assert_eq!(self.hub.faults_left(), 0);
        assert!(get(&self.url).body == self.bytes);
    }

    #[track_caller]
    fn check_outcome(&self, outcome: Outcome) {
        let settled = |log: &local_hub::RequestLog| log.in_flight() == 0;
        assert!(self.hub.log().wait_until(PATIENCE, settled));
        assert_eq!(self.hub.log().data().requests().last().unwrap().outcome, outcome);
    }
}

#[test]
fn statuses_are_served_in_order_and_on_their_path_only() {
    let case = start();
    case.hub.fault(FaultTarget::data(SHARD), Fault::status(503), Times::N(2));
    case.fault(Fault::rate_limited(7));
    case.hub.fault(FaultTarget::resolve("other.bin"), Fault::status(500), Times::Forever);
    let answers: Vec<_> = (0..4).map(|_| get(&case.url)).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [503, 503, 429, 200]);
    assert_eq!(answers[2].header("ratelimit"), Some("\"resolvers\";r=0;t=7"));
    let resolve = format!("{}/{ID}/resolve/main/{SHARD}", case.hub.endpoint());
    assert_eq!(get(&resolve).status, 302);
    assert_eq!(case.hub.faults_left(), 1);
    case.hub.clear_faults();
    case.check_healed();
}

#[test]
fn retry_after_redirect_and_html() {
    let case = start();
    let resolve = format!("{}/{ID}/resolve/main/{SHARD}", case.hub.endpoint());
    for fault in [Fault::retry_after(503, "3"), Fault::redirect(307, "http://127.0.0.1:1/x"), Fault::Html] {
        case.hub.fault(FaultTarget::resolve(SHARD), fault, Times::Once);
    }
    assert_eq!(get(&resolve).header("retry-after"), Some("3"));
    assert_eq!(get(&resolve).location(), "http://127.0.0.1:1/x");
    let html = get(&resolve);
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html; charset=utf-8")));
    case.check_healed();
}

#[test]
fn truncation_sends_the_given_bytes_and_closes() {
    for after in [0, 1, 100_000, 399_999] {
        let case = start();
        case.fault(Fault::Truncate { after });
        let answer = get(&case.url);
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("400000")));
        assert_eq!((answer.cut, answer.body.len() as u64), (Some(ErrorKind::UnexpectedEof), after));
        assert!(case.bytes.starts_with(&answer.body));
        case.check_outcome(Outcome::CutByFault);
        assert_eq!(case.hub.log().data().bytes_sent(), after);
        case.check_healed();
    }
}

#[test]
fn a_reset_fault_resets_the_connection() {
    let case = start();
    case.fault(Fault::Reset { after: 10_000 });
    let answer = get(&case.url);
    assert_eq!(answer.cut, Some(ErrorKind::ConnectionReset));
    assert!(answer.body.len() <= 10_000 && case.bytes.starts_with(&answer.body));
    case.check_outcome(Outcome::CutByFault);
    case.check_healed();
}

#[test]
fn a_refused_request_gets_a_reset_without_a_head() {
    let case = start();
    case.fault(Fault::Refuse);
    let error = request("GET", &case.url, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    case.check_healed();
}

#[test]
fn stalls_last_until_the_client_leaves() {
    let case = start();
    case.fault(Fault::Stall { after: 5 });
    let mut connection = send("GET", &case.url, &[]).unwrap();
    assert_eq!(receive_head(&mut connection).unwrap().status, 200);
    let mut start = [0; 5];
    std::io::Read::read_exact(&mut connection, &mut start).unwrap();
    assert_eq!(start, case.bytes[..5]);
    assert_eq!(case.hub.log().data().in_flight(), 1);
    drop(connection);
    case.check_outcome(Outcome::ClosedByClient);
    case.check_healed();
}

#[test]
fn no_answer_lasts_until_the_client_leaves() {
    let case = start();
    case.fault(Fault::NoAnswer);
    let connection = send("GET", &case.url, &[]).unwrap();
    assert!(case.hub.log().wait_until(PATIENCE, |log| log.data().in_flight() == 1));
    drop(connection);
    case.check_outcome(Outcome::ClosedByClient);
    assert_eq!(case.hub.log().data().requests()[0].status, None);
    case.check_healed();
}

#[test]
fn corruption_is_one_bit_of_the_file_also_in_a_range() {
    let case = start();
    case.fault(Fault::Corrupt { at: 300_000 });
    assert!(get_range(&case.url, "bytes=0-299999").body == case.bytes[..300_000]);
    let answer = get_range(&case.url, "bytes=200000-");
    assert_eq!(answer.status, 206);
    let wrong: Vec<usize> = (0..200_000).filter(|at| answer.body[*at] != case.bytes[200_000 + at]).collect();
    assert_eq!(wrong, [100_000]);
    assert_eq!((answer.body[100_000] ^ case.bytes[300_000]).count_ones(), 1);
    case.check_healed();
}

#[test]
fn a_response_may_have_a_wrong_length() {
    let case = start();
    case.fault(Fault::TooLong { by: 100_001 });
    case.fault(Fault::TooShort { by: 1 });
    let long = get(&case.url);
    assert_eq!((long.cut, long.body.len()), (None, 500_001));
    assert!(long.body.starts_with(&case.bytes));
    let short = get(&case.url);
    assert_eq!((short.cut, short.header("content-length")), (None, Some("399999")));
    assert!(short.body == case.bytes[..399_999]);
    case.check_healed();
}

#[test]
fn ranges_can_be_ignored_or_lie() {
    let case = start();
    case.hub.fault(FaultTarget::data(SHARD).resumed(), Fault::IgnoreRange, Times::Once);
    case.hub.fault(FaultTarget::data(SHARD).resumed(), Fault::WrongContentRange, Times::Once);
    assert_eq!(get_range(&case.url, "bytes=0-9").status, 206);
    let ignored = get_range(&case.url, "bytes=10-19");
    assert_eq!((ignored.status, ignored.body.len(), ignored.header("content-range")), (200, 400_000, None));
    let wrong = get_range(&case.url, "bytes=10-19");
    assert_eq!((wrong.status, wrong.header("content-range")), (206, Some("bytes 11-20/400000")));
    assert_eq!(wrong.body, &case.bytes[10..20]);
    case.check_healed();
}

#[test]
fn headers_can_be_changed_and_the_length_left_out() {
    let case = start();
    case.fault(Fault::NoContentLength);
    let chunked = get(&case.url);
    assert_eq!(
        (chunked.header("content-length"), chunked.header("transfer-encoding")),
        (None, Some("chunked"))
    );
    assert!(chunked.body == case.bytes);
    let resolve = format!("{}/{ID}/resolve/main/{SHARD}", case.hub.endpoint());
    let weak = |value: Option<&str>| Fault::Header {
        name: "X-Linked-Etag".to_owned(),
        value: value.map(str::to_owned),
    };
    case.hub.fault(FaultTarget::resolve(SHARD), weak(Some("W/\"x\"")), Times::Once);
    case.hub.fault(FaultTarget::resolve(SHARD), weak(None), Times::Once);
    assert_eq!(get(&resolve).header("x-linked-etag"), Some("W/\"x\""));
    assert_eq!(get(&resolve).header("x-linked-etag"), None);
    case.check_healed();
}

#[test]
fn a_slow_drip_arrives_in_small_pieces() {
    let case = start();
    let every = Duration::from_millis(2);
    case.fault(Fault::SlowDrip { bytes: 100, every });
    let began = Instant::now();
    let answer = get_range(&case.url, "bytes=0-999");
    assert_eq!(answer.body, &case.bytes[..1000]);
    assert!(began.elapsed() >= every * 9, "{:?}", began.elapsed());
    case.check_healed();
}

#[test]
fn delays_precede_the_response() {
    let case = start();
    let delay = Duration::from_millis(30);
    case.fault(Fault::Delay(delay));
    let began = Instant::now();
    assert_eq!(get(&case.url).status, 200);
    assert!(began.elapsed() >= delay);
    case.check_healed();
}

#[test]
fn held_requests_wait_for_the_test() {
    let case = start();
    let hold = Hold::new();
    case.hub.fault(FaultTarget::data(SHARD), Fault::Hold(hold.clone()), Times::N(3));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert!(get(&case.url).body == case.bytes));
        }
        assert!(case.hub.log().wait_until(PATIENCE, |log| log.data().in_flight() == 3));
        assert!(case.hub.log().data().requests().iter().all(|request| request.status.is_none()));
        hold.release();
    });
    assert_eq!(case.hub.log().data().max_concurrent(), 3);
    assert_eq!(case.hub.log().data().connections(), 3);
    case.check_healed();
}

#[test]
fn faults_on_any_route_by_text() {
    let case = start();
    case.hub.fault(SHARD, Fault::status(500), Times::N(2));
    let resolve = format!("{}/{ID}/resolve/main/{SHARD}", case.hub.endpoint());
    assert_eq!((get(&resolve).status, get(&case.url).status), (500, 500));
    case.check_healed();
}
