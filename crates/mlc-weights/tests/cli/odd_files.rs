//! FIFOs, devices, folders and huge files where the cache expects a small plain file.

use std::fs;
use std::process::Command;

use local_hub::{Manifests, ModelFixture};

use crate::world::{World, is_in_pool, lay_out};

const SLOT: &str = "mlc-ai+tiny";

/// Where the cache expects a small plain file, it neither blocks on anything else nor reads without limit.
#[test]
fn a_fifo_a_device_or_a_huge_file_in_place_of_a_small_file_is_not_read() {
    for (name, make) in [("fifo", "mkfifo"), ("zeros", "ln -s /dev/zero"), ("huge", "truncate -s 3G")] {
        for level in [
            "locks/SLOT+holder",
            "staging/SLOT/runs/1-b/publishing",
            "staging/SLOT/runs/1-b/previous-receipt.json",
            "staging/SLOT/runs/1-b/alive",
            "receipts/SLOT.json",
        ] {
            let (world, model) = World::with_tiny();
            let place = world.home().join("model_weights/.mlc-weights").join(level.replace("SLOT", SLOT));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            let made =
                Command::new("sh").args(["-c", &format!("{make} {}", place.display())]).status().unwrap();
            assert!(made.success());
            for command in [vec!["list"], vec!["prune"], vec!["download", &model.url]] {
                let ran = world.cli(&command).run();
                assert!(
                    [Some(0), Some(7)].contains(&ran.status),
                    "{name} at {level}: {command:?}: {}",
                    ran.stderr
                );
            }
        }
    }
}

/// A repair replaces it with the commit's file. If it is a file, the repair keeps it under another name.
#[test]
fn a_fifo_a_device_or_a_huge_file_in_an_entry_is_replaced() {
    for make in ["mkfifo", "ln -s /dev/zero", "truncate -s 300M"] {
        let (world, model) = World::with_tiny();
        let entry = lay_out(&model, &world.home().join("model_weights"));
        fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
        let readme = entry.join("README.md");
        let line = format!("rm -f {readme} && {make} {readme}", readme = readme.display());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
        let ran = world.download(&model);
        let committed = model.file("README.md").unwrap().bytes();
        assert!(fs::symlink_metadata(&readme).unwrap().is_file(), "{make}: {}", ran.stderr);
        assert_eq!(fs::read(&readme).unwrap(), committed, "{make}: {}", ran.stderr);
        let kept = fs::metadata(entry.join("README.md.own")).ok().map(|found| found.len());
        assert_eq!(kept, make.starts_with("truncate").then_some(300 << 20), "{make}: {}", ran.stderr);
    }
}

/// A folder with the name of the manifest is not a manifest, and the manifest cannot be written there.
#[test]
fn a_folder_in_the_manifests_place_is_a_refusal() {
    let fixture = ModelFixture::new("mlc-ai/old").manifests(Manifests::NdArrayCache);
    let (world, model) = World::with(&fixture.plain_file("tensor-cache.json/x", "text"));
    let ran = world.cli(&["download", &model.url]).run();
    ran.check_failure(
        4,
        &["mlc-ai/old is not an MLC model", "tensor-cache.json must be a file, but is a folder"],
    );
    assert_eq!(world.hub.log().data().count(), 0);
}

/// An obstacle to the receipt is reported before anything is fetched.
#[test]
fn a_folder_in_the_receipts_place_is_found_first() {
    let (world, model) = World::with_tiny();
    let receipt = world.home().join(format!("model_weights/.mlc-weights/receipts/{SLOT}.json"));
    fs::create_dir_all(&receipt).unwrap();
    let ran = world.cli(&["download", &model.url]).run();
    ran.check_failure(7, &[&format!("{} is not a plain file", receipt.display())]);
    assert_eq!(world.hub.log().count(), 0);
    assert!(!is_in_pool(&world.home(), &model, "params_shard_0.bin"));
}
