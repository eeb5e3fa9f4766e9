//! Waits for another download of the same model.

use std::time::Duration;

use cache_layout::{LockAttempt, SlotLock};

use crate::look::Query;
use crate::{Error, Event};

/// How often a held lock is tried again. The operating system releases the lock of a killed process, so
/// this is also the longest that a successor waits.
const POLL: Duration = Duration::from_millis(100);

/// Acquires the slot's lock, polling while it is held; reports the holder once. Dropping the future
/// cancels the wait.
pub(crate) async fn acquire(query: &Query) -> Result<SlotLock, Error> {
    let mut has_said_so = false;
    loop {
        match query.on_disk(|query| Ok(query.context.layout.try_lock(&query.slot)?)).await? {
            LockAttempt::Acquired(lock) => return Ok(lock),
            LockAttempt::HeldBy(holder) => {
                if !std::mem::replace(&mut has_said_so, true) {
                    tracing::info!(model = %query.slot.model(), "waiting for another download of this model");
                    query.request.watcher().on_event(&Event::WaitingForLock { holder: holder.as_ref() });
                }
            }
        }
        tokio::time::sleep(POLL).await;
    }
}
