//! How a fetch ends when its result is no longer wanted.

use std::sync::Arc;

use hf_transport::{GitMetadata, KeepAlive, MetadataSource as _};
use local_hub::{Fault, FaultTarget, Outcome, RequestLog, Times};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{ID, PATIENCE, Stage, listing};

/// Reports when the last holder has released it.
struct Held(Option<oneshot::Sender<()>>);

impl Drop for Held {
    fn drop(&mut self) {
        // It does not matter whether the test still listens.
        let _listening = self.0.take().map(|released| released.send(()));
    }
}

pub(crate) fn held() -> (KeepAlive, oneshot::Receiver<()>) {
    let (sender, receiver) = oneshot::channel();
    (Arc::new(Held(Some(sender))), receiver)
}

/// A model whose hub may be silent for a long time: only dropping ends a fetch.
fn stage() -> Stage {
    Stage::wordy().with_net(|net| net.idle_timeout = 100 * PATIENCE)
}

/// Whether the fault holds up a request after this much of the response.
fn is_held_up(log: &RequestLog, after: u64) -> bool {
    let requests = log.requests();
    requests.last().is_some_and(|last| last.fault.is_some() && last.body_sent == after)
}

#[tokio::test]
async fn dropping_the_future_ends_everything() {
    let pack = || FaultTarget::upload_pack(ID);
    for (target, fault, after) in [
        (FaultTarget::info_refs(ID), Fault::NoAnswer, 0),
        (FaultTarget::info_refs(ID), Fault::Stall { after: 50 }, 50),
        (pack(), Fault::NoAnswer, 0),
        (pack(), Fault::Stall { after: 20 }, 20),
        (pack(), Fault::Stall { after: 5000 }, 5000),
    ] {
        let stage = stage();
        stage.hub.fault(target, fault.clone(), Times::Once);
        let (keep_alive, mut released) = held();
        let request = stage.request(None, keep_alive);
        let (tree, scratch) = (request.export_to.clone(), request.scratch_parent.clone());
        let source = GitMetadata::new(stage.client());
        let log = stage.hub.log();
        let held_up = async {
            assert!(log.until(PATIENCE, |log| is_held_up(log, after)).await, "{fault:?}: {log}");
            // Checked here, since dropping the fetch below removes its folder.
            assert!(std::fs::read_dir(&scratch).unwrap().next().is_some(), "the fetch is under way");
        };
        tokio::select! {
            outcome = source.fetch(request) => panic!("{fault:?}: {outcome:?}"),
            () = held_up => {}
        }

        timeout(PATIENCE, &mut released).await.unwrap().unwrap();
        assert!(listing(&scratch).is_empty(), "{fault:?}");
        assert!(listing(&tree).is_empty(), "{fault:?}");
        assert!(log.until(PATIENCE, |log| log.in_flight() == 0).await, "{fault:?}: {log}");
        assert_eq!(log.requests().last().unwrap().outcome, Outcome::ClosedByClient, "{fault:?}: {log}");
    }
}

#[tokio::test]
async fn a_future_that_is_never_polled_does_nothing() {
    let stage = Stage::usual();
    let (keep_alive, mut released) = held();
    drop(GitMetadata::new(stage.client()).fetch(stage.request(None, keep_alive)));
    timeout(PATIENCE, &mut released).await.unwrap().unwrap();
    assert!(stage.hub.log().is_empty());
}

#[test]
fn a_runtime_that_ends_takes_its_fetches_along() {
    let stage = stage();
    stage.hub.fault(FaultTarget::upload_pack(ID), Fault::Stall { after: 20 }, Times::Once);
    let (keep_alive, mut released) = held();
    let request = stage.request(None, keep_alive);
    let scratch = request.scratch_parent.clone();
    let source = GitMetadata::new(stage.client());

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fetch = runtime.spawn(async move { source.fetch(request).await });
    let log = stage.hub.log();
    assert!(log.wait_until(PATIENCE, |log| is_held_up(log, 20)), "{log}");
    assert!(!fetch.is_finished());
    // It waits for its blocking threads.
    drop(runtime);
    released.try_recv().unwrap();
    assert!(listing(&scratch).is_empty());
    assert!(log.wait_until(PATIENCE, |log| log.in_flight() == 0), "{log}");
}
