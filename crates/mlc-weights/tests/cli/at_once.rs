//! How many transfers run in parallel: what `--jobs` and `--max-connections` promise, as seen by the hub.

use std::time::Duration;

use local_hub::{Fault, FaultTarget, Hold, ModelFixture, Outcome, PublishedModel, Times};

use crate::world::{PATIENCE, World};

const MIB: u64 = 1 << 20;

/// Downloads a model of many small files, each one request, and checks that exactly `expected` run at once.
#[track_caller]
fn check(world: &World, model: &PublishedModel, options: &[&str], expected: usize) {
    check_up_to(world, model, options, expected, expected);
}

/// The same if the number may grow, up to `most`.
#[track_caller]
fn check_up_to(world: &World, model: &PublishedModel, options: &[&str], expected: usize, most: usize) {
    let data = world.hub.log().data().from_now();
    let (shards, hold) = (FaultTarget::data(".bin"), Hold::new());
    world.hub.fault(shards.clone(), Fault::Hold(hold.clone()), Times::N(expected));
    // The remaining responses are slow enough that an extra request would overlap with them.
    let drip = Fault::SlowDrip { bytes: 2_000, every: Duration::from_millis(10) };
    world.hub.fault(shards, drip, Times::Forever);
    let running = world.cli(&[&["download", "--force", &model.url], options].concat()).start();
    let all_there = data.wait_until(PATIENCE, |log| log.in_flight() == expected);
    assert!(all_there, "{options:?} should make {expected}:\n{data}");
    hold.release();
    running.end().check_path(&world.entry(model));
    assert!((expected..=most).contains(&data.max_concurrent()), "{options:?}:\n{data}");
    world.hub.clear_faults();
}

#[test]
fn files() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/many").shards(10, 8_000));
    check_up_to(&world, &model, &[], 8, 32);
    check(&world, &model, &["--jobs", "1"], 1);
    check(&world, &model, &["-j", "2"], 2);
    check(&world, &model, &["-j", "6"], 6);
    check(&world, &model, &["--max-connections", "3"], 3);
    check(&world, &model, &["--max-connections", "8"], 8);
    check(&world, &model, &["-j", "2", "--max-connections", "3"], 2);
    check(&world, &model, &["-j", "6", "--max-connections", "3"], 3);
}

/// A large file is split among the allowed connections.
#[test]
fn connections() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/large").shards(1, 17 * MIB));
    // Slow enough for the number of connections to grow.
    let drip = Fault::SlowDrip { bytes: 64 << 10, every: Duration::from_millis(8) };
    world.hub.fault(FaultTarget::data(".bin"), drip, Times::Forever);
    for (options, expected) in [(&["-j", "2"][..], 2), (&["-j", "2", "--max-connections", "3"], 3)] {
        let data = world.hub.log().data().from_now();
        let ran = world.cli(&[&["download", "--force", &model.url], options].concat()).run();
        ran.check_path(&world.entry(&model));
        // When another connection takes over a range, the client closes the first one, and the hub notices
        // a moment later. So a request that was cut off does not prove that there were too many.
        let whole = data.filter(|request| request.outcome == Outcome::Complete);
        assert!(data.max_concurrent() >= expected, "{options:?}:\n{data}");
        assert!(whole.max_concurrent() <= expected, "{options:?}:\n{data}");
    }
}
