//! `mlc-weights remove` and `mlc-weights prune`.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use local_hub::{Fault, FaultTarget, Hold, Times};

use crate::world::{PATIENCE, World, lay_out};

#[test]
fn a_model_is_removed_and_nothing_else() {
    let (world, model) = World::with_tiny();
    let other = world.hub.publish(&local_hub::ModelFixture::new("mlc-ai/other"));
    world.download(&model);
    world.download(&other);
    let ran = world.cli(&["remove", "mlc-ai/tiny"]).run();
    assert_eq!((ran.status, ran.text()), (Some(0), String::new()));
    assert!(ran.stderr.starts_with("removed mlc-ai/tiny; "), "{}", ran.stderr);
    assert!(!world.entry(&model).exists());
    assert_eq!(other.differences(&world.entry(&other)), [""; 0]);
}

#[test]
fn several_models_and_a_slip() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let ran = world.cli(&["remove", "mlc-ai/tyni", "HF://mlc-ai/tiny", "--json"]).run();
    assert_eq!(ran.status, Some(3));
    assert!(ran.stderr.contains("error: mlc-ai/tyni is not in the cache\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  did you mean mlc-ai/tiny?\n"), "{}", ran.stderr);
    let json = ran.json();
    assert_eq!((&json["version"], &json["models"][0]["model"]), (&1.into(), &"mlc-ai/tiny".into()));
    assert_eq!(json["models"][0]["entry"], "directory");
    assert!(!world.entry(&model).exists());
}

#[test]
fn a_dry_run_removes_nothing() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let before = world.visible();
    let bytes: u64 = model.files.iter().map(|file| file.size).sum();
    for arguments in [
        &["remove", "--dry-run", "--json", "mlc-ai/tiny", "mlc-ai/tyni"][..],
        &["rm", "--dry-run", "--json", "--all"],
    ] {
        let ran = world.cli(arguments).run();
        let is_all = arguments.contains(&"--all");
        assert_eq!(ran.status, Some(if is_all { 0 } else { 3 }), "{}", ran.stderr);
        let place = format!("  looked in {}\n", world.entry(&model).with_file_name("tyni").display());
        assert_eq!(ran.stderr.contains(&place), !is_all, "{}", ran.stderr);
        assert!(ran.stderr.contains("would remove mlc-ai/tiny, "), "{}", ran.stderr);
        let json = ran.json();
        assert_eq!((&json["dry_run"], &json["models"][0]["model"]), (&true.into(), &"mlc-ai/tiny".into()));
        assert_eq!(json["models"][0]["bytes"], bytes);
        assert_eq!(json["models"].as_array().unwrap().len(), 1);
    }
    assert_eq!(world.visible(), before);
}

#[test]
fn all_models_are_removed_only_when_that_is_confirmed() {
    let (world, model) = World::with_tiny();
    let other = world.hub.publish(&local_hub::ModelFixture::new("mlc-ai/other"));
    world.download(&model);
    world.download(&other);
    let ran = world.cli(&["remove", "--all"]).run();
    ran.check_failure(1, &["error: 2 models (", "are not removed without --yes"]);
    assert!(world.entry(&model).exists());
    let ran = world.cli(&["remove", "--all", "-y"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(!world.entry(&model).exists() && !world.entry(&other).exists());
    let ran = world.cli(&["remove", "--all"]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), "there are no models in the cache\n"));
}

/// The leftovers of a mistyped download are not a model.
#[test]
fn leftovers_of_a_mistyped_download_are_not_counted_and_are_removed_silently() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    assert_eq!(world.cli(&["download", "mlc-ai/none"]).run().status, Some(4));
    let ran = world.cli(&["remove", "--all", "--dry-run"]).run();
    assert_eq!((ran.status, ran.lines().len()), (Some(0), 1), "{}", ran.stderr);
    let ran = world.cli(&["remove", "--all"]).run();
    ran.check_failure(1, &["error: mlc-ai/tiny (", "is not removed without --yes"]);
    let ran = world.cli(&["remove", "--all", "-y"]).run();
    assert_eq!((ran.status, ran.lines().len()), (Some(0), 1), "{}", ran.stderr);
    let staging = fs::read_dir(world.home().join("model_weights/.mlc-weights/staging")).unwrap();
    assert_eq!(staging.count(), 0);
    let ran = world.cli(&["remove", "--all", "-y"]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), "there are no models in the cache\n"));
    let ran = world.cli(&["remove", "--all", "-y", "--quiet"]).run();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_malformed_name_prevents_all_removals() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let ran = world.cli(&["remove", "mlc-ai/tiny", "../tiny"]).run();
    ran.check_failure(2, &["../tiny"]);
    assert!(world.entry(&model).exists());
}

