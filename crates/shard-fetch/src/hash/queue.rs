//! The files that wait for a thread, and how they are shared out.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::Task;

/// How files are shared out among the threads.
#[derive(Clone, Copy)]
pub(super) struct Sharing {
    /// How many threads there are.
    pub(super) threads: usize,
    /// How many files one thread takes at once.
    pub(super) lanes: usize,
    /// One thread that takes all files costs less than several that take a few each. Others help only when
    /// there are more files than it can take, or it is more bytes behind than this.
    pub(super) lag: u64,
}

/// The files that no thread is hashing at the moment. Under its lock nothing blocks.
pub(super) struct Queue {
    sharing: Sharing,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    /// How many threads are hashing.
    busy: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(sharing: Sharing) -> Self {
        Self { sharing, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Adds a task, unless the queue is closed: the task is dropped then.
    pub(super) fn add(&self, task: Task) {
        let mut state = self.lock();
        if !state.closed {
            state.tasks.push_back(task);
            self.wake_if_of_use(&state);
        }
    }

    /// Changes what a thread goes by.
    pub(super) fn update(&self, change: impl FnOnce()) {
        let state = self.lock();
        change();
        self.wake_if_of_use(&state);
    }

    /// Waits for tasks that can go on; `None` when the queue is closed.
    pub(super) fn take(&self) -> Option<Vec<Task>> {
        let mut state = self.lock();
        while !state.closed {
            let share = state.share(self.sharing);
            if share > 0 {
                let tasks = state.take(share);
                state.busy += 1;
                self.wake_if_of_use(&state);
                return Some(tasks);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Ends a turn that began with [`take`](Self::take).
    pub(super) fn give_back(&self, tasks: Vec<Task>) {
        let mut state = self.lock();
        state.busy -= 1;
        if state.closed {
            drop(state);
            drop(tasks);
        } else {
            state.tasks.extend(tasks);
        }
    }

    /// Ends the waiting of all threads, and drops all tasks.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        self.changed.notify_all();
        drop(tasks);
    }

    fn wake_if_of_use(&self, state: &State) {
        if state.busy < self.sharing.threads && state.share(self.sharing) > 0 {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many tasks a thread that has nothing to do should take.
    fn share(&self, sharing: Sharing) -> usize {
        let ready = || self.tasks.iter().filter(|task| task.is_ready());
        let count = ready().count();
        if ready().map(Task::backlog).sum::<u64>() > sharing.lag {
            let idle = sharing.threads.saturating_sub(self.busy).max(1);
            count.div_ceil(idle).min(sharing.lanes)
        } else if self.busy == 0 || count >= sharing.lanes {
            count.min(sharing.lanes)
        } else {
            0
        }
    }

    /// Takes out the first `share` tasks that can go on.
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
