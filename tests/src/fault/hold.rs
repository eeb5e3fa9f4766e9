//! Requests that wait for the test.

use std::sync::Arc;

use tokio::sync::watch;

/// A gate for [`Fault::Hold`](crate::Fault::Hold): requests arrive and wait until [`Hold::release`].
///
/// Whether a request has arrived is seen in the log (its `fault` is set). Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Hold {
    open: Arc<watch::Sender<bool>>,
}

impl Hold {
    /// A closed gate.
    pub fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)) }
    }

    /// Lets those that wait, and all that come later, go on.
    pub fn release(&self) {
        self.open.send_replace(true);
    }

    pub(crate) async fn wait(&self) {
        // An error means that no sender is left, but `self` holds one.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}
