//! The events that an observer receives, from the first step to the last.

mod watch;

use std::fs;

use facade::{Error, ErrorKind, Model};
use local_hub::{Fault, FaultTarget, Hold, ModelFixture, PublishedModel, Times};

use self::watch::{Step, Told, Watch, of_file, steps, until};
use crate::world::{PATIENCE, World, download_bytes, files_below, is_cached, lay_out, request};

const ID: &str = "mlc-ai/tiny";
const STALLING: &str = "params_shard_0.bin";
const FAILING: &str = "params_shard_1.bin";

/// All fetched files, except those with these names.
fn planned(model: &PublishedModel, but: &[&str]) -> Told {
    let files: Vec<_> = model.lfs_files().filter(|file| !but.contains(&file.path.as_str())).collect();
    Told::Planned { files: files.len(), bytes: files.iter().map(|file| file.size).sum() }
}

/// The same for existing files, hashed and found right.
fn reused(model: &PublishedModel, but: &[&str]) -> [Told; 2] {
    match planned(model, but) {
        Told::Planned { files, bytes } => [Told::Checking { files, bytes }, Told::Reused { files, bytes }],
        other => [other.clone(), other],
    }
}

/// A download with default settings, from its first step to its last.
async fn watched(world: &World, model: &PublishedModel) -> (Result<Model, Error>, Vec<Told>) {
    let (watch, asked) = Watch::over(request(model));
    watch.carry_out(&world.downloader(), asked).await
}

fn commit(model: &PublishedModel) -> Told {
    Told::Commit(model.commit.clone())
}

#[tokio::test]
async fn a_download_that_has_some_trouble() {
    let (world, published) = World::with(&ModelFixture::new(ID));
    world.hub.fault(FaultTarget::info_refs(ID), Fault::status(503), Times::Once);
    world.hub.fault(FaultTarget::data(FAILING), Fault::Truncate { after: 40_000 }, Times::Once);
    let (outcome, told) = watched(&world, &published).await;
    outcome.unwrap();
    assert_eq!(
        steps(&told),
        [
            Told::Metadata,
            Told::RetryingMetadata,
            Told::Metadata,
            commit(&published),
            planned(&published, &[]),
            Told::Publishing(world.entry(&published)),
        ]
    );
    for file in published.lfs_files() {
        assert_eq!(of_file(&told, &file.path).last(), Some(&Step::Verified(file.size)), "{}", file.path);
    }
    assert!(of_file(&told, FAILING).contains(&Step::Retrying));

    let (outcome, told) = watched(&world, &published).await;
    assert!(is_cached(outcome.unwrap().outcome));
    assert_eq!(told, [], "a hit has no steps");
}

#[tokio::test]
async fn files_that_describe_the_model_have_a_fetch_of_their_own() {
    let (world, published) = World::with(&ModelFixture::new(ID).lfs_manifest());
    let manifest = published.file("tensor-cache.json").unwrap();
    let (outcome, told) = watched(&world, &published).await;
    outcome.unwrap();
    assert_eq!(
        steps(&told),
        [
            Told::Metadata,
            commit(&published),
            Told::Planned { files: 1, bytes: manifest.size },
            planned(&published, &["tensor-cache.json"]),
            Told::Publishing(world.entry(&published)),
        ]
    );
}

#[tokio::test]
async fn where_nothing_is_missing_nothing_is_fetched() {
    let (world, published) = World::with(&ModelFixture::new(ID));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    fs::remove_file(entry.join("mlc-chat-config.json")).unwrap();
    let (outcome, told) = watched(&world, &published).await;
    assert_eq!(download_bytes(&outcome.unwrap()), Some([0; 3]));
    let [checking, reused] = reused(&published, &[]);
    let expected = [Told::Metadata, commit(&published), checking, reused, Told::Publishing(entry.clone())];
    assert_eq!(told, expected);
}

