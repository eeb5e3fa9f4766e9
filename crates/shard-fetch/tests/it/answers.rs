//! What a data host may send instead of the file.

use std::time::{Duration, Instant};

use local_hub::{Fault, FaultTarget, Times};
use shard_fetch::{ActualSize, Checked, Error, ErrorKind, LocateReason, Mismatch, RetryPolicy};

use crate::support::{PATIENCE, Seen, Stage, chain};

const SIZE: u64 = 300_000;

/// A stage whose data host fails in this way.
fn stage(fault: Fault, times: Times) -> Stage {
    let stage = Stage::one(SIZE);
    stage.hub.fault(FaultTarget::data("a.bin"), fault, times);
    stage
}

/// A fault that passes: the file arrives, after requests for these ranges.
async fn survives(stage: &Stage, ranges: &[&str]) {
    stage.fetch_all().await;
    assert_eq!(stage.ranges("a.bin"), ranges, "{}", stage.hub.log());
    assert_eq!(stage.hub.faults_left(), 0);
}

/// A permanent fault: the error after six attempts, with its message and its cause.
async fn gives_up(stage: &Stage, cause: &str) {
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::GaveUp { attempts: 6, .. }), "{}", chain(&error));
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.is_transient());
    let start = format!("gave up on a.bin from {} after 6 failed attempts in ", stage.hub.data_origin());
    assert!(error.to_string().starts_with(&start), "{error}");
    assert!(chain(&error).contains(cause), "{}", chain(&error));
    assert_eq!(stage.hub.log().resolve().count(), 1);
}

async fn is_not_the_file(stage: &Stage, what: Checked) -> Mismatch {
    let error = stage.fetch_error().await;
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().contains(&stage.hub.data_origin()), "{error}");
    assert!(!stage.part("a.bin").exists());
    match error {
        Error::DigestMismatch { mismatch, .. } if mismatch.what() == what => mismatch,
        other => panic!("{}", chain(&other)),
    }
}

#[tokio::test]
async fn broken_bodies_are_resumed() {
    for fault in [Fault::Truncate { after: 100_000 }, Fault::Reset { after: 100_000 }] {
        let stage = stage(fault, Times::Once);
        stage.fetch_all().await;
        let ranges = stage.ranges("a.bin");
        assert_eq!(ranges.len(), 2, "{ranges:?}");
        let from: u64 = ranges[1].strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap();
        // A reset may overtake bytes that were sent before it.
        assert!(from <= 100_000, "{ranges:?}");
        assert_eq!(stage.events.discarded("a.bin"), 0);
    }
    let stage = stage(Fault::Truncate { after: 100_000 }, Times::Once);
    survives(&stage, &["bytes=0-", "bytes=100000-"]).await;
    assert_eq!(stage.hub.log().resolve().count(), 1);
}

#[tokio::test]
async fn each_broken_body_may_bring_a_little() {
    let stage = stage(Fault::Truncate { after: 10_000 }, Times::N(20));
    stage.fetch_all().await;
    let ranges = stage.ranges("a.bin");
    assert_eq!((ranges.len(), ranges[20].as_str()), (21, "bytes=200000-"));
}

#[tokio::test]
async fn bodies_that_are_always_empty_end_the_fetch() {
    gives_up(
        &stage(Fault::Truncate { after: 0 }, Times::Forever),
        "the connection broke after 0.0 of 300.0 kB",
    )
    .await;
}

#[tokio::test]
async fn a_silent_connection_is_cut() {
    let stage = stage(Fault::Stall { after: 50_000 }, Times::Once)
        .with_net(|net| net.idle_timeout = Duration::from_millis(150));
    survives(&stage, &["bytes=0-", "bytes=50000-"]).await;
    assert_eq!(stage.events.retries("a.bin"), ["the host sent nothing for 0.2 s"]);
}

#[tokio::test]
async fn a_request_without_an_answer_is_repeated() {
    for fault in [Fault::NoAnswer, Fault::Refuse] {
        let limit = Duration::from_millis(150);
        let stage = stage(fault, Times::Once).with_net(|net| net.idle_timeout = limit);
        survives(&stage, &["bytes=0-", "bytes=0-"]).await;
    }
}

