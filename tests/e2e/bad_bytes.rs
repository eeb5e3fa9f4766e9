//! Hosts that send wrong content: the result is the right file or a clear error, and the next download
//! from a healthy hub succeeds.

use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use facade::{Builder, Error, ErrorKind, Model, RetryPolicy};
use local_hub::{
    Access, Fault, FaultTarget, FixtureFile, LocalHub, ModelFixture, Outcome, PublishedModel, RequestLog,
    Times,
};

use crate::world::{PATIENCE, World, request};

const FILE: &str = "large.bin";
const SIZE: u64 = 300_000;
const KEPT: u64 = 100_000;

fn fixture() -> ModelFixture {
    ModelFixture::new("mlc-ai/bad-bytes").shard(FILE, SIZE)
}

/// How a download ends.
#[derive(Clone, Copy)]
enum Expected {
    Right,
    Fails(ErrorKind, &'static str),
}
use Expected::{Fails, Right};

/// A hub with these faults for requests of the file, in this order.
fn world_with(faults: &[(FaultTarget, Fault, Times)]) -> (World, PublishedModel) {
    let (world, model) = World::with(&fixture());
    for (target, fault, times) in faults {
        world.hub.fault(target.clone(), fault.clone(), *times);
    }
    (world, model)
}

async fn download(builder: Builder, model: &PublishedModel) -> Result<Model, Error> {
    // Silence is cut quickly; a server that sends something now and then is never silent for that long.
    let downloader = builder.idle_timeout(Duration::from_millis(300)).build().unwrap();
    downloader.download(request(model)).await
}

/// Checks that a download ends like that, and that the next one succeeds once the faults are gone.
async fn ends(world: &World, model: &PublishedModel, builder: Builder, end: Expected) {
    let outcome = download(builder.clone(), model).await;
    match end {
        Right => assert_eq!(model.differences(&outcome.unwrap().path), [""; 0], "{}", world.hub.log()),
        Fails(kind, words) => {
            let error = outcome.unwrap_err();
            let message = messages(&error);
            assert_eq!(error.kind(), kind, "{message}");
            assert!(message.contains(words) && message.contains(FILE), "{message}");
            assert!(world.visible_files().is_empty(), "{:?}", world.visible_files());
        }
    }
    world.hub.clear_faults();
    let later = download(builder, model).await.unwrap();
    assert_eq!(model.differences(&later.path), [""; 0]);
}

fn messages(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

async fn check(faults: &[(FaultTarget, Fault, Times)], end: Expected) {
    let (world, model) = world_with(faults);
    ends(&world, &model, world.builder(), end).await;
}

/// Checks a fault of the data host for this file.
async fn check_data(fault: Fault, times: Times, end: Expected) {
    check(&[(FaultTarget::data(FILE), fault, times)], end).await;
}

#[tokio::test]
async fn interrupted_bodies_are_resumed() {
    let gave_up = Fails(ErrorKind::Network, "after 6 failed attempts");
    for fault in [Fault::Truncate { after: KEPT }, Fault::Reset { after: KEPT }, Fault::Stall { after: KEPT }]
    {
        check_data(fault, Times::Once, Right).await;
    }
    for fault in [Fault::Truncate { after: 0 }, Fault::Reset { after: 0 }, Fault::Stall { after: 0 }] {
        check_data(fault, Times::Forever, gave_up).await;
    }
}

#[tokio::test]
async fn slow_bodies_are_received() {
    let drip = Fault::SlowDrip { bytes: 10_000, every: Duration::from_millis(20) };
    check_data(drip, Times::Forever, Right).await;
}

#[tokio::test]
async fn wrong_bodies_are_fetched_again_or_reported() {
    check_data(Fault::Corrupt { at: KEPT }, Times::Once, Right).await;
    check_data(Fault::Corrupt { at: KEPT }, Times::Forever, Fails(ErrorKind::Integrity, "is not that file"))
        .await;
}

#[tokio::test]
async fn bodies_of_another_length() {
    for by in [1, 70_000] {
        check_data(Fault::TooLong { by }, Times::Once, Right).await;
        check_data(Fault::TooShort { by }, Times::Once, Right).await;
        let longer = Fails(ErrorKind::Integrity, "it has more bytes, expected 300000");
        check_data(Fault::TooLong { by }, Times::Forever, longer).await;
    }
}

#[tokio::test]
async fn ranges_that_the_host_does_not_have() {
    check_data(Fault::status(416), Times::Once, Right).await;
    check_data(Fault::status(416), Times::Forever, Fails(ErrorKind::Integrity, "it ends before byte 1"))
        .await;
}

#[tokio::test]
async fn headers_that_contradict_the_body() {
    // The whole file is then requested, without a range.
    check_data(Fault::WrongContentRange, Times::Once, Right).await;
    check_data(Fault::WrongContentRange, Times::Forever, Right).await;
    let unnamed = || Fault::Header { name: "content-range".to_owned(), value: None };
    check_data(unnamed(), Times::Forever, Right).await;

    let other_size = || Fault::Header {
        name: "content-range".to_owned(),
        value: Some(format!("bytes 0-{}/{}", SIZE - 1, SIZE + 7)),
    };
    check_data(other_size(), Times::Once, Right).await;
    check_data(other_size(), Times::Forever, Fails(ErrorKind::Integrity, "it has 300007 bytes")).await;

    check_data(Fault::NoContentLength, Times::Forever, Right).await;

    let gzip = || Fault::Header { name: "content-encoding".to_owned(), value: Some("gzip".to_owned()) };
    check_data(gzip(), Times::Once, Right).await;
    check_data(gzip(), Times::Forever, Fails(ErrorKind::Refused, "the answer is compressed (gzip)")).await;
}

#[tokio::test]
async fn ranges_that_are_ignored() {
    check_data(Fault::IgnoreRange, Times::Once, Right).await;
    check_data(Fault::IgnoreRange, Times::Forever, Right).await;
    let cut = (FaultTarget::data(FILE), Fault::Truncate { after: KEPT }, Times::Once);
    check(&[cut, (FaultTarget::data(FILE).resumed(), Fault::IgnoreRange, Times::Once)], Right).await;
}

#[tokio::test]
async fn each_refusal_has_the_outcome_of_its_status() {
    check_data(Fault::status(403), Times::Once, Right).await;
    check_data(Fault::status(403), Times::Forever, Fails(ErrorKind::Refused, "(status 403)")).await;
    check_data(Fault::Html, Times::Once, Right).await;
    check_data(Fault::Html, Times::Forever, Fails(ErrorKind::Refused, "a web page instead of")).await;
}

#[tokio::test]
async fn a_signed_url_that_expires_midway() {
    let (world, model) =
        world_with(&[(FaultTarget::data(FILE), Fault::Truncate { after: KEPT }, Times::Once)]);
    // The delay after the cut gives the URL time to expire.
    let slow = RetryPolicy { first_delay: Duration::from_secs(1), ..RetryPolicy::default() };
    let data = world.hub.log().data().file(FILE);
    let expiry = async {
        let is_cut =
            |log: &RequestLog| log.requests().iter().any(|asked| asked.outcome == Outcome::CutByFault);
        assert!(data.until(PATIENCE, is_cut).await);
        world.hub.expire_signed_urls();
    };
    tokio::join!(ends(&world, &model, world.builder().retry(slow), Right), expiry);
    let statuses: Vec<_> = data.requests().iter().filter_map(|asked| asked.status).collect();
    assert_eq!(statuses, [206, 403, 206]);
}

#[tokio::test]
async fn a_429_is_waited_for() {
    let second = Duration::from_secs(1);
    let faults: [fn() -> Fault; 4] = [
        || Fault::rate_limited(0),
        || Fault::retry_after(429, "1"),
        // The date is a whole second, so it is up to one second closer.
        || Fault::retry_after_date(429, 3),
        || Fault::retry_after_date(503, 3),
    ];
    for fault in faults {
        let (world, model) = World::with(&fixture());
        let fault = fault();
        world.hub.fault(FaultTarget::data(FILE), fault.clone(), Times::Once);
        ends(&world, &model, world.builder(), Right).await;
        let requests = world.hub.log().data().file(FILE).requests();
        let waited = requests[1].began_at - requests[0].began_at;
        assert!(waited >= second, "{fault:?}: {waited:?}");
    }
}

#[tokio::test]
async fn temporary_failures_are_retried() {
    check_data(Fault::status(503), Times::N(5), Right).await;
    check_data(Fault::status(503), Times::Forever, Fails(ErrorKind::Network, "status 503")).await;
}

#[tokio::test]
async fn a_missing_data_host_is_a_network_error() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Fault::redirect(302, &format!("http://{free}/signed?Signature=x"));
    check(
        &[(FaultTarget::resolve(FILE), gone, Times::Forever)],
        Fails(ErrorKind::Network, "the request failed"),
    )
    .await;
}

#[tokio::test]
async fn redirects_that_lead_nowhere() {
    for (location, words) in [
        ("http://", "the location is no URL"),
        ("ftp://host/file", "only http and https are followed"),
        ("http://user:secret@host/file", "the location holds a user name or a password"),
    ] {
        check_data(Fault::redirect(302, location), Times::Forever, Fails(ErrorKind::Refused, words)).await;
        let located = (FaultTarget::resolve(FILE), Fault::redirect(302, location), Times::Forever);
        check(&[located], Fails(ErrorKind::Refused, "")).await;
    }
}

#[tokio::test]
async fn redirect_loops_are_reported() {
    // From the data host back to the hub and from there to the data host; and from the hub to itself.
    for (target, words) in [
        (FaultTarget::data(FILE), "was redirected more than 5 times"),
        (FaultTarget::resolve(FILE), "redirect"),
    ] {
        let (world, model) = World::with(&fixture());
        let PublishedModel { user, repo, commit, .. } = &model;
        let hub = format!("{}/{user}/{repo}/resolve/{commit}/{FILE}", world.hub.endpoint());
        world.hub.fault(target, Fault::redirect(307, &hub), Times::Forever);
        ends(&world, &model, world.builder(), Fails(ErrorKind::Refused, words)).await;
    }
}

#[tokio::test]
async fn a_data_host_on_the_hubs_own_origin_that_wants_the_token() {
    let token = "hf_right";
    let fixture = fixture().access(Access::Private(vec![token.to_owned()]));
    let (world, model) = World::around(LocalHub::builder().serves_files_itself(), &fixture);
    world.hub.fault(FaultTarget::resolve(FILE).skip(1), Fault::Truncate { after: KEPT }, Times::Once);
    let builder = world.builder().token(facade::Token::new(token).unwrap());
    ends(&world, &model, builder, Right).await;
    assert!(world.hub.log().data().is_empty());
    assert!(world.hub.log().hub().filter(|request| request.header("authorization").is_none()).is_empty());
}

/// The part of the file, or its journal, that a failed download left.
fn left_behind(world: &World, model: &PublishedModel, suffix: &str) -> PathBuf {
    let name = format!("sha256-{}{suffix}", model.file(FILE).unwrap().sha256);
    let is_it = |path: &&PathBuf| path.file_name().is_some_and(|found| found.to_str() == Some(&name));
    world.private_files().iter().find(is_it).cloned().unwrap()
}

/// Checks the next download after something happened to what an interrupted one left.
async fn check_left(suffix: &str, spoil: impl Fn(&Path)) {
    let cut = (FaultTarget::data(FILE), Fault::Truncate { after: KEPT }, Times::Once);
    let (world, model) = world_with(&[cut, (FaultTarget::data(FILE), Fault::status(418), Times::Once)]);
    download(world.builder(), &model).await.unwrap_err();
    spoil(&left_behind(&world, &model, suffix));
    ends(&world, &model, world.builder(), Right).await;
}

#[tokio::test]
async fn damaged_leftovers_are_replaced() {
    fn rewritten(change: impl Fn(&mut Vec<u8>)) -> impl Fn(&Path) {
        move |path: &Path| {
            let mut bytes = std::fs::read(path).unwrap();
            change(&mut bytes);
            std::fs::write(path, bytes).unwrap();
        }
    }
    for suffix in ["", ".journal"] {
        check_left(suffix, |_| ()).await;
        check_left(suffix, |path| std::fs::remove_file(path).unwrap()).await;
        check_left(suffix, rewritten(|bytes| bytes.truncate(bytes.len() / 2))).await;
        check_left(suffix, rewritten(|bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x5a))).await;
        check_left(suffix, |path| {
            let mut permissions = std::fs::metadata(path).unwrap().permissions();
            permissions.set_readonly(true);
            std::fs::set_permissions(path, permissions).unwrap();
        })
        .await;
    }
    // The journal's version follows its first word.
    check_left(".journal", rewritten(|bytes| bytes[16] += 1)).await;
}

