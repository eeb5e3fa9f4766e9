//! One connection is extremely slow: no part of a download waits for it.

use std::time::Duration;

use local_hub::{Fault, FaultTarget, ModelFixture, Times};

use crate::world::World;

/// Far less than any response here would take at that speed.
const TIME_LIMIT: Duration = Duration::from_secs(25);

fn crawl(world: &World, target: FaultTarget) {
    let crawl = Fault::SlowDrip { bytes: 1, every: Duration::from_millis(100) };
    world.hub.fault(target, crawl, Times::Once);
}

#[test]
fn in_the_metadata() {
    for target in [FaultTarget::info_refs(""), FaultTarget::upload_pack("")] {
        let (world, model) = World::with_tiny();
        crawl(&world, target);
        let ran = world.cli(&["download", &model.url]).start().end_within(TIME_LIMIT);
        ran.check_path(&world.entry(&model));
        assert_eq!(world.hub.faults_left(), 0);
        assert!(!ran.stderr.contains("trying again"), "{}", ran.stderr);
    }
}

#[test]
fn in_a_shard_and_what_was_fetched_twice_is_reported() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/crawling").shards(4, 1 << 20));
    let shard = || FaultTarget::data("params_shard_2.bin");
    let slow = Fault::SlowDrip { bytes: 64, every: Duration::from_millis(1) };
    world.hub.fault(shard(), slow, Times::Once);
    // The first attempt continues until the second one is answered: those bytes are fetched twice.
    world.hub.fault(shard(), Fault::Delay(Duration::from_millis(500)), Times::Once);
    let ran = world.cli(&["download", &model.url, "--progress", "json"]).start().end_within(TIME_LIMIT);
    ran.check_path(&world.entry(&model));
    let events: Vec<serde_json::Value> = ran.events();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert!(of("retrying").is_empty(), "{}", ran.stderr);
    let twice: u64 = of("duplicated").iter().map(|event| event["bytes"].as_u64().unwrap()).sum();
    assert!((1..500_000).contains(&twice), "{}", ran.stderr);
    assert!(of("duplicated").iter().all(|event| event["file"] == "params_shard_2.bin"));
}
