//! `mlc-weights prune --keep`.

use std::path::Path;
use std::time::{Duration, SystemTime};

use local_hub::{Fault, FaultTarget, Hold, ModelFixture, PublishedModel, Times};
use serde_json::Value;

use crate::world::{PATIENCE, Ran, World, lay_out};

const HOUR: Duration = Duration::from_secs(3600);

/// A cache with the models `mlc-ai/0`, `mlc-ai/1` and so on, least recently used first.
fn cache_in_order_of_use(count: usize) -> (World, Vec<PublishedModel>) {
    let world = World::new();
    let models: Vec<_> =
        (0..count).map(|i| world.hub.publish(&ModelFixture::new(&format!("mlc-ai/{i}")))).collect();
    for (i, model) in models.iter().enumerate() {
        world.download(model);
        let hours = u32::try_from(count - i).unwrap();
        let then = SystemTime::now() - HOUR * hours;
        let receipt = world.home().join(format!("model_weights/.mlc-weights/receipts/mlc-ai+{i}.json"));
        for path in [&receipt, &world.entry(model)] {
            set_modified_time(path, then);
        }
    }
    (world, models)
}

fn set_modified_time(path: &Path, then: SystemTime) {
    std::fs::File::open(path).unwrap().set_modified(then).unwrap();
}

fn size(models: &[PublishedModel]) -> u64 {
    models.iter().flat_map(|model| &model.files).map(|file| file.size).sum()
}

fn keep(world: &World, bytes: u64, more: &[&str]) -> Ran {
    world.cli(&[&["prune", "--keep", &bytes.to_string(), "--json"], more].concat()).run()
}

/// The names of the models with this outcome, in the order of removal.
fn names_with(document: &Value, outcome: &str) -> Vec<String> {
    let models = document["cache"]["models"].as_array().unwrap().iter();
    let found = models.filter(|model| model["outcome"] == outcome);
    found.map(|model| model["model"].as_str().unwrap().trim_start_matches("mlc-ai/").to_owned()).collect()
}

#[track_caller]
fn check_cached(world: &World, models: &[PublishedModel], expected: &[usize]) {
    for (i, model) in models.iter().enumerate() {
        assert_eq!(world.entry(model).exists(), expected.contains(&i), "{i}");
        if expected.contains(&i) {
            assert_eq!(model.differences(&world.entry(model)), [""; 0]);
        }
    }
}

#[test]
fn the_least_recently_used_go_until_the_rest_fits() {
    let (world, models) = cache_in_order_of_use(3);
    let outside = world.beside("outside");
    std::fs::write(&outside, "mine").unwrap();
    let before = world.visible();
    let limit = size(&models[1..]);
    let would = keep(&world, limit, &["--dry-run"]).json();
    assert_eq!(
        (names_with(&would, "removed"), names_with(&would, "fits")),
        (vec!["0".to_owned()], vec!["1".into(), "2".into()])
    );
    assert_eq!(world.visible(), before);

    // A hit changes the order.
    world.cli(&["path", &models[0].url]).run().check_path(&world.entry(&models[0]));
    let did = keep(&world, limit, &[]);
    assert_eq!((did.status, did.stderr.as_str()), (Some(0), ""));
    let cache = did.json()["cache"].clone();
    assert_eq!((&cache["limit"], &cache["fits"]), (&limit.into(), &true.into()));
    assert_eq!(
        (&cache["bytes_before"], &cache["bytes_after"]),
        (&size(&models).into(), &(size(&models) - size(&models[1..2])).into())
    );
    assert_eq!(
        (names_with(&did.json(), "removed"), names_with(&did.json(), "fits")),
        (vec!["1".to_owned()], vec!["2".into(), "0".into()])
    );
    check_cached(&world, &models, &[0, 2]);
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "mine");
    let again = keep(&world, limit, &[]).json();
    assert_eq!(names_with(&again, "removed"), [""; 0]);
}