/// A download of one commit is interrupted, and the next one is of another commit. Returns the ranges
/// that it requests of the file, and how many of the first download's other files it requests again.
async fn another_commit(new: &ModelFixture) -> (Vec<String>, usize) {
    let (world, old) = World::with(&fixture());
    world.hub.fault(FaultTarget::data(FILE), Fault::Truncate { after: KEPT }, Times::Once);
    world.hub.fault(FaultTarget::data(FILE), Fault::status(418), Times::Once);
    let one_by_one = |model| request(model).files_in_flight(NonZeroUsize::MIN);
    world.downloader().download(one_by_one(&old)).await.unwrap_err();
    world.hub.clear_faults();
    let later = world.hub.log().data().from_now();
    let new = world.hub.publish(new);
    let model = world.downloader().download(one_by_one(&new)).await.unwrap();
    assert_eq!(new.differences(&model.path), [""; 0]);
    let ranges = later.file(FILE).requests().iter().map(|asked| asked.range().unwrap().to_owned()).collect();
    let had = |file: &&FixtureFile| file.path != FILE && world.hub.log().data().file(&file.path).count() == 2;
    (ranges, new.lfs_files().filter(had).count())
}

#[tokio::test]
async fn leftovers_belong_to_their_content() {
    // A new commit with the same shards: nothing is fetched again.
    let same = fixture().plain_file("README.md", "Another commit.");
    assert_eq!(another_commit(&same).await, (vec![format!("bytes={KEPT}-")], 0));
    // One with other shards: everything is.
    let (ranges, others) = another_commit(&fixture().seed(7)).await;
    assert_eq!((ranges, others > 0), (vec!["bytes=0-".to_owned()], true));
}
