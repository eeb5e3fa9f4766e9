//! Requests that wait for the test.

use std::sync::Arc;

use tokio::sync::watch;

/// A gate for [`Fault::Hold`](crate::Fault::Hold): requests wait there until [`Hold::release`].
///
/// The log shows whether a request has arrived (its `fault` is set). Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Hold {
    open: Arc<watch::Sender<bool>>,
}

impl Hold {
    /// A closed gate.
    pub fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)) }
    }

    /// Releases waiting requests, and all later ones.
    pub fn release(&self) {
        self.open.send_replace(true);
    }

    pub(crate) async fn wait(&self) {
        // An error means that there is no sender, but `self` holds one.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}
