//! One thread of the stage.

use super::batch::{self, Buffers};
use super::lanes::Engine;
use super::queue::Queue;

/// Hashes until the queue is closed.
pub(super) fn run(queue: &Queue, engine: Option<Engine>) {
    // If hashing ever panics, no one must wait forever.
    let _closing = Closing(queue);
    let mut buffers = Buffers::new();
    while let Some(tasks) = queue.take() {
        queue.give_back(batch::turn(tasks, engine, &mut buffers));
    }
}

struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