/// One download stalls in the middle of a file. Another waits for it, resumes when it is dropped, and
/// finds at the end of the file that some bytes are wrong.
#[tokio::test]
async fn a_waiting_download_resumes_and_then_starts_a_file_over() {
    const LARGE: &str = "large.bin";
    const MIB: u64 = 1 << 20;
    let (world, published) = World::with(&ModelFixture::new(ID).shard(LARGE, 6 * MIB));
    world.hub.fault(FaultTarget::data(LARGE), Fault::Stall { after: 4 * MIB }, Times::Once);
    world.hub.fault(FaultTarget::data(LARGE), Fault::Corrupt { at: 5 * MIB }, Times::Once);
    let downloader = world.builder().idle_timeout(PATIENCE).build().unwrap();
    let (first, asked) = (downloader.clone(), request(&published));
    let first = tokio::spawn(async move { first.download(asked).await });
    let journal = format!("sha256-{}.journal", published.file(LARGE).unwrap().sha256);
    let others = published.lfs_files().filter(|file| file.path != LARGE).map(|file| file.sha256.as_str());
    let others: Vec<_> = others.map(|digest| format!("pool/sha256-{digest}")).collect();
    until(|| {
        let files = files_below(&world.home());
        let is_there = |end: &String| files.iter().any(|path| path.ends_with(end));
        is_there(&journal) && others.iter().all(is_there)
    })
    .await;

    let (watch, asked) = Watch::over(request(&published));
    let second = watch.clone().carry_out(&downloader, asked);
    let end_of_first = async {
        watch.until(|told| told.contains(&Told::WaitingForLock)).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
    };
    let ((outcome, told), ()) = tokio::join!(second, end_of_first);

    outcome.unwrap();
    let [checking, reused] = reused(&published, &[LARGE]);
    assert!(told.contains(&reused), "{told:?}");
    assert_eq!(
        steps(&told),
        [
            Told::WaitingForLock,
            Told::Metadata,
            commit(&published),
            checking,
            Told::Planned { files: 1, bytes: 6 * MIB },
            Told::Publishing(world.entry(&published)),
        ]
    );
    let large = of_file(&told, LARGE);
    assert!(matches!(large[..2], [Step::Started(_), Step::Resumed(_)]), "{large:?}");
    let discarded = large.iter().position(|step| *step == Step::Discarded(6 * MIB)).unwrap();
    assert_eq!(large[discarded + 1], Step::Retrying, "{large:?}");
}

#[tokio::test]
async fn waiting_for_the_model_has_no_further_step() {
    let (world, published) = World::with(&ModelFixture::new(ID));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::info_refs(ID), Fault::Hold(hold.clone()), Times::Once);
    let (downloader, asked) = (world.downloader(), request(&published));
    let first = tokio::spawn(async move { downloader.download(asked).await });
    assert!(world.hub.log().git().until(PATIENCE, |log| log.count() > 0).await);
    let (watch, asked) = Watch::over(request(&published));
    let downloader = world.downloader();
    let second = watch.clone().carry_out(&downloader, asked);
    let release = async {
        watch.until(|told| told.contains(&Told::WaitingForLock)).await;
        hold.release();
    };
    let ((outcome, told), ()) = tokio::join!(second, release);
    assert!(is_cached(outcome.unwrap().outcome));
    assert_eq!(told, [Told::WaitingForLock]);
    first.await.unwrap().unwrap();
}

/// A world in which one file stalls, and the other has not been located.
fn standstill() -> (World, PublishedModel, Hold) {
    let (world, published) = World::with(&ModelFixture::new(ID));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data(STALLING), Fault::Stall { after: 1000 }, Times::Forever);
    world.hub.fault(FaultTarget::resolve(FAILING), Fault::Hold(hold.clone()), Times::Once);
    world.hub.fault(FaultTarget::data(FAILING), Fault::status(451), Times::Forever);
    (world, published, hold)
}

fn stalls(told: &[Told]) -> bool {
    of_file(told, STALLING).contains(&Step::Received(1000)) && !of_file(told, FAILING).is_empty()
}

#[tokio::test]
async fn when_one_file_fails_the_others_are_cancelled() {
    let (world, published, hold) = standstill();
    let downloader = world.builder().idle_timeout(PATIENCE).build().unwrap();
    let (watch, asked) = Watch::over(request(&published));
    let download = watch.clone().carry_out(&downloader, asked);
    let failure = async {
        watch.until(stalls).await;
        hold.release();
    };
    let ((outcome, told), ()) = tokio::join!(download, failure);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(steps(&told), [Told::Metadata, commit(&published), planned(&published, &[])]);
    assert_eq!(of_file(&told, FAILING).last(), Some(&Step::Failed));
    assert_eq!(of_file(&told, STALLING).last(), Some(&Step::Cancelled));
}

#[tokio::test]
async fn dropping_the_future_cancels_started_work() {
    let (world, published, _hold) = standstill();
    let downloader = world.builder().idle_timeout(PATIENCE).build().unwrap();
    let (watch, asked) = Watch::over(request(&published));
    tokio::select! {
        outcome = downloader.download(asked) => panic!("{outcome:?}"),
        () = watch.until(stalls) => {}
    }
    let told = watch.until_the_end().await;
    assert_eq!(steps(&told), [Told::Metadata, commit(&published), planned(&published, &[])]);
    for file in [STALLING, FAILING] {
        assert_eq!(of_file(&told, file).last(), Some(&Step::Cancelled), "{file}");
    }
}
