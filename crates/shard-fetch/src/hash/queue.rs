//! The files waiting for a thread, and how they are distributed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::job::Task;

/// With this many bytes of each file to hash, a thread does not wait for more files to fill its lanes.
const ENOUGH: u64 = 16 << 20;

/// Fewer files are left to a thread that is busy with others.
const FEW: usize = 4;

/// Nor does it wait longer than this, which on a slow line is sooner.
const PATIENCE: Duration = Duration::from_millis(100);

/// How files are distributed among the threads.
#[derive(Clone, Copy)]
pub(super) struct Sharing {
    /// The number of threads.
    pub(super) threads: usize,
    /// How many files one thread takes at once.
    pub(super) lanes: usize,
    /// One thread that takes all files costs less than several that take a few each, and waiting until
    /// all lanes are full costs less than taking what is there. A thread waits until it is this many bytes
    /// behind, and others help if there are more files than it can take, or it is twice as far behind.
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
    /// A thread waits for the lanes to fill, but not for long.
    watched: bool,
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
        let mut until = None;
        while !state.closed {
            let is_overdue = until.is_some_and(|until| Instant::now() >= until);
            let tasks = state.take(self.sharing, is_overdue);
            if !tasks.is_empty() {
                state.busy += 1;
                self.wake_if_of_use(&state);
                return Some(tasks);
            }
            if state.needs_a_watch() {
                state.watched = true;
                let until = *until.get_or_insert_with(|| Instant::now() + PATIENCE);
                self.changed.wait_until(&mut state, until);
                state.watched = false;
            } else {
                until = None;
                self.changed.wait(&mut state);
            }
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
        if state.busy < self.sharing.threads && (state.is_of_use(self.sharing) || state.needs_a_watch()) {
            self.changed.notify_one();
        }
    }
}

impl QueueState {
    /// How many tasks an idle thread should take to hash them together.
    fn share(&self, sharing: Sharing, is_overdue: bool) -> usize {
        let (mut ready, mut whole, mut backlog, mut complete) = (0_usize, 0_usize, 0, 0);
        for task in self.tasks.iter().filter(|task| task.is_ready()) {
            ready += 1;
            whole += usize::from(task.has_whole_block());
            backlog += task.backlog();
            complete += usize::from(task.is_complete());
        }
        let enough = sharing.lag.min(ENOUGH.saturating_mul(self.tasks.len() as u64));
        let is_the_end = complete == self.tasks.len() && (self.busy == 0 || ready >= FEW);
        if backlog > 2 * enough || is_the_end {
            let idle = sharing.threads.saturating_sub(self.busy).max(1);
            return ready.div_ceil(idle).min(sharing.lanes);
        }
        let is_worth_it = whole >= sharing.lanes || self.busy == 0 && (is_overdue || backlog > enough);
        if is_worth_it { ready.min(sharing.lanes) } else { 0 }
    }

    /// Takes the tasks that an idle thread should take now. The ends of files fill no lanes, so they need
    /// not wait.
    fn take(&mut self, sharing: Sharing, is_overdue: bool) -> Vec<Task> {
        match self.share(sharing, is_overdue) {
            0 => self.take_first(sharing.lanes, Task::is_at_last_block),
            share => self.take_first(share, Task::is_ready),
        }
    }

    /// Whether an idle thread would take something.
    fn is_of_use(&self, sharing: Sharing) -> bool {
        self.share(sharing, false) > 0 || self.tasks.iter().any(Task::is_at_last_block)
    }

    /// Whether something is ready that nobody would hash if nothing else happened.
    fn needs_a_watch(&self) -> bool {
        self.busy == 0 && !self.watched && self.tasks.iter().any(Task::is_ready)
    }

