//! One thread of the stage, and its turn for several files at once.

use super::job::{Task, Turn};
use super::lanes::{Engine, MAX_LANES, Stream};
use super::queue::Queue;
use super::read::BLOCK_BYTES;

/// How many blocks of each file are hashed before other files can join.
const BLOCKS_PER_TURN: usize = 8;

/// A turn ends early when more than one in this many of its files is done.
const DONE: usize = 4;

/// Hashes until the queue is closed.
pub(super) fn work(queue: &Queue, engine: Option<Engine>) {
    // If hashing ever panics, no one must wait forever.
    let _closing = Closing(queue);
    let mut buffers = Buffers::new();
    while let Some(tasks) = queue.take() {
        queue.give_back(turn(tasks, engine, &mut buffers));
    }
}

struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Space for one block of each file in a batch.
pub(super) struct Buffers(Vec<u8>);

impl Buffers {
    pub(super) fn new() -> Self {
        Self(vec![0; MAX_LANES * BLOCK_BYTES])
    }

    fn block(&mut self, number: usize) -> &mut [u8] {
        self.0.chunks_exact_mut(BLOCK_BYTES).nth(number).unwrap_or_default()
    }
}

/// Gives each of at most [`MAX_LANES`] tasks a turn. Finished tasks deliver their results; the others
/// are returned.
pub(super) fn turn(tasks: Vec<Task>, engine: Option<Engine>, buffers: &mut Buffers) -> Vec<Task> {
    let mut given_back = Vec::with_capacity(tasks.len());
    let mut together = tasks;
    let begun = together.len();
    for number in 0..BLOCKS_PER_TURN {
        let alone;
        (together, alone) = together.into_iter().partition(Task::fills_a_lane);
        given_back.extend(alone.into_iter().filter_map(|task| turn_alone(task, buffers)));
        // Other files may fill the lanes of those that are done.
        if number > 0 && together.len() < begun - begun / DONE {
            break;
        }
        match engine {
            Some(engine) if together.len() > 1 => together = round(together, engine, buffers),
            _ => break,
        }
    }
    if together.len() == 1 {
        given_back.extend(together.into_iter().filter_map(|task| turn_alone(task, buffers)));
    } else {
        given_back.append(&mut together);
    }
    given_back
}

fn turn_alone(mut task: Task, buffers: &mut Buffers) -> Option<Task> {
    let turn = task.turn(BLOCKS_PER_TURN, buffers.block(0));
    settle(task, turn)
}

/// Hashes one block of each file.
fn round(tasks: Vec<Task>, engine: Engine, buffers: &mut Buffers) -> Vec<Task> {
    let (mut readable, mut in_memory) = (Vec::with_capacity(tasks.len()), Vec::with_capacity(tasks.len()));
    for mut task in tasks {
        match task.read(buffers.block(readable.len())) {
            Ok(here) => {
                readable.push(task);
                in_memory.push(here);
            }
            Err(error) => task.end(Err(error)),
        }
    }
    let mut streams: Vec<&mut Stream> = readable.iter_mut().filter_map(Task::lane).collect();
    let read = buffers.0.chunks_exact(BLOCK_BYTES);
    let blocks: Vec<&[u8]> =
        in_memory.iter().zip(read).map(|(here, read)| here.as_deref().unwrap_or(read)).collect();
    engine.update(&mut streams, &blocks);
    let settled = readable.into_iter().filter_map(|mut task| {
        let turn = task.after_turn();
        settle(task, turn)
    });
    settled.collect()
}

/// Returns the task unless it has ended.
fn settle(task: Task, turn: Turn) -> Option<Task> {
    match turn {
        Turn::GoOn => return Some(task),
        Turn::Ended(result) => task.end(result),
        Turn::Cancelled => drop(task),
    }
    None
}
