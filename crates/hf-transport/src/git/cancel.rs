//! Telling a blocking job that nobody waits for it any more.

use tokio::sync::watch;

/// Held by the future: when it is dropped, the job's [`CancelSignal`] fires.
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
    /// The job has ended by itself.
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

    /// Completes when the job is to stop.
    pub(super) async fn cancelled(&self) {
        let mut receiver = self.receiver.clone();
        // An error means that the sender is gone, which is the same news.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
