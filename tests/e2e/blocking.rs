//! Callers without a runtime, and callers that block inside one.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use facade::stores::{PushOptions, StoreVerifyOptions};
use facade::{Outcome, blocking};
use local_hub::ModelFixture;

use crate::world::{World, is_cached, lay_out, request};

#[test]
fn the_blocking_calls_need_no_runtime() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = blocking::download(&world.downloader(), request(&published)).unwrap();
    assert!(matches!(model.outcome, Outcome::Downloaded { .. }));
    let again = blocking::download(&world.downloader(), request(&published)).unwrap();
    assert!(is_cached(again.outcome));
}

#[test]
fn all_that_a_downloader_does() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let store = |name: &str| {
        std::fs::create_dir(world.beside(name)).unwrap();
        local_hub::folder_url(&world.beside(name)).parse::<facade::stores::StoreUrl>().unwrap()
    };
    let (one, other) = (store("one"), store("other"));
    let downloader = world.builder().stores([one.clone()]).fill_store(true).build().unwrap();
    let plan = blocking::plan(&downloader, request(&published)).unwrap();
    assert!(matches!(plan, facade::DownloadPlan::Download(_)));
    let newest = blocking::newest_commit(&downloader, &request(&published)).unwrap();
    assert_eq!(newest.map(|commit| commit.to_string()), Some(published.commit.clone()));
    blocking::init_store(&downloader).unwrap();
    let pushed = blocking::push(&downloader, request(&published), PushOptions::default()).unwrap();
    assert_eq!(pushed.commit.to_string(), published.commit);
    blocking::filled(&downloader).unwrap();
    assert_eq!(blocking::list_store(&downloader).unwrap().models.len(), 1);
    let options = StoreVerifyOptions::default();
    assert!(blocking::verify_store(&downloader, &[], options, Arc::new(())).unwrap().is_sound());
    let copied = blocking::copy_store(&downloader, one, other, &[], Arc::new(())).unwrap();
    assert!(copied.commits.iter().all(|commit| commit.failure.is_none()) && copied.commits.len() == 1);
}

/// The connections that carried these requests.
fn connections(log: &local_hub::RequestLog) -> BTreeSet<u64> {
    log.requests().iter().map(|request| request.connection).collect()
}

#[test]
fn a_downloader_keeps_its_connections_in_each_of_several_runtimes() {
    let world = World::new();
    let downloader = world.downloader();
    let mut before = BTreeSet::new();
    for round in ["one", "two"] {
        let models = ["a", "b"].map(|name| world.hub.publish(&ModelFixture::new(&format!("{round}/{name}"))));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [first, second] = models.map(|model| {
            let log = world.hub.log().from_now();
            let asked = request(&model).files_in_flight(NonZeroUsize::MIN);
            runtime.block_on(downloader.download(asked)).unwrap();
            connections(&log)
        });
        // A connection returns to the pool a moment after its response, so a faster request opens
        // another.
        assert!(!second.is_disjoint(&first), "{round}: {second:?}, {first:?}\n{}", world.hub.log());
        assert!(first.is_disjoint(&before), "{round}: {first:?} are of {before:?}");
        before = first;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn inside_a_runtime_of_one_thread() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = blocking::download(&world.downloader(), request(&published)).unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_runtime_of_several_threads() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = blocking::download(&world.downloader(), request(&published)).unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
}

#[test]
fn a_local_directory_is_returned_as_it_was_given() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let own = lay_out(&published, &world.beside("own"));
    let found = blocking::get_or_download_model(own.to_str().unwrap()).unwrap();
    assert_eq!(found, own);

    std::fs::remove_file(own.join("mlc-chat-config.json")).unwrap();
    for (wrong, words) in [(own, "mlc-chat-config.json"), (world.beside("nowhere"), "no such directory")] {
        let error = blocking::get_or_download_model(wrong.to_str().unwrap()).unwrap_err();
        assert_eq!(error.kind(), facade::ErrorKind::NotFound);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn no_process_at_all_is_refused() {
    let error = blocking::download_and_cache_mlc_weights("HF://mlc-ai/tiny", Some(0), None).unwrap_err();
    assert_eq!(error.kind(), facade::ErrorKind::InvalidInput);
}