    /// Takes the first tasks, at most this many, of this kind.
    fn take_first(&mut self, most: usize, is_one: impl Fn(&Task) -> bool) -> Vec<Task> {
        let mut taken = Vec::with_capacity(most);
        let mut place = 0;
        while taken.len() < most
            && let Some(task) = self.tasks.get(place)
        {
            if is_one(task) {
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

    fn state(busy: usize, tasks: &[(u64, u64)]) -> QueueState {
        let tasks = tasks.iter().map(|(available, size)| task(*available, *size)).collect();
        QueueState { tasks, busy, ..QueueState::default() }
    }

    fn sharing(lag: u64) -> Sharing {
        Sharing { threads: 2, lanes: LANES, lag }
    }

    /// Checks how many of `tasks`, given as available and total bytes, one of two threads takes.
    #[track_caller]
    fn check(lag: u64, busy: usize, tasks: &[(u64, u64)], share: usize) {
        assert_eq!(state(busy, tasks).share(sharing(lag), false), share);
    }

    const MIB: u64 = 1 << 20;
    const LAG: u64 = 32 * MIB;
    const SOME: (u64, u64) = (MIB, 1 << 30);
    const COMPLETE: (u64, u64) = (MIB, MIB);

    #[test]
    fn without_a_lag_all_threads_share_the_files() {
        let lag = 0;
        check(lag, 0, &[], 0);
        check(lag, 0, &[(100, MIB)], 0);
        check(lag, 0, &[(1 << 19, MIB)], 1);
        check(lag, 0, &[(1 << 19, MIB); 5], 3);
        check(lag, 1, &[(1 << 19, MIB); 5], 5);
        check(lag, 0, &[(1 << 19, MIB); 50], LANES);
    }

    #[test]
    fn with_a_lag_a_thread_waits_for_full_lanes() {
        check(LAG, 0, &[SOME; LANES - 1], 0);
        check(LAG, 0, &[SOME; LANES], LANES);
        check(LAG, 1, &[SOME; LANES + 1], LANES);
        check(LAG, 0, &[[SOME; LANES].as_slice(), &[(0, 1 << 30); 9]].concat(), LANES);
    }

    #[test]
    fn a_thread_waits_neither_long_nor_for_much() {
        for (busy, share) in [(0, 3), (1, 0)] {
            assert_eq!(state(busy, &[SOME; 3]).share(sharing(LAG), true), share);
        }
        // One file is less far behind than several.
        check(LAG, 0, &[(17 * MIB, 1 << 30)], 1);
        check(LAG, 0, &[(9 * MIB, 1 << 30); 2], 0);
        check(LAG, 0, &[(17 * MIB, 1 << 30); 2], 2);
        // Only then do other threads help.
        check(LAG, 1, &[(17 * MIB, 1 << 30); 2], 0);
        check(LAG, 1, &[(33 * MIB, 1 << 30); 2], 2);
        check(LAG, 0, &[(33 * MIB, 1 << 30); 2], 1);
    }

    #[test]
    fn complete_files_alone_are_not_kept_waiting() {
        check(LAG, 0, &[COMPLETE; 6], 3);
        check(LAG, 1, &[COMPLETE; 6], 6);
        check(LAG, 1, &[COMPLETE; FEW - 1], 0);
        check(LAG, 0, &[(0, 0)], 1);
        check(LAG, 0, &[COMPLETE, SOME], 0);
    }

    #[test]
    fn the_ends_of_files_are_not_kept_waiting() {
        for (tasks, taken) in [(&[(100, 100), SOME, (0, 0), COMPLETE][..], 2), (&[SOME, COMPLETE], 0)] {
            let mut state = state(1, tasks);
            assert_eq!(state.is_of_use(sharing(LAG)), taken > 0);
            let rest = tasks.len() - taken;
            assert_eq!((state.take(sharing(LAG), false).len(), state.tasks.len()), (taken, rest));
        }
    }

    #[test]
    fn what_is_ready_is_watched_by_one_thread() {
        assert!(state(0, &[SOME]).needs_a_watch());
        assert!(!state(1, &[SOME]).needs_a_watch());
        assert!(!state(0, &[(100, MIB)]).needs_a_watch());
        assert!(!QueueState { watched: true, ..state(0, &[SOME]) }.needs_a_watch());
    }
}
