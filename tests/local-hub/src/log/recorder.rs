//! The data behind the log, and the guard that records one exchange in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::audit::Audit;
use super::request::{LoggedRequest, Outcome};

#[derive(Debug)]
pub(crate) struct Recorder {
    state: Mutex<State>,
    changed: Condvar,
    watch: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<LoggedRequest>,
    /// Counts beginnings and endings.
    order: u64,
    /// Counts every change.
    changes: u64,
    audit: Audit,
}

impl Recorder {
    /// `data_login` is not a token, but what the data host requires.
    pub(crate) fn new(data_login: Option<String>) -> Self {
        let state = State { audit: Audit::new(data_login), ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new(), watch: watch::Sender::new(0) }
    }

    /// Begins an exchange; its place in the order is assigned here.
    pub(crate) fn begin(self: &Arc<Self>, mut request: LoggedRequest) -> Exchange {
        let index = self.change(|state| {
            request.began = state.order;
            request.began_at = Instant::now();
            state.order += 1;
            state.audit.judge(&request, &state.requests);
            state.requests.push(request);
            state.requests.len() - 1
        });
        Exchange { line: LogLine { recorder: Arc::clone(self), index }, is_cut: false }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&[LoggedRequest]) -> T) -> T {
        read(&self.state.lock().requests)
    }

    /// From now on a request with a token is a violation.
    pub(crate) fn take_no_token(&self) {
        self.state.lock().audit.takes_no_token = true;
    }

    /// The violations so far; clears the list.
    pub(crate) fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().audit.violations)
    }

    pub(super) fn now(&self) -> u64 {
        self.state.lock().order
    }

    pub(super) fn changes(&self) -> u64 {
        self.state.lock().changes
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.watch.subscribe()
    }

    /// Returns at the first change after number `seen`, or after `patience`.
    pub(super) fn wait_for_change(&self, seen: u64, patience: Duration) {
        let mut state = self.state.lock();
        self.changed.wait_while_for(&mut state, |state| state.changes == seen, patience);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        state.changes += 1;
        self.watch.send_replace(state.changes);
        drop(state);
        self.changed.notify_all();
        result
    }
}

/// Records one exchange. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    recorder: Arc<Recorder>,
    index: usize,
}

impl LogLine {
    /// The number of the request, from 0.
    pub(crate) fn number(&self) -> usize {
        self.index
    }

    pub(crate) fn answered(&self, status: u16) {
        self.update(|request| request.status = Some(status));
    }

    pub(crate) fn faulted(&self, fault: String) {
        self.update(|request| request.fault = Some(fault));
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.update(|request| request.body_received += bytes as u64);
    }

    fn sent(&self, bytes: usize) {
        self.update(|request| request.body_sent += bytes as u64);
    }

    fn end(&self, outcome: Outcome) {
        self.recorder.change(|state| {
            let order = state.order;
            let Some(request) = state.requests.get_mut(self.index) else { return };
            if request.outcome == Outcome::InFlight {
                request.outcome = outcome;
                request.ended = Some(order);
                request.ended_at = Some(Instant::now());
                state.order += 1;
            }
        });
    }

    fn update(&self, update: impl FnOnce(&mut LoggedRequest)) {
        self.recorder.change(|state| state.requests.get_mut(self.index).map(update));
    }
}

/// An exchange in progress. Dropped before [`Exchange::complete`], it was ended by the client or by a
/// fault.
#[derive(Debug)]
pub(crate) struct Exchange {
    line: LogLine,
    is_cut: bool,
}

impl Exchange {
    pub(crate) fn line(&self) -> &LogLine {
        &self.line
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.line.sent(bytes);
    }

    /// From now on its end counts as caused by a fault.
    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
    }

    pub(crate) fn complete(&self) {
        self.line.end(Outcome::Complete);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.line.end(if self.is_cut { Outcome::CutByFault } else { Outcome::ClosedByClient });
    }
}
