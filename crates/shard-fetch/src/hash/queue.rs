//! The files that wait for a thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::Task;

/// The files that no thread is hashing at the moment. Under its lock nothing blocks.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    closed: bool,
}

impl Queue {
    /// Adds a task, unless the queue is closed: the task is dropped then.
    pub(super) fn add(&self, task: Task) {
        let mut state = self.lock();
        if !state.closed {
            state.tasks.push_back(task);
            self.changed.notify_one();
        }
    }

    /// Changes what a waiting thread goes by, and wakes one.
    pub(super) fn update(&self, change: impl FnOnce()) {
        let state = self.lock();
        change();
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for a task that can go on; `None` when the queue is closed.
    pub(super) fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(ready) = state.tasks.iter().position(Task::is_ready) {
                return state.tasks.remove(ready);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
