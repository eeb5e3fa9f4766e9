//! One active connection: its speed, and whether it was told to stop. No clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use url_parse::Origin;

use super::pace::Pace;

/// The state of a connection that others can see. Its owner writes it, and the scheduler reads it
/// regularly.
#[derive(Default)]
pub(super) struct Line {
    /// Bytes since the last look.
    came: AtomicU64,
    is_listening: AtomicBool,
    /// Whether a new connection may replace it.
    is_replaceable: AtomicBool,
    is_stopped: AtomicBool,
    stop: Notify,
    /// The bytes it still has to deliver.
    left: AtomicU64,
    state: Mutex<Speed>,
}

#[derive(Default)]
struct Speed {
    pace: Pace,
    host: Option<Origin>,
    /// It waits until then because of a server's limits.
    held_until: Option<Instant>,
}

/// Marks the connection as waiting for bytes while this is held.
pub(super) struct LineListening<'a>(&'a Line);

impl Line {
    /// Starts another request: the speed of the last one no longer counts.
    pub(super) fn restart(&self, left: u64, is_replaceable: bool) {
        self.came.store(0, Ordering::Relaxed);
        self.is_replaceable.store(is_replaceable, Ordering::Relaxed);
        self.owes(left);
        let mut state = self.state.lock();
        (state.pace, state.held_until) = (Pace::default(), None);
    }

    pub(super) fn listen(&self) -> LineListening<'_> {
        self.is_listening.store(true, Ordering::Relaxed);
        LineListening(self)
    }

    pub(super) fn is_listening(&self) -> bool {
        self.is_listening.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self, bytes: u64) {
        self.came.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn owes(&self, left: u64) {
        self.left.store(left, Ordering::Relaxed);
    }

    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Sets the host that is asked.
    pub(super) fn set_host(&self, host: &Origin) {
        self.state.lock().host = Some(host.clone());
    }

    pub(super) fn host(&self) -> Option<Origin> {
        self.state.lock().host.clone()
    }

    /// Waiting because of a server's limits does not count as slowness.
    pub(super) fn held(&self, until: Instant) {
        self.state.lock().held_until = Some(until);
    }

    /// Whether bytes have arrived since the last look.
    pub(super) fn has_received(&self) -> bool {
        self.came.load(Ordering::Relaxed) > 0
    }

    /// Measures the bytes of the last `period`, which ends `now`.
    pub(super) fn look(&self, now: Instant, period: Duration) {
        let bytes = self.came.swap(0, Ordering::Relaxed);
        let mut state = self.state.lock();
        let is_waited_for = self.is_listening() && state.held_until.is_none_or(|until| until <= now);
        state.pace.note(bytes, if is_waited_for { period } else { Duration::ZERO });
    }

    pub(super) fn rate(&self) -> Option<f64> {
        self.pace().rate()
    }

    pub(super) fn pace(&self) -> Pace {
        self.state.lock().pace
    }

    /// Whether a new connection may replace it. One that has not started yet may just be slow to start.
    pub(super) fn may_be_replaced(&self) -> bool {
        self.is_replaceable.load(Ordering::Relaxed) && self.is_listening() && self.pace().has_begun()
    }

    /// Tells its owner to stop. Bytes that arrive later are not used.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.stop.notify_one();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Resolves when it is told to stop.
    pub(super) async fn stopped(self: &Arc<Self>) {
        while !self.is_stopped() {
            self.stop.notified().await;
        }
    }
}

impl Drop for LineListening<'_> {
    fn drop(&mut self) {
        self.0.is_listening.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    /// The rate of a connection that receives nothing for three seconds after `before` was applied.
    fn rate(before: impl FnOnce(&Line, Instant)) -> Option<f64> {
        let (line, began) = (Line::default(), Instant::now());
        line.restart(1000, true);
        before(&line, began);
        (1..=30).for_each(|tick| line.look(began + tick * TICK, TICK));
        line.rate()
    }

    #[test]
    fn only_a_connection_that_is_waited_for_can_be_slow() {
        assert_eq!(rate(|line, _| std::mem::forget(line.listen())), Some(0.0));
        assert_eq!(rate(|line, _| drop(line.listen())), None);
    }

    #[test]
    fn waiting_at_a_servers_request_is_not_slow() {
        let held = |seconds| {
            move |line: &Line, began| {
                std::mem::forget(line.listen());
                line.held(began + Duration::from_secs(seconds));
            }
        };
        assert_eq!(rate(held(2)), None);
        assert_eq!(rate(held(0)), Some(0.0));
    }

    #[test]
    fn a_connection_that_has_not_begun_is_not_replaced() {
        let line = Line::default();
        line.restart(1000, true);
        let _listening = line.listen();
        let now = Instant::now();
        (0..30).for_each(|_| line.look(now, TICK));
        assert_eq!((line.rate(), line.may_be_replaced()), (Some(0.0), false));
        line.received(1);
        (0..30).for_each(|_| line.look(now, TICK));
        assert!(line.may_be_replaced());
        line.restart(1000, false);
        line.received(1);
        (0..30).for_each(|_| line.look(now, TICK));
        assert!(!line.may_be_replaced());
    }
}