#[test]
fn in_words() {
    let (world, models) = cache_in_order_of_use(2);
    let ran = world.cli(&["prune", "--keep", "1B", "--dry-run"]).run();
    assert!(ran.stderr.contains("would be removed; 0 B left, within 1 B\n"), "{}", ran.stderr);
    assert!(ran.text().contains("WOULD GO") && ran.text().contains("mlc-ai/0"), "{}", ran.text());
    check_cached(&world, &models, &[0, 1]);
    let ran = world.cli(&["prune", "--keep", "1TB"]).run();
    assert_eq!((ran.status, ran.text()), (Some(0), String::new()));
    assert!(ran.stderr.contains("left, within 1.00 TB\n"), "{}", ran.stderr);
    check_cached(&world, &models, &[0, 1]);
    let ran = world.cli(&["prune", "--keep", "0", "-q"]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    check_cached(&world, &models, &[]);
}

#[test]
fn a_model_that_is_being_downloaded_again_is_kept() {
    let (world, models) = cache_in_order_of_use(2);
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
    let later = world.hub.log().from_now();
    let download = world.cli(&["download", "--force", &models[0].url]).start();
    assert!(later.data().wait_until(PATIENCE, |log| log.count() > 0));
    for arguments in [&["--dry-run"][..], &[]] {
        let ran = keep(&world, 0, arguments);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let (document, in_use) = (ran.json(), ["0"]);
        assert_eq!(
            (names_with(&document, "in_use"), names_with(&document, "removed")),
            (in_use.map(Into::into).to_vec(), vec!["1".into()])
        );
        assert_eq!(document["cache"]["fits"], false);
    }
    check_cached(&world, &models, &[0]);
    hold.release();
    download.end().check_path(&world.entry(&models[0]));
}

#[test]
fn while_downloads_are_forbidden_the_only_copy_stays() {
    let (world, models) = cache_in_order_of_use(2);
    let tier = world.beside("tier");
    let copy = lay_out(&models[1], &tier);
    for (name, value) in [
        ("MLC_DOWNLOAD_CACHE_POLICY", "READONLY"),
        ("MLC_DOWNLOAD_CACHE_POLICY", "OFF"),
        ("HF_HUB_OFFLINE", "1"),
    ] {
        let ran = world.cli(&["prune", "--keep", "0"]).env(name, value).run();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        assert!(ran.text().contains("kept: it is the only copy"), "{}", ran.text());
        assert!(ran.stderr.contains(", still over 0 B"), "{}", ran.stderr);
        check_cached(&world, &models, &[0, 1]);
    }
    let cli = world.cli(&["prune", "--keep", "0", "--json"]).env("HF_HUB_OFFLINE", "1");
    let document = cli.env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier).run().json();
    assert_eq!(
        (names_with(&document, "only_copy"), names_with(&document, "removed")),
        (vec!["0".to_owned()], vec!["1".into()])
    );
    check_cached(&world, &models, &[0]);
    assert_eq!(models[1].differences(&copy), [""; 0]);
}

#[test]
fn models_that_a_read_only_tier_also_has_are_removed_first() {
    let (world, models) = cache_in_order_of_use(2);
    let tier = world.beside("tier");
    lay_out(&models[1], &tier);
    let limit = size(&models[..1]).to_string();
    let cli = world.cli(&["prune", "--json", "--keep", &limit]).env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier);
    assert_eq!(names_with(&cli.run().json(), "removed"), ["1"]);
    check_cached(&world, &models, &[0]);
}

#[test]
fn models_that_another_program_may_be_writing_are_kept() {
    let (world, models) = cache_in_order_of_use(2);
    std::fs::remove_file(world.entry(&models[0]).join("params_shard_0.bin")).unwrap();
    let document = keep(&world, 0, &[]).json();
    assert_eq!(
        (names_with(&document, "not_whole"), names_with(&document, "removed")),
        (vec!["0".to_owned()], vec!["1".into()])
    );
    assert!(world.entry(&models[0]).exists());
}

#[cfg(unix)]
#[test]
fn links_stay_and_count_for_nothing() {
    let (world, models) = cache_in_order_of_use(2);
    let own = world.beside("own");
    std::fs::rename(world.entry(&models[0]), &own).unwrap();
    std::os::unix::fs::symlink(&own, world.entry(&models[0])).unwrap();
    let document = keep(&world, 0, &[]).json();
    assert_eq!(
        (names_with(&document, "removed"), &document["cache"]["fits"]),
        (vec!["1".to_owned()], &true.into())
    );
    check_cached(&world, &models, &[0]);
}

#[test]
fn without_a_size_no_model_is_removed() {
    let (world, models) = cache_in_order_of_use(1);
    assert_eq!(world.cli(&["prune", "--json"]).run().json()["cache"], Value::Null);
    check_cached(&world, &models, &[0]);
    for arguments in [
        &["prune", "--keep", "much"][..],
        &["prune", "--keep=-1"],
        &["prune", "--keep", "1.5GB"],
        &["prune", "-y"],
    ] {
        let ran = world.cli(arguments).run();
        assert_eq!((ran.status, ran.stdout.len()), (Some(2), 0), "{arguments:?}: {}", ran.stderr);
    }
    check_cached(&world, &models, &[0]);
}
