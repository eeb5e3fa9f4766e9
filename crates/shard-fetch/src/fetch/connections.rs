//! The right to use a connection: how many there may be at the moment, and who gets the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// A connection must have been idle for this long before it relieves another one: taking over a part of a
/// range costs the other its connection, and a new file may be about to begin.
const IDLE_BEFORE_SHARING: Duration = Duration::from_millis(60);

/// How often an idle connection is looked for.
const POLL: Duration = Duration::from_millis(20);

/// Hands out permits, at most as many as its target at a time.
#[derive(Clone)]
pub(super) struct Connections(Arc<Mutex<State>>);

struct State {
    target: usize,
    in_use: usize,
    waiting: VecDeque<oneshot::Sender<Permit>>,
    /// Since when there is a permit that nobody wants.
    idle_since: Option<Instant>,
}

/// Allows one request at a time. Dropping it gives it back.
pub(super) struct Permit(Connections);

impl Connections {
    pub(super) fn new(target: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            target,
            in_use: 0,
            waiting: VecDeque::new(),
            idle_since: Some(Instant::now()),
        })))
    }

    /// Changes how many there may be. Those beyond a smaller number end with what they are doing, or when that
    /// fails.
    pub(super) fn set_target(&self, target: usize) {
        self.0.lock().target = target;
        self.hand_out();
    }

    pub(super) fn target(&self) -> usize {
        self.0.lock().target
    }

    pub(super) fn in_use(&self) -> usize {
        self.0.lock().in_use
    }

    /// A permit, in the order of asking.
    pub(super) async fn acquire(&self) -> Permit {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.0.lock();
            state.waiting.retain(|waiting| !waiting.is_closed());
            state.waiting.push_back(sender);
        }
        self.hand_out();
        match receiver.await {
            Ok(permit) => permit,
            // Senders are only dropped with the state, which is held here.
            Err(_) => std::future::pending().await,
        }
    }

    /// A permit that nobody else has wanted for a while. Comes after a pause in any case: whoever finds
    /// nothing worth sharing gives it back and asks again.
    pub(super) async fn acquire_idle(&self) -> Permit {
        loop {
            sleep(POLL).await;
            if self.take_idle(Instant::now()) {
                return Permit(self.clone());
            }
        }
    }

    fn take_idle(&self, now: Instant) -> bool {
        let mut state = self.0.lock();
        let idle = state.idle_since.is_some_and(|since| now >= since + IDLE_BEFORE_SHARING);
        if idle {
            state.in_use += 1;
            state.note_idleness();
        }
        idle
    }

    fn hand_out(&self) {
        loop {
            let mut state = self.0.lock();
            if state.in_use >= state.target {
                break;
            }
            let Some(next) = state.waiting.pop_front() else { break };
            state.in_use += 1;
            drop(state);
            // Who does not wait any more drops the permit, which comes back here by way of its `Drop`.
            drop(next.send(Permit(self.clone())));
        }
        self.0.lock().note_idleness();
    }
}

impl Permit {
    /// The same permit; or, where there are more than there may be by now, the next one that is free.
    pub(super) async fn renewed(self) -> Self {
        let connections = self.0.clone();
        if connections.in_use() <= connections.target() {
            return self;
        }
        drop(self);
        connections.acquire().await
    }
}

impl State {
    fn note_idleness(&mut self) {
        self.waiting.retain(|waiting| !waiting.is_closed());
        let is_idle = self.in_use < self.target && self.waiting.is_empty();
        self.idle_since = is_idle.then(|| self.idle_since.unwrap_or_else(Instant::now));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.lock().in_use -= 1;
        self.0.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn never_more_than_the_target() {
        let connections = Connections::new(2);
        let first = now(connections.acquire()).unwrap();
        let second = now(connections.acquire()).unwrap();
        assert!(now(connections.acquire()).is_none());
        drop(first);
        // The one that stopped waiting is passed over.
        let third = now(connections.acquire()).unwrap();
        assert_eq!(connections.in_use(), 2);
        connections.set_target(1);
        drop(second);
        assert!(now(connections.acquire()).is_none());
        drop(third);
        assert!(now(connections.acquire()).is_some());
        assert_eq!(connections.in_use(), 0);
    }

    #[test]
    fn who_is_one_too_many_waits_for_another() {
        let connections = Connections::new(2);
        let first = now(connections.acquire()).unwrap();
        let second = now(connections.acquire()).unwrap();
        let first = now(first.renewed()).unwrap();
        connections.set_target(1);
        let mut second = Box::pin(second.renewed());
        assert!(now(second.as_mut()).is_none());
        assert_eq!(connections.in_use(), 1);
        let first = now(first.renewed()).unwrap();
        drop(first);
        assert!(now(second).is_some());
    }

    #[test]
    fn first_come_first_served() {
        let connections = Connections::new(1);
        let held = now(connections.acquire()).unwrap();
        let (mut first, mut second) = (Box::pin(connections.acquire()), Box::pin(connections.acquire()));
        assert!(now(first.as_mut()).is_none() && now(second.as_mut()).is_none());
        drop(held);
        assert!(now(second.as_mut()).is_none());
        let held = now(first.as_mut()).unwrap();
        drop(held);
        assert!(now(second).is_some());
    }

    #[tokio::test]
    async fn asking_for_an_idle_permit_again_and_again_is_no_busy_loop() {
        let connections = Connections::new(1);
        connections.0.lock().idle_since = Some(Instant::now().checked_sub(IDLE_BEFORE_SHARING).unwrap());
        let begun = Instant::now();
        for _ in 0..3 {
            drop(connections.acquire_idle().await);
        }
        assert!(begun.elapsed() >= 3 * POLL);
    }

    #[test]
    fn only_what_was_idle_for_a_while_is_given_for_sharing() {
        let connections = Connections::new(1);
        let later = |millis| Instant::now() + Duration::from_millis(millis);
        assert!(!connections.take_idle(Instant::now()));
        assert!(connections.take_idle(later(100)));
        assert!(!connections.take_idle(later(1000)));
        assert_eq!(connections.in_use(), 1);
    }
}