#[test]
fn a_model_that_is_being_downloaded_is_kept() {
    let (world, model) = World::with_tiny();
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
    let download = world.cli(&["download", &model.url]).start();
    assert!(world.hub.log().data().wait_until(PATIENCE, |log| log.count() > 0));
    let ran = world.cli(&["remove", "mlc-ai/tiny"]).run();
    ran.check_failure(
        1,
        &["cannot be removed while it is being downloaded", &format!("by process {}", download.id())],
    );
    let pruned = world.cli(&["prune", "--json"]).run().json();
    assert_eq!(
        (&pruned["removed_bytes"], &pruned["models"][0]["in_use"]),
        (&0.into(), &true.into()),
        "{pruned}"
    );
    let holder = pruned["models"][0]["holder"].as_str().unwrap();
    assert!(holder.starts_with(&format!("process {}", download.id())), "{pruned}");
    let words = world.cli(&["prune"]).run().text();
    assert!(words.contains(&format!("being downloaded by process {}", download.id())), "{words}");
    let listed = world.cli(&["list", "--json"]).run().json();
    assert_eq!(listed["unfinished"][0]["in_use"], true, "{listed}");
    hold.release();
    download.end().check_path(&world.entry(&model));
}

#[test]
fn a_mistyped_download_leaves_nothing_to_prune() {
    let world = World::new();
    assert_eq!(world.cli(&["download", "HF://mlc-ai/tyni"]).run().status, Some(4));
    let ran = world.cli(&["prune"]).run();
    assert_eq!((ran.status, ran.text()), (Some(0), String::new()));
    assert_eq!(ran.stderr, "no remains of interrupted downloads\n");
}

#[test]
fn a_read_only_copy_is_never_removed() {
    let (world, model) = World::with_tiny();
    let tier = world.beside("tier");
    let copy = lay_out(&model, &tier);
    let ran = world.cli(&["remove", "mlc-ai/tiny"]).env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier).run();
    ran.check_failure(7, &["mlc-ai/tiny is only in the read-only tier", &tier.display().to_string()]);
    assert_eq!(model.differences(&copy), [""; 0]);
}

#[cfg(unix)]
#[test]
fn of_a_link_only_the_link_is_removed_and_reported() {
    let (world, model) = World::with_tiny();
    let own = lay_out(&model, &world.beside("own"));
    fs::create_dir_all(world.entry(&model).parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&own, world.entry(&model)).unwrap();
    let ran = world.cli(&["remove", "mlc-ai/tiny"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("the link to {}, which stays", own.display())), "{}", ran.stderr);
    assert_eq!(model.differences(&own), [""; 0]);
}

/// In seconds.
const DAY: u64 = 24 * 3600;

/// Makes everything below a folder look as if it was written an hour ago.
fn age(folder: &Path) {
    for path in fs::read_dir(folder).unwrap().map(|child| child.unwrap().path()) {
        if path.is_dir() {
            age(&path);
        }
        fs::File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
}

#[test]
fn old_leftovers_of_a_killed_download_are_pruned() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::status(404), Times::Forever);
    assert_eq!(world.cli(&["download", &model.url]).run().status, Some(4));
    let private = world.home().join("model_weights/.mlc-weights/staging");
    age(&private);
    let bytes = |arguments: &[&str]| {
        let ran = world.cli(&[&["prune", "--json"], arguments].concat()).run();
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
        ran.json()["removed_bytes"].as_u64().unwrap()
    };
    assert_eq!(bytes(&["--older-than", "7d"]), 0);
    let young = world.cli(&["prune", "--older-than", "7d", "--json"]).run().json();
    let until = young["models"][0]["kept_until"].as_u64().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!((now + 6 * DAY..now + 7 * DAY).contains(&until), "{until} at {now}");
    let words = world.cli(&["prune", "--older-than", "7d"]).run().text();
    assert!(
        words.contains("kept until 20") && words.contains("its last write is more recent than --older-than"),
        "{words}"
    );
    let would = bytes(&["--dry-run"]);
    assert!(would > 0 && private.exists());
    let table = world.cli(&["prune", "--dry-run"]).run();
    assert!(table.text().contains("WOULD GO"), "{}", table.text());
    assert!(table.stderr.ends_with(" would be removed\n"), "{}", table.stderr);
    assert_eq!(bytes(&["--older-than", "30min"]), would);
    let ran = world.cli(&["prune"]).run();
    assert_eq!(
        (ran.status, ran.text(), ran.stderr.as_str()),
        (Some(0), String::new(), "no remains of interrupted downloads\n")
    );
}

#[test]
fn a_malformed_age_is_a_usage_error() {
    let world = World::new();
    for age in ["", "soon", "7", "-7d"] {
        let ran = world.cli(&["prune", &format!("--older-than={age}")]).run();
        assert_eq!((ran.status, ran.stdout.len()), (Some(2), 0), "{age:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("such as 90min, 12h or 7d"), "{age:?}: {}", ran.stderr);
    }
    world.check_pristine();
}