#[tokio::test]
async fn five_temporary_failures_are_survived() {
    for status in [408, 429, 500, 502, 503, 504] {
        let stage = stage(Fault::status(status), Times::N(5));
        survives(&stage, &["bytes=0-"; 6]).await;
        assert_eq!(stage.hub.log().resolve().count(), 1);
        assert_eq!(
            stage.events.retries("a.bin")[0],
            format!(
                "the host answered with status {status}; it says: the local hub was told to answer {status}"
            )
        );
    }
}

#[tokio::test]
async fn a_sixth_failure_ends_the_fetch() {
    gives_up(&stage(Fault::status(503), Times::Forever), "the host answered with status 503; it says: ")
        .await;
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_holds_all_workers() {
    let stage = Stage::new(&[("a.bin", 1000), ("b.bin", 1000), ("c.bin", 1000)]).in_flight(2);
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::rate_limited(0), Times::Once);
    let begun = Instant::now();
    stage.fetch_all().await;
    assert!(begun.elapsed() < PATIENCE);
    let requests = stage.hub.log().data().requests();
    let limited = requests.iter().find(|request| request.status == Some(429)).unwrap();
    // One of them may already have been on its way.
    let early = |request: &&local_hub::LoggedRequest| {
        request.began > limited.began && request.began_at < limited.began_at + Duration::from_millis(990)
    };
    assert!(requests.iter().filter(early).count() <= 1, "{}", stage.hub.log());
    let waited = |seen: &Seen| matches!(seen, Seen::Retrying(pause, _) if *pause == Duration::from_secs(1));
    assert!(stage.events.of("a.bin").iter().any(waited));
    assert!(stage.events.of("a.bin").contains(&Seen::Throttled(Duration::from_secs(1))));
}

