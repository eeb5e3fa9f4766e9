//! Permits for connections: how many there may be, who gets the next one, and which connection is so
//! slow that it should be replaced.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use url_parse::Origin;

use super::line::Line;
use super::pace;

/// How long a permit must be idle before it relieves another connection: taking over part of a range
/// costs the other its connection, and a new file may be about to start.
const IDLE_BEFORE_RELIEF: Duration = Duration::from_millis(60);

/// The weight of finished connections halves in this time, since the line may have slowed down.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// Fewer bytes say more about latency than about throughput.
const TELLING_BYTES: u64 = 64 << 10;

/// Why a connection is wanted. Permits are granted in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A file without a connection.
    First,
    /// An unassigned range of a file that has a connection.
    More,
    /// To relieve another connection, or to repeat its request. Granted only if a permit has been idle
    /// for a while, and at most once per [`look`](Connections::look).
    Relief,
}

/// Grants permits, at most as many at a time as the target.
#[derive(Clone)]
pub(super) struct Connections(Arc<Mutex<State>>);

struct State {
    target: usize,
    in_use: usize,
    /// Indexed by [`Need`].
    waiting: [VecDeque<oneshot::Sender<Permit>>; 3],
    /// Since when a permit has been idle.
    idle_since: Option<Instant>,
    lines: Vec<Arc<Line>>,
    /// The speed of finished connections to a host, in bytes per second, and when it was measured.
    before: HashMap<Origin, (f64, Instant)>,
    /// When a host last sent bytes, over any connection.
    delivered: HashMap<Origin, Instant>,
}

/// Permits one request at a time. Returned when dropped.
pub(super) struct Permit {
    connections: Connections,
    line: Arc<Line>,
}

impl Connections {
    pub(super) fn new(target: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            target,
            in_use: 0,
            waiting: Default::default(),
            idle_since: Some(Instant::now()),
            lines: Vec::new(),
            before: HashMap::new(),
            delivered: HashMap::new(),
        })))
    }

    /// Changes the target. Surplus connections end when they finish their range or fail.
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

    /// Waits for a permit: by need, then in order of arrival.
    pub(super) async fn acquire(&self, need: Need) -> Permit {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.0.lock();
            state.forget_who_left();
            state.waiting[need as usize].push_back(sender);
        }
        self.hand_out();
        match receiver.await {
            Ok(permit) => permit,
            // Senders are dropped only with the state, which is held here.
            Err(_) => std::future::pending().await,
        }
    }

    fn hand_out(&self) {
        while let Some((next, permit)) = self.next(&[Need::First, Need::More]) {
            // If the receiver has gone, the permit returns here through its `Drop`.
            drop(next.send(permit));
        }
        self.0.lock().note_idleness();
    }

    /// A free permit, and who gets it.
    fn next(&self, needs: &[Need]) -> Option<(oneshot::Sender<Permit>, Permit)> {
        let mut state = self.0.lock();
        if state.in_use >= state.target {
            return None;
        }
        let next = needs.iter().find_map(|need| state.waiting[*need as usize].pop_front())?;
        state.in_use += 1;
        let line = Arc::new(Line::default());
        state.lines.push(Arc::clone(&line));
        Some((next, Permit { connections: self.clone(), line }))
    }

    /// Measures what the connections received in the last `period`, which ends `now`. Gives idle
    /// permits to files that want to relieve a connection; if none is idle, tells a connection to stop
    /// that is far slower than the others.
    pub(super) fn look(&self, now: Instant, period: Duration) {
        let idle = {
            let mut state = self.0.lock();
            state.measure(now, period);
            if state.in_use >= state.target {
                state.drop_the_slowest(now);
            }
            state.forget_who_left();
            let is_idle = state.idle_since.is_some_and(|since| now >= since + IDLE_BEFORE_RELIEF);
            if is_idle { state.waiting[Need::Relief as usize].len() } else { 0 }
        };
        for _ in 0..idle {
            let Some((next, permit)) = self.next(&[Need::Relief]) else { break };
            drop(next.send(permit));
        }
        self.0.lock().note_idleness();
    }

    /// Whether a second request for the remaining `left` bytes of this connection would be far faster.
    pub(super) fn is_worth_a_second(&self, line: &Arc<Line>, left: u64, now: Instant) -> bool {
        let typical = || self.0.lock().typical(line, now);
        line.is_listening() && pace::is_worth_a_second(left, &line.pace(), typical())
    }

    /// A request to this host is finished, or nearly so.
    pub(super) fn note_done(&self, host: &Origin, bytes: u64, listened: Duration, now: Instant) {
        if bytes >= TELLING_BYTES && !listened.is_zero() {
            #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
            let rate = bytes as f64 / listened.as_secs_f64();
            self.0.lock().before.insert(host.clone(), (rate, now));
        }
    }

    /// Whether the host has sent bytes since then, over any connection.
    pub(super) fn has_delivered(&self, host: &Origin, since: Instant) -> bool {
        self.0.lock().delivered.get(host).is_some_and(|last| *last >= since)
    }
}

