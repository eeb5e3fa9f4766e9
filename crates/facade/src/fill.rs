//! Fills the store during downloads: a machine that downloads a model from the hub pushes it to the
//! store.
//!
//! One machine takes a lease and downloads; the others wait for its pack. No two clocks are compared: a holder counts as
//! alive while its byte count grows, and as dead when the count has not grown for a while by the waiting machine's own
//! clock. A lease only saves work; correctness does not depend on it.

use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use shard_fetch::FetchEvent;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url_parse::ModelRef;
use weight_store::{Lease, LeaseSeen};

use crate::stores::Pushed;
use crate::{Error, Event, Observer};

/// A growing holder is waited for at most as long as it would need at this many bytes per second, plus
/// a margin.
const SLOWEST: u64 = 4 << 20;
/// The upper limit in any case.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);
/// With less, the store would be asked without a pause.
pub(crate) const LEAST_PATIENCE: Duration = Duration::from_millis(100);
/// How many results are kept until the caller asks for them.
const MOST_REMEMBERED: usize = 1024;

/// Whether and how stores are filled.
#[derive(Clone, Debug)]
pub(crate) struct FillConfig {
    pub(crate) is_on: bool,
    /// A holder whose bytes do not grow for this long is dead.
    pub(crate) patience: Duration,
}

impl Default for FillConfig {
    fn default() -> Self {
        Self { is_on: false, patience: Duration::from_secs(120) }
    }
}

impl FillConfig {
    /// How often a holder renews its lease.
    fn beat(&self) -> Duration {
        self.patience / 4
    }

    /// How long to wait before looking again; random, so that machines that started together do not
    /// return together.
    pub(crate) fn pause(&self) -> Duration {
        (self.patience / 60).mul_f64(1.0 + 4.0 * fastrand::f64())
    }
}

/// The result of [filling](crate::DownloaderBuilder::fill_store) the store with a downloaded model.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "what failed is in it"]
pub struct Filled {
    /// The model.
    pub model: ModelRef,
    /// What was pushed, or why not. The model is in the cache in either case.
    pub outcome: Result<Pushed, Error>,
}

/// The stores being filled, and the results so far.
#[derive(Default)]
pub(crate) struct Fills(Mutex<VecDeque<JoinHandle<Filled>>>);

impl Fills {
    pub(crate) fn add(&self, filling: JoinHandle<Filled>) {
        let mut fills = self.0.lock();
        // A caller that never asks for the results does not accumulate them.
        if fills.len() >= MOST_REMEMBERED {
            fills.pop_front();
        }
        fills.push_back(filling);
    }

    pub(crate) fn are_under_way(&self) -> bool {
        self.0.lock().iter().any(|filling| !filling.is_finished())
    }

    /// Waits for all.
    pub(crate) async fn ended(&self) -> Vec<Filled> {
        let mut ended = Vec::new();
        loop {
            let Some(filling) = self.0.lock().pop_front() else { return ended };
            match filling.await {
                Ok(filled) => ended.push(filled),
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // Its runtime has ended.
                Err(_) => {}
            }
        }
    }
}

impl fmt::Debug for Fills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fills(…)")
    }
}

/// How much the holder has downloaded and written, for waiting machines.
#[derive(Debug, Default)]
pub(crate) struct FillProgress {
    bytes: AtomicU64,
    of: AtomicU64,
}

/// Counts events while passing them to another observer.
pub(crate) struct Counting {
    pub(crate) progress: Arc<FillProgress>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Observer for Counting {
    fn on_event(&self, event: &Event<'_>) {
        let FillProgress { bytes, of } = &*self.progress;
        match event {
            // Each byte is downloaded and written.
            Event::Fetch(FetchEvent::Planned { bytes: planned, .. }) => {
                of.fetch_add(planned.saturating_mul(2), Ordering::Relaxed);
            }
            Event::Fetch(FetchEvent::Received { bytes: new, .. }) | Event::Pushed { size: new, .. } => {
                bytes.fetch_add(*new, Ordering::Relaxed);
            }
            _ => {}
        }
        self.observer.on_event(event);
    }
}

/// A lease that is renewed until this is dropped or [ended](Self::end).
#[derive(Debug)]
pub(crate) struct Lead {
    end: oneshot::Sender<()>,
    beating: JoinHandle<()>,
}

impl Lead {
    pub(crate) fn begin(lease: Lease, progress: Arc<FillProgress>, config: &FillConfig) -> Self {
        let (end, mut ended) = oneshot::channel();
        let beat = config.beat();
        let beating = tokio::spawn(async move {
            let mut lease = lease;
            loop {
                tokio::select! {
                    _ = &mut ended => break,
                    () = tokio::time::sleep(beat) => {}
                }
                let (bytes, of) =
                    (progress.bytes.load(Ordering::Relaxed), progress.of.load(Ordering::Relaxed));
                match lease.renew(bytes, of).await {
                    Ok(true) => {}
                    Ok(false) => {
                        tracing::info!("another machine has taken over the lease");
                        return;
                    }
                    Err(error) => tracing::debug!(%error, "cannot renew the lease"),
                }
            }
            if let Err(error) = lease.release().await {
                tracing::debug!(%error, "cannot release the lease");
            }
        });
        Self { end, beating }
    }

    /// Gives the lease back. If this is dropped instead, that happens later, while the runtime lives.
    pub(crate) async fn end(self) {
        drop(self.end);
        let _ = self.beating.await;
    }
}

/// How long to wait for a holder. No clock, no I/O.
pub(crate) struct Waiting {
    patience: Duration,
    began: Instant,
    seen: Option<(LeaseSeen, Instant)>,
}

impl Waiting {
    pub(crate) fn new(patience: Duration, now: Instant) -> Self {
        Self { patience, began: now, seen: None }
    }

    /// Records that another holder has the lease.
    pub(crate) fn saw(&mut self, lease: LeaseSeen, now: Instant) {
        match &self.seen {
            Some((seen, _)) if seen.is_as_far(&lease) => {}
            _ => self.seen = Some((lease, now)),
        }
    }

    /// The lease, if its holder is dead.
    pub(crate) fn dead(&self, now: Instant) -> Option<&LeaseSeen> {
        let (lease, since) = self.seen.as_ref()?;
        (now.saturating_duration_since(*since) >= self.patience).then_some(lease)
    }

    /// Whether it takes too long, although the holder is alive.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let of = self.seen.as_ref().map_or(0, |(lease, _)| lease.of());
        let longest = (5 * self.patience).saturating_add(Duration::from_secs(of / SLOWEST)).min(LONGEST);
        now.saturating_duration_since(self.began) >= longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_between_requests_to_a_store_have_a_minimum() {
        let builder = crate::Downloader::builder("home").fill_patience(Duration::ZERO);
        let config = builder.build().unwrap().context.stores.fill.clone();
        assert!(config.beat() >= Duration::from_millis(25) && config.pause() >= Duration::from_millis(1));
    }
}