#[tokio::test]
async fn a_retry_after_header_is_obeyed() {
    let stage = stage(Fault::retry_after(503, "1"), Times::Once);
    let begun = Instant::now();
    survives(&stage, &["bytes=0-"; 2]).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_refusal_means_asking_for_the_location_again() {
    for status in [400, 401, 403, 404, 410] {
        let stage = stage(Fault::status(status), Times::N(3));
        survives(&stage, &["bytes=0-"; 4]).await;
        let again = LocateReason::Refused(status);
        assert_eq!(stage.locator.reasons(), [LocateReason::First, again, again, again]);
    }
}

#[tokio::test]
async fn repeated_refusals_end_the_fetch() {
    let fault = Fault::Status {
        code: 403,
        headers: Vec::new(),
        body: "<Error><Code>AccessDenied</Code><Message>Request\n has expired</Message></Error>".to_owned(),
    };
    let stage = stage(fault, Times::Forever);
    let error = stage.fetch_error().await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(
        error.to_string(),
        format!(
            "{} refuses to send a.bin (status 403); it says: AccessDenied Request has expired",
            stage.hub.data_origin()
        )
    );
    assert_eq!(stage.hub.log().resolve().count(), 4);
    assert_eq!(stage.hub.log().data().count(), 4);
}

#[tokio::test]
async fn refusals_that_no_location_would_help() {
    for status in [402, 405, 451, 501] {
        let stage = stage(Fault::status(status), Times::Forever);
        assert_eq!(stage.fetch_error().await.kind(), ErrorKind::Refused);
        assert_eq!(stage.hub.log().data().count(), 1);
    }
}

#[tokio::test]
async fn a_signed_url_that_expires_midway() {
    // The pause after the cut gives the URL time to expire.
    let slow = RetryPolicy::default().first_pause(Duration::from_millis(500));
    let stage = stage(Fault::Truncate { after: 100_000 }, Times::Once).with(|builder| builder.retry(slow));
    let expire = async {
        let cut = |log: &local_hub::RequestLog| {
            log.requests().iter().any(|request| request.outcome == local_hub::Outcome::CutByFault)
        };
        assert!(stage.hub.log().data().until(PATIENCE, cut).await);
        stage.hub.expire_signed_urls();
    };
    tokio::join!(stage.fetch_all(), expire);
    assert_eq!(stage.ranges("a.bin"), ["bytes=0-", "bytes=100000-", "bytes=100000-"]);
    assert_eq!(stage.locator.reasons(), [LocateReason::First, LocateReason::Refused(403)]);
}

#[tokio::test]
async fn wrong_bytes_are_fetched_once_more() {
    let stage = stage(Fault::Corrupt { at: 123_456 }, Times::Once);
    survives(&stage, &["bytes=0-"; 2]).await;
    assert_eq!(stage.events.discarded("a.bin"), SIZE);
    assert_eq!(stage.hub.log().resolve().count(), 1);
}

#[tokio::test]
async fn wrong_bytes_twice_end_the_fetch() {
    let stage = stage(Fault::Corrupt { at: 0 }, Times::Forever);
    let mismatch = is_not_the_file(&stage, Checked::Sha256).await;
    let file = stage.model.file("a.bin").unwrap();
    let mut bytes = file.bytes();
    bytes[0] ^= 1;
    let expected = stage.requests()[0].expected.sha256.unwrap();
    assert!(
        matches!(mismatch, Mismatch::Sha256 { expected: e, actual: Some(actual), .. } if e == expected && actual != e)
    );
    assert_eq!(stage.ranges("a.bin"), ["bytes=0-"; 2]);
}

#[tokio::test]
async fn wrong_md5_is_found_without_sha256() {
    let stage = stage(Fault::Corrupt { at: 5 }, Times::Forever);
    let mut requests = stage.requests();
    requests[0].expected.sha256 = None;
    let error = stage.fetch_from(requests, stage.locator.clone(), std::sync::Arc::new(())).await.unwrap_err();
    assert!(
        matches!(error, Error::DigestMismatch { mismatch: Mismatch::Md5 { .. }, .. }),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn wrong_bytes_after_a_resume_are_fetched_from_the_start() {
    let stage = stage(Fault::Truncate { after: 100_000 }, Times::Once);
    stage.hub.fault(FaultTarget::data("a.bin").resumed(), Fault::Corrupt { at: 200_000 }, Times::Once);
    survives(&stage, &["bytes=0-", "bytes=100000-", "bytes=0-"]).await;
}

#[tokio::test]
async fn an_ignored_range_starts_the_file_over() {
    let first = stage(Fault::IgnoreRange, Times::Once);
    survives(&first, &["bytes=0-"]).await;
    assert_eq!(first.events.discarded("a.bin"), 0);

    let resumed = stage(Fault::Truncate { after: 100_000 }, Times::Once);
    resumed.hub.fault(FaultTarget::data("a.bin").resumed(), Fault::IgnoreRange, Times::Once);
    survives(&resumed, &["bytes=0-", "bytes=100000-"]).await;
    assert_eq!(resumed.events.discarded("a.bin"), 100_000);
}

#[tokio::test]
async fn a_wrong_content_range_leads_to_the_whole_file() {
    survives(&stage(Fault::WrongContentRange, Times::Once), &["bytes=0-"; 2]).await;
    // A permanent failure is not retried: the whole file is requested without a range.
    let unnamed = Fault::Header { name: "content-range".to_owned(), value: None };
    for (fault, ranged) in [(Fault::WrongContentRange, 2), (unnamed, 1)] {
        let stage = stage(fault, Times::Forever);
        stage.fetch_all().await;
        let requests = stage.hub.log().data().requests();
        let with_range = requests.iter().filter(|request| request.range().is_some()).count();
        assert_eq!((with_range, requests.len()), (ranged, 2 * ranged - 1), "{}", stage.hub.log());
    }
}

#[tokio::test]
async fn a_416_is_retried_and_then_reported_as_a_wrong_size() {
    survives(&stage(Fault::status(416), Times::Once), &["bytes=0-"; 2]).await;
    let stage = stage(Fault::status(416), Times::Forever);
    let mismatch = is_not_the_file(&stage, Checked::Size).await;
    assert_eq!(mismatch.to_string(), "it ends before byte 1, expected 300000");
}

#[tokio::test]
async fn a_body_is_accepted_without_a_length_and_other_headers() {
    survives(&stage(Fault::NoContentLength, Times::Once), &["bytes=0-"]).await;
    for (name, value) in
        [("etag", None), ("etag", Some("W/\"weak\"")), ("accept-ranges", None), ("content-type", None)]
    {
        let header = Fault::Header { name: name.to_owned(), value: value.map(str::to_owned) };
        survives(&stage(header, Times::Once), &["bytes=0-"]).await;
    }
}

#[tokio::test]
async fn compressed_though_not_asked_for() {
    let gzip = Fault::Header { name: "content-encoding".to_owned(), value: Some("gzip".to_owned()) };
    survives(&stage(gzip.clone(), Times::Once), &["bytes=0-"; 2]).await;
    // A server that compresses always does, so it is not retried as often as one with a temporary
    // failure.
    let stage = stage(gzip, Times::Forever);
    let error = stage.fetch_error().await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(chain(&error).ends_with("the response is compressed (gzip), which was not requested"), "{error}");
    assert_eq!((stage.hub.log().data().count(), stage.hub.log().resolve().count()), (4, 4));
}

#[tokio::test]
async fn a_web_page_instead_of_the_file() {
    survives(&stage(Fault::Html, Times::Once), &["bytes=0-"; 2]).await;

    let stage = stage(Fault::Html, Times::Forever);
    let error = stage.fetch_error().await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    let start = format!("{} sent a web page instead of a.bin: ", stage.hub.data_origin());
    let message = error.to_string();
    assert!(message.starts_with(&start) && message.contains("accept the terms"), "{message}");
    assert_eq!(stage.locator.reasons()[1..], [LocateReason::Refused(200); 3]);
}

#[tokio::test]
async fn a_web_page_that_claims_to_be_the_range() {
    let html = Fault::Header { name: "content-type".to_owned(), value: Some("text/html".to_owned()) };
    let error = stage(html.clone(), Times::Forever).fetch_error().await;
    assert!(matches!(error, Error::WebPage { .. }), "{}", chain(&error));

    let stage = Stage::new(&[("page.html", SIZE)]);
    stage.hub.fault(FaultTarget::data("page.html"), html, Times::Forever);
    stage.fetch_all().await;
}

#[tokio::test]
async fn bodies_that_are_too_long() {
    survives(&stage(Fault::TooLong { by: 1 }, Times::Once), &["bytes=0-"; 2]).await;
    let stage = stage(Fault::TooLong { by: 1_000_000 }, Times::Forever);
    is_not_the_file(&stage, Checked::Size).await;
    let most = stage.events.of("a.bin").iter().fold((0, 0), |(held, most), seen| match seen {
        Seen::Received(bytes) => (held + bytes, most.max(held + bytes)),
        Seen::Discarded(bytes) => (held - bytes, most),
        _ => (held, most),
    });
    assert!(most.1 <= SIZE, "{most:?}");
}

#[tokio::test]
async fn a_file_that_is_larger_than_it_should_be() {
    let stage = Stage::one(SIZE);
    let mut requests = stage.requests();
    requests[0].expected.size = SIZE - 1;
    let error = stage.fetch_from(requests, stage.locator.clone(), std::sync::Arc::new(())).await.unwrap_err();
    let size = ActualSize::Exactly(SIZE);
    assert!(
        matches!(error, Error::DigestMismatch { mismatch: Mismatch::Size { actual, .. }, .. } if actual == size)
    );
}

#[tokio::test]
async fn a_file_that_is_smaller_than_it_should_be() {
    let stage = Stage::one(SIZE);
    let mut requests = stage.requests();
    requests[0].expected.size = SIZE + 1;
    let error = stage.fetch_from(requests, stage.locator.clone(), std::sync::Arc::new(())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "a.bin from {} failed verification: it has 300000 bytes, expected 300001",
            stage.hub.data_origin()
        )
    );
}

#[tokio::test]
async fn the_first_bytes_only_each_time() {
    survives(&stage(Fault::TooShort { by: 100_000 }, Times::Once), &["bytes=0-", "bytes=200000-"]).await;
    let stage = stage(Fault::TooShort { by: 100_000 }, Times::Forever);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::GaveUp { .. } | Error::DigestMismatch { .. }), "{}", chain(&error));
}