impl Permit {
    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// The same permit or, if there are now too many, the next free one.
    pub(super) async fn renewed(self) -> Self {
        let connections = self.connections.clone();
        if !self.is_one_too_many() {
            return self;
        }
        let line = Arc::clone(&self.line);
        drop(self);
        let mut permit = connections.acquire(Need::First).await;
        for known in &mut connections.0.lock().lines {
            if Arc::ptr_eq(known, &permit.line) {
                *known = Arc::clone(&line);
            }
        }
        permit.line = line;
        permit
    }

    /// Whether there are more permits than the target.
    pub(super) fn is_one_too_many(&self) -> bool {
        let state = self.connections.0.lock();
        state.in_use > state.target
    }
}

impl State {
    fn note_idleness(&mut self) {
        let is_wanted = self.waiting[..Need::Relief as usize].iter().any(|waiting| !waiting.is_empty());
        let is_idle = self.in_use < self.target && !is_wanted;
        self.idle_since = is_idle.then(|| self.idle_since.unwrap_or_else(Instant::now));
    }

    fn forget_who_left(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.retain(|waiting| !waiting.is_closed()));
    }

    fn typical(&self, line: &Arc<Line>, now: Instant) -> Option<f64> {
        let host = line.host();
        let others = self.lines.iter().filter(|other| !Arc::ptr_eq(other, line) && other.host() == host);
        let before = host.as_ref().and_then(|host| self.before.get(host)).map(|(rate, then)| {
            let age = now.saturating_duration_since(*then);
            rate * 0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64())
        });
        pace::typical(others.filter_map(|other| other.rate()).collect(), before)
    }

    fn measure(&mut self, now: Instant, period: Duration) {
        for line in &self.lines {
            if let Some(host) = line.host().filter(|_| line.has_received()) {
                self.delivered.insert(host, now);
            }
            line.look(now, period);
        }
    }

    fn drop_the_slowest(&self, now: Instant) {
        let is_far_too_slow = |line: &&Arc<Line>| {
            line.may_be_replaced()
                && pace::is_worth_dropping(line.left(), &line.pace(), self.typical(line, now))
        };
        if let Some(line) = self.lines.iter().find(is_far_too_slow) {
            tracing::debug!(rate = line.rate(), "stopping a connection that is far slower than the others");
            line.stop();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.connections.0.lock();
            state.in_use -= 1;
            state.lines.retain(|line| !Arc::ptr_eq(line, &self.line));
        }
        self.connections.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const TICK: Duration = Duration::from_millis(75);

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn first(connections: &Connections) -> Option<Permit> {
        now(connections.acquire(Need::First))
    }

    #[test]
    fn there_are_never_more_connections_than_the_target() {
        let connections = Connections::new(2);
        let one = first(&connections).unwrap();
        let two = first(&connections).unwrap();
        assert!(first(&connections).is_none());
        drop(one);
        // The one that stopped waiting is skipped.
        let three = first(&connections).unwrap();
        assert_eq!(connections.in_use(), 2);
        connections.set_target(1);
        drop(two);
        assert!(first(&connections).is_none());
        drop(three);
        assert!(first(&connections).is_some());
        assert_eq!(connections.in_use(), 0);
        assert!(connections.0.lock().lines.is_empty());
    }

    #[test]
    fn a_surplus_connection_waits() {
        let connections = Connections::new(2);
        let one = first(&connections).unwrap();
        let two = first(&connections).unwrap();
        let one = now(one.renewed()).unwrap();
        connections.set_target(1);
        let line = Arc::clone(two.line());
        let mut two = Box::pin(two.renewed());
        assert!(now(two.as_mut()).is_none());
        assert_eq!(connections.in_use(), 1);
        let one = now(one.renewed()).unwrap();
        drop(one);
        let two = now(two).unwrap();
        assert!(Arc::ptr_eq(two.line(), &line));
        drop(two);
        assert!(connections.0.lock().lines.is_empty());
    }

    #[test]
    fn files_without_a_connection_come_first_then_by_arrival() {
        let connections = Connections::new(1);
        let held = first(&connections).unwrap();
        let mut more = Box::pin(connections.acquire(Need::More));
        let (mut one, mut two) =
            (Box::pin(connections.acquire(Need::First)), Box::pin(connections.acquire(Need::First)));
        assert!(now(more.as_mut()).is_none() && now(one.as_mut()).is_none() && now(two.as_mut()).is_none());
        drop(held);
        assert!(now(more.as_mut()).is_none() && now(two.as_mut()).is_none());
        drop(now(one.as_mut()).unwrap());
        assert!(now(more.as_mut()).is_none());
        drop(now(two.as_mut()).unwrap());
        assert!(now(more.as_mut()).is_some());
    }

    #[test]
    fn only_connections_that_were_idle_for_a_while_are_given_to_relief() {
        let connections = Connections::new(1);
        let later = |millis| Instant::now() + Duration::from_millis(millis);
        let mut relief = Box::pin(connections.acquire(Need::Relief));
        let mut another = Box::pin(connections.acquire(Need::Relief));
        assert!(now(relief.as_mut()).is_none() && now(another.as_mut()).is_none());
        connections.look(Instant::now(), TICK);
        assert!(now(relief.as_mut()).is_none());
        connections.look(later(100), TICK);
        let permit = now(relief.as_mut()).unwrap();
        connections.look(later(1000), TICK);
        assert!(now(another.as_mut()).is_none());
        drop(permit);
        let held = first(&connections).unwrap();
        connections.look(later(2000), TICK);
        assert!(now(another.as_mut()).is_none());
        drop(held);
        assert_eq!(connections.in_use(), 0);
    }

    /// Runs connections to one host, each with these bytes per look, for ten seconds. Returns which
    /// were told to stop.
    fn stopped(target: usize, each: &[u64], is_replaceable: bool) -> Vec<bool> {
        let connections = Connections::new(target);
        let permits: Vec<_> = each.iter().map(|_| first(&connections).unwrap()).collect();
        let host = Origin::of(&"http://host/".parse().unwrap()).unwrap();
        let _listening: Vec<_> = permits.iter().map(|permit| permit.line().listen()).collect();
        for permit in &permits {
            permit.line().restart(1 << 20, is_replaceable);
            permit.line().set_host(&host);
        }
        for tick in 1..100 {
            permits.iter().zip(each).for_each(|(permit, bytes)| permit.line().received(*bytes));
            connections.look(Instant::now() + tick * TICK, TICK);
        }
        permits.iter().map(|permit| permit.line().is_stopped()).collect()
    }

    #[test]
    fn one_that_is_ten_times_slower_is_stopped_where_no_other_is_idle() {
        let one_crawls = [100_000, 1, 90_000];
        assert_eq!(stopped(3, &one_crawls, true), [false, true, false]);
        assert_eq!(stopped(4, &one_crawls, true), [false, false, false]);
        assert_eq!(stopped(3, &one_crawls, false), [false, false, false]);
        // All are slow, or none is slow enough, or one has not started.
        assert_eq!(stopped(3, &[10, 11, 12], true), [false, false, false]);
        assert_eq!(stopped(3, &[100_000, 20_000, 90_000], true), [false, false, false]);
        assert_eq!(stopped(3, &[100_000, 0, 90_000], true), [false, false, false]);
        assert_eq!(stopped(1, &[1], true), [false]);
    }

    #[test]
    fn the_earlier_rate_of_others_counts_for_a_while() {
        let connections = Connections::new(1);
        let (host, began) = (Origin::of(&"http://host/".parse().unwrap()).unwrap(), Instant::now());
        connections.note_done(&host, 1_000_000, Duration::from_millis(100), began);
        connections.note_done(&host, 1_000, Duration::from_millis(100), began);
        let permit = first(&connections).unwrap();
        permit.line().set_host(&host);
        let after =
            |seconds| connections.0.lock().typical(permit.line(), began + Duration::from_secs(seconds));
        assert_eq!((after(0), after(10)), (Some(1e7), Some(5e6)));
        permit.line().set_host(&Origin::of(&"http://other/".parse().unwrap()).unwrap());
        assert_eq!(after(0), None);
    }
}
