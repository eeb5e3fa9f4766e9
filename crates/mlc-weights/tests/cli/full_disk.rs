//! Exit status 7: a disk that is full, before a download or in the middle of it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use local_hub::{Fault, FaultTarget, Hold, ModelFixture, PublishedModel, Times};

use crate::world::{PATIENCE, World, entry_in, files_below, until};

const MIB: u64 = 1 << 20;

/// A file system of a few MiB in memory, gone when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where it cannot be had: mounting takes the system administrator.
    #[expect(clippy::print_stderr, reason = "says what is not checked, and why")]
    fn mount(folder: PathBuf, mebibytes: u64) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(&folder).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            outcome => {
                eprintln!("not checked: no small file system can be mounted here: {outcome:?}");
                None
            }
        }
    }

    /// Takes up all room but for about so much.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.0.join("ballast");
        let mut ballast = File::create(&path).unwrap();
        let block = vec![0x55; 4096];
        while ballast.write_all(&block).is_ok() {}
        let length = ballast.metadata().unwrap().len();
        ballast.set_len(length.checked_sub(left).unwrap()).unwrap();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also while a failed test's program still writes there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A model of a small shard and one of 8 MiB, and a disk of 16.
fn world() -> Option<(World, PublishedModel, SmallDisk)> {
    let fixture = ModelFixture::new("mlc-ai/tiny").shard("first.bin", MIB).shard("second.bin", 8 * MIB);
    let (world, model) = World::with(&fixture);
    let disk = SmallDisk::mount(world.beside("small"), 16)?;
    Some((world, model, disk))
}

fn is_in_pool(home: &Path, model: &PublishedModel, file: &str) -> bool {
    let name = format!("pool/sha256-{}", model.file(file).unwrap().sha256);
    files_below(home).iter().any(|path| path.ends_with(&name))
}

#[test]
fn too_little_room_is_found_before_the_first_byte() {
    let Some((world, model, disk)) = world() else { return };
    let ballast = disk.fill(6 * MIB);
    let ran = world.cli(&["download", &model.url]).env("MLC_LLM_HOME", &disk.0).run();
    ran.check_failure(7, &["not enough room at ", &disk.0.display().to_string(), " bytes are needed, "]);
    assert!(world.hub.log().data().is_empty(), "{}", world.hub.log());
    fs::remove_file(ballast).unwrap();
    let ran = world.cli(&["download", &model.url]).env("MLC_LLM_HOME", &disk.0).run();
    ran.check_path(&entry_in(&disk.0.join("model_weights"), &model));
}

#[test]
fn a_disk_that_is_full_on_the_way() {
    let Some((world, model, disk)) = world() else { return };
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("second.bin"), Fault::Hold(hold.clone()), Times::Once);
    let run = || world.cli(&["download", "-j", "1", &model.url]).env("MLC_LLM_HOME", &disk.0);
    let running = run().start();
    let second = world.hub.log().data().file("second.bin");
    assert!(second.wait_until(PATIENCE, |log| log.in_flight() == 1));
    until(|| is_in_pool(&disk.0, &model, "first.bin"));

    // Somebody else takes what was free when the download began.
    let ballast = disk.fill(3 * MIB);
    hold.release();
    let ran = running.end();
    let place = format!("not enough room at {}", disk.0.display());
    ran.check_failure(7, &[&place, " bytes are needed, ", " are free", "No space left on device"]);
    assert!(is_in_pool(&disk.0, &model, "first.bin"));
    assert!(!entry_in(&disk.0.join("model_weights"), &model).exists());

    fs::remove_file(ballast).unwrap();
    let later = world.hub.log().from_now();
    let entry = entry_in(&disk.0.join("model_weights"), &model);
    run().run().check_path(&entry);
    assert_eq!(model.differences(&entry), [""; 0]);
    assert!(later.data().file("first.bin").is_empty(), "{later}");
    let rest = later.data().file("second.bin").requests();
    assert!(rest.iter().all(|request| request.range() != Some("bytes=0-")), "{later}");
}
