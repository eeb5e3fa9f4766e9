//! Hosts that send wrong content: the result is the right file or a clear error, and the next download
//! from a healthy hub succeeds. `crates/shard-fetch/tests/it/answers.rs` tests what each response means.

use std::num::NonZeroUsize;

use facade::{Error, ErrorKind};
use local_hub::{Fault, FaultTarget, FixtureFile, ModelFixture, Times};

use crate::world::{World, request};

const FILE: &str = "large.bin";
const SIZE: u64 = 300_000;
const KEPT: u64 = 100_000;

fn fixture() -> ModelFixture {
    ModelFixture::new("mlc-ai/bad-bytes").shard(FILE, SIZE)
}

fn messages(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[tokio::test]
async fn a_download_fails_with_a_clear_error_and_the_next_one_succeeds() {
    for (fault, kind, words) in [
        (Fault::Reset { after: 0 }, ErrorKind::Network, "after 6 failed attempts"),
        (Fault::Corrupt { at: KEPT }, ErrorKind::Integrity, "failed verification"),
        (Fault::TooLong { by: 1 }, ErrorKind::Integrity, "it has more bytes, expected 300000"),
        (Fault::status(403), ErrorKind::Refused, "(status 403)"),
    ] {
        let (world, model) = World::with(&fixture());
        world.hub.fault(FaultTarget::data(FILE), fault, Times::Forever);
        let error = world.download(&model).await.unwrap_err();
        let message = messages(&error);
        assert_eq!(error.kind(), kind, "{message}");
        assert!(message.contains(words) && message.contains(FILE), "{message}");
        assert!(world.visible_files().is_empty(), "{:?}", world.visible_files());
        world.hub.clear_faults();
        let later = world.download(&model).await.unwrap();
        assert_eq!(model.differences(&later.path), [""; 0]);
    }
}

#[tokio::test]
async fn temporary_failures_are_retried() {
    let (world, model) = World::with(&fixture());
    for fault in [Fault::status(503), Fault::Truncate { after: KEPT }, Fault::Corrupt { at: KEPT }] {
        world.hub.fault(FaultTarget::data(FILE), fault, Times::Once);
    }
    let downloaded = world.download(&model).await.unwrap();
    assert_eq!(model.differences(&downloaded.path), [""; 0]);
    assert_eq!(world.hub.faults_left(), 0);
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
