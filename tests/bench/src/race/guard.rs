//! Ensures that the measured program verifies: a fast program that does not has no place in the race.

use anyhow::{Result, ensure};

use crate::contestants::Course;
use crate::hub::{HubProcess, Shape};
use crate::measure::observe;
use crate::workplace::{Workplace, emptied, removed};

/// The program's exit status if a digest does not match.
const INTEGRITY: i32 = 5;

/// The program, with the measured settings, must refuse a model that has one wrong bit in one shard;
/// otherwise the benchmark ends here.
pub(super) fn refuses_a_flipped_bit(place: &Workplace, hub: &mut HubProcess, size: u64) -> Result<()> {
    let shape = Shape { id: "bench/flipped".to_owned(), shards: 8, size, flipped: Some(5) };
    let model = hub.publish(&shape)?;
    let inputs = emptied(place.memory.join("inputs"))?;
    let destination = emptied(place.memory.join("destination"))?;
    let ours = Course { place, model: &model, inputs: &inputs }.ours();
    let outcome = observe(&mut (ours.download)(&destination))?;
    ensure!(
        outcome.status == Some(INTEGRITY) && outcome.errors.contains("params_shard_5.bin"),
        "a shard with a flipped bit was not refused (status {:?}): {}",
        outcome.status,
        outcome.errors
    );
    ensure!(
        !destination.join("model_weights/hf/bench/flipped").exists(),
        "a model with a flipped bit was published"
    );
    println!("a shard with one flipped bit is refused");
    removed(&destination)
}
