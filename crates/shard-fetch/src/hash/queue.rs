//! The files waiting for a thread, and how they are distributed.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

use super::job::Task;

/// With this many bytes to hash, a thread does not wait for more files to fill its lanes.
const ENOUGH: u64 = 4 << 20;

/// How files are distributed among the threads.
#[derive(Clone, Copy)]
pub(super) struct Sharing {
    /// The number of threads.
    pub(super) threads: usize,
    /// How many files one thread takes at once.
    pub(super) lanes: usize,
    /// One thread that takes all files costs less than several that take a few each, and waiting until
    /// all lanes are full or there is much to do costs less than taking what is there. Other threads
    /// help only if there are more files than one can take, or it lags further behind than this many
    /// bytes.
    pub(super) lag: u64,
}

/// The files that no thread is hashing at the moment. Nothing blocks while its lock is held.
pub(super) struct Queue {
    sharing: Sharing,
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    tasks: VecDeque<Task>,
    /// How many threads are hashing.
    busy: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(sharing: Sharing) -> Self {
        Self { sharing, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds a task. If the queue is closed, the task is dropped.
    pub(super) fn add(&self, task: Task) {
        let mut state = self.state.lock();
        if !state.closed {
            state.tasks.push_back(task);
            self.wake_if_of_use(&state);
        }
    }

    /// Changes a condition that threads wait for.
    pub(super) fn update(&self, change: impl FnOnce()) {
        let state = self.state.lock();
        change();
        self.wake_if_of_use(&state);
    }

    /// Waits for tasks that can make progress; `None` when the queue is closed.
    pub(super) fn take(&self) -> Option<Vec<Task>> {
        let mut state = self.state.lock();
        while !state.closed {
            let share = state.share(self.sharing);
            if share > 0 {
                let tasks = state.take(share);
                state.busy += 1;
                self.wake_if_of_use(&state);
                return Some(tasks);
            }
            self.changed.wait(&mut state);
        }
        None
    }

    /// Ends a turn started by [`take`](Self::take).
    pub(super) fn give_back(&self, tasks: Vec<Task>) {
        let mut state = self.state.lock();
        state.busy -= 1;
        if state.closed {
            drop(state);
            drop(tasks);
        } else {
            state.tasks.extend(tasks);
        }
    }

    /// Wakes all threads to end, and drops all tasks.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        self.changed.notify_all();
        drop(tasks);
    }

    fn wake_if_of_use(&self, state: &QueueState) {
        if state.busy < self.sharing.threads && state.share(self.sharing) > 0 {
            self.changed.notify_one();
        }
    }
}

impl QueueState {
    /// How many tasks an idle thread should take.
    fn share(&self, sharing: Sharing) -> usize {
        let (mut ready, mut whole, mut backlog, mut is_urgent) = (0_usize, 0_usize, 0, false);
        for task in self.tasks.iter().filter(|task| task.is_ready()) {
            ready += 1;
            whole += usize::from(task.has_whole_block());
            backlog += task.backlog();
            is_urgent |= task.is_urgent();
        }
        if backlog > sharing.lag {
            let idle = sharing.threads.saturating_sub(self.busy).max(1);
            return ready.div_ceil(idle).min(sharing.lanes);
        }
        let fills_lanes = whole >= sharing.lanes.min(self.tasks.len());
        let is_worth_it = fills_lanes || is_urgent || backlog >= (sharing.lag / 2).min(ENOUGH);
        if is_worth_it && (self.busy == 0 || whole >= sharing.lanes) { ready.min(sharing.lanes) } else { 0 }
    }

    /// Takes the first `share` tasks that can make progress.
    fn take(&mut self, share: usize) -> Vec<Task> {
        let mut taken = Vec::with_capacity(share);
        let mut place = 0;
        while taken.len() < share
            && let Some(task) = self.tasks.get(place)
        {
            if task.is_ready() {
                taken.extend(self.tasks.remove(place));
            } else {
                place += 1;
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fresh::Memory;
    use super::super::job::{HashJob, Progress};
    use super::*;
    use crate::Expected;

    const LANES: usize = 8;

    fn task(available: u64, size: u64) -> Task {
        let progress = Arc::new(Progress::new(Memory::default()));
        progress.raise_available(available);
        let file = Arc::new(tempfile::tempfile().unwrap());
        let expected = Expected { size, md5: None, sha256: None };
        let job = HashJob { path: "part".into(), file, expected, keep_alive: Arc::new(()) };
        Task::new(job, progress, None, Box::new(|_| {}))
    }

    /// Checks how many of `tasks`, given as available and total bytes, one of two threads takes.
    #[track_caller]
    fn check(lag: u64, busy: usize, tasks: &[(u64, u64)], share: usize) {
        let tasks = tasks.iter().map(|(available, size)| task(*available, *size)).collect();
        let state = QueueState { tasks, busy, closed: false };
        assert_eq!(state.share(Sharing { threads: 2, lanes: LANES, lag }), share);
    }

    #[test]
    fn without_a_lag_all_threads_share_the_files() {
        let lag = 0;
        check(lag, 0, &[], 0);
        check(lag, 0, &[(100, 1 << 20)], 0);
        check(lag, 0, &[(1 << 19, 1 << 20)], 1);
        check(lag, 0, &[(1 << 19, 1 << 20); 5], 3);
        check(lag, 1, &[(1 << 19, 1 << 20); 5], 5);
        check(lag, 0, &[(1 << 19, 1 << 20); 50], LANES);
    }

    #[test]
    fn with_a_lag_the_first_thread_takes_all() {
        let lag = 32 << 20;
        check(lag, 0, &[(1 << 20, 1 << 30); 4], 4);
        check(lag, 1, &[(1 << 20, 1 << 30); 4], 0);
        check(lag, 0, &[(1 << 20, 1 << 20), (1 << 20, 1 << 30), (1, 1 << 30)], 2);
        check(lag, 0, &[(0, 0)], 1);
        check(lag, 1, &[(0, 0)], 0);
        // More than one thread can take, or too far behind.
        check(lag, 1, &[(1 << 20, 1 << 30); 9], LANES);
        check(lag, 1, &[(12 << 20, 1 << 30); 3], 3);
        check(lag, 0, &[(12 << 20, 1 << 30); 3], 2);
    }

    #[test]
    fn with_a_lag_lanes_are_filled() {
        let lag = 32 << 20;
        let (some, none) = ((1 << 20, 1 << 30), (0, 1 << 30));
        check(lag, 0, &[some, none], 0);
        check(lag, 0, &[[some; 8].as_slice(), &[none; 9]].concat(), LANES);
        // One is at its end, or there is enough for a turn of its own.
        check(lag, 0, &[some, none, (1 << 20, 1 << 20)], 2);
        check(lag, 0, &[(4 << 20, 1 << 30), none], 1);
    }
}
