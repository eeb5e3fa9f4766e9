//! The async forms.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::time::Duration;

use facade::ErrorKind;
use facade::cache::{ExportMode, PruneMode, VerifyEvent};
use local_hub::ModelFixture;

use crate::world::{PATIENCE, World};

#[tokio::test]
async fn each_async_function_does_the_same_as_its_blocking_form() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&model).await.unwrap();
    let (cache, id) = (world.downloader().cache(), "mlc-ai/tiny".parse().unwrap());
    assert_eq!(cache.list_async().await.unwrap().models, cache.list().unwrap().models);
    assert_eq!(cache.models_async().await.unwrap(), std::slice::from_ref(&id));
    let reports = cache.verify_async(&id, |_| ControlFlow::Continue(())).await.unwrap();
    assert_eq!(reports, cache.verify(&id, |_| ControlFlow::Continue(())).unwrap());
    let to = world.beside("exported/model");
    let exported =
        cache.export_async(&id, &to, ExportMode::Copy, |_| ControlFlow::Continue(())).await.unwrap();
    assert!(!exported.was_there && exported.bytes > 0, "{exported:?}");
    assert_eq!(model.differences(&to), [""; 0]);
    assert_eq!(cache.prune_async(Duration::ZERO, PruneMode::DryRun).await.unwrap().removed_bytes(), 0);
    let shrinking = cache.shrink_async(0, PruneMode::DryRun).await.unwrap();
    assert!(shrinking.fits() && shrinking.models[0].is_removed(), "{shrinking:?}");
    assert_eq!(cache.remove_async(&id).await.unwrap().path, world.entry(&model));
    assert!(cache.models_async().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_verification_ends() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(20, 50_000));
    world.download(&model).await.unwrap();
    let (told, seen) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let (cache, id) = (world.downloader().cache(), "mlc-ai/tiny".parse().unwrap());
    let verifying = tokio::spawn(async move {
        let observe = move |_: &VerifyEvent<'_>| {
            told.send(()).unwrap();
            let _ = gate.recv();
            ControlFlow::Continue(())
        };
        cache.verify_async(&id, observe).await
    });
    seen.recv_timeout(PATIENCE).unwrap();
    verifying.abort();
    assert!(verifying.await.unwrap_err().is_cancelled());
    drop(go_on);
    // The closure is dropped once the work has ended, and was not called again.
    assert_eq!(seen.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
}

/// Stopped in the middle of copying, and of hashing.
#[tokio::test]
async fn a_stopped_export_leaves_nothing() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&model).await.unwrap();
    let (cache, id) = (world.downloader().cache(), "mlc-ai/tiny".parse().unwrap());
    let above = world.beside("exported");
    let ends_at: [fn(&VerifyEvent<'_>) -> bool; 2] = [
        |event| matches!(event, VerifyEvent::Copied { .. }),
        |event| matches!(event, VerifyEvent::Checked { .. }),
    ];
    for is_the_end in ends_at {
        let ended = cache.export(&id, &above.join("model"), ExportMode::Copy, |event| {
            if is_the_end(event) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(std::fs::read_dir(&above).unwrap().count(), 0);
    }
}
