//! Tells a blocking job that its result is no longer wanted.

use tokio::sync::watch;

/// Held by the future: dropping it fires the job's [`CancelSignal`].
pub(super) struct CancelOnDrop {
    sender: watch::Sender<bool>,
}

/// Held by the job.
#[derive(Clone)]
pub(super) struct CancelSignal {
    receiver: watch::Receiver<bool>,
}

pub(super) fn pair() -> (CancelOnDrop, CancelSignal) {
    let (sender, receiver) = watch::channel(false);
    (CancelOnDrop { sender }, CancelSignal { receiver })
}

impl CancelOnDrop {
    /// The job has ended normally.
    pub(super) fn disarm(self) {
        drop(self);
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.sender.send_replace(true);
    }
}

impl CancelSignal {
    pub(super) fn is_cancelled(&self) -> bool {
        *self.receiver.borrow()
    }

    /// Completes when the job must stop.
    pub(super) async fn cancelled(&self) {
        let mut receiver = self.receiver.clone();
        // An error means that the sender is gone, which means the same.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
