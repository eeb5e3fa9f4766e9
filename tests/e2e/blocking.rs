//! Callers without a runtime, and callers that block inside one.

use facade::Outcome;
use local_hub::ModelFixture;

use crate::world::{World, is_cached, lay_out, request};

#[test]
fn without_a_runtime() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = facade::blocking::download(&world.downloader(), request(&published)).unwrap();
    assert!(matches!(model.outcome, Outcome::Downloaded { .. }));
    let again = facade::blocking::download(&world.downloader(), request(&published)).unwrap();
    assert!(is_cached(again.outcome));
}

#[tokio::test(flavor = "current_thread")]
async fn inside_a_runtime_of_one_thread() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = facade::blocking::download(&world.downloader(), request(&published)).unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_runtime_of_several_threads() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = facade::blocking::download(&world.downloader(), request(&published)).unwrap();
    assert_eq!(published.differences(&model.path), [""; 0]);
}

#[test]
fn a_local_directory_is_returned_as_it_was_given() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let own = lay_out(&published, &world.beside("own"));
    let found = facade::blocking::get_or_download_model(own.to_str().unwrap()).unwrap();
    assert_eq!(found, own);

    std::fs::remove_file(own.join("mlc-chat-config.json")).unwrap();
    for (wrong, words) in [(own, "mlc-chat-config.json"), (world.beside("nowhere"), "no such directory")] {
        let error = facade::blocking::get_or_download_model(wrong.to_str().unwrap()).unwrap_err();
        assert_eq!(error.kind(), facade::ErrorKind::NotFound);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn no_process_at_all_is_refused() {
    let error =
        facade::blocking::download_and_cache_mlc_weights("HF://mlc-ai/tiny", Some(0), None).unwrap_err();
    assert_eq!(error.kind(), facade::ErrorKind::InvalidInput);
}
