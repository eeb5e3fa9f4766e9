//! One thread of the stage.

use super::BLOCK_BYTES;
use super::job::Turn;
use super::queue::Queue;

/// How much of one file is hashed before the next file has its turn.
const TURN_BYTES: u64 = 1 << 20;

/// Hashes until the queue is closed.
pub(super) fn run(queue: &Queue) {
    // Should hashing ever panic, nobody must wait for ever.
    let _closing = Closing(queue);
    let mut buffer = vec![0; BLOCK_BYTES];
    while let Some(mut task) = queue.next() {
        match task.turn(TURN_BYTES, &mut buffer) {
            Turn::GoOn => queue.add(task),
            Turn::Ended(result) => task.end(result),
            Turn::Cancelled => drop(task),
        }
    }
}

struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
