//! Exit status 7: the disk is full before a download, or becomes full during it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use local_hub::{Fault, FaultTarget, Hold, ModelFixture, PublishedModel, Times};

use crate::namespace::Namespace;
use crate::world::{Cli, PATIENCE, World, entry_in, is_in_pool, until};

const MIB: u64 = 1 << 20;

const ADVICE: &str = "\n  make room (`mlc-weights prune` may help), or set MLC_LLM_HOME to ";

/// A home on an in-memory file system of 16 MiB.
struct SmallDisk {
    namespace: Namespace,
    home: PathBuf,
}

impl SmallDisk {
    /// `None` if this user may not mount.
    fn of(world: &World) -> Option<Self> {
        let mount = "mkdir -p small; mount -t tmpfs -o size=16m none small";
        let namespace = Namespace::with(&world.beside(""), mount)?;
        Some(Self { namespace, home: world.beside("small") })
    }

    /// The home's path as seen by this process.
    fn outside(&self) -> PathBuf {
        self.namespace.outside(&self.home)
    }

    /// Uses up all space except about `left` bytes.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.outside().join("ballast");
        let mut ballast = File::create(&path).unwrap();
        let block = vec![0x55; 4096];
        while ballast.write_all(&block).is_ok() {}
        let length = ballast.metadata().unwrap().len();
        ballast.set_len(length.checked_sub(left).unwrap()).unwrap();
        path
    }

    /// The command that downloads a model to this disk, one file at a time.
    fn download(&self, world: &World, model: &PublishedModel) -> Cli {
        let cli = world.cli(&["download", "-j", "1", &model.url]).env("MLC_LLM_HOME", &self.home);
        self.namespace.enter(&cli)
    }
}

/// A model with a small shard and one of 8 MiB, and a disk of 16 MiB.
fn world() -> Option<(World, PublishedModel, SmallDisk)> {
    let fixture = ModelFixture::new("mlc-ai/tiny").shard("first.bin", MIB).shard("second.bin", 8 * MIB);
    let (world, model) = World::with(&fixture);
    let disk = SmallDisk::of(&world)?;
    Some((world, model, disk))
}

#[test]
fn too_little_space_is_reported_before_the_first_byte() {
    let Some((world, model, disk)) = world() else { return };
    let ballast = disk.fill(6 * MIB);
    let ran = disk.download(&world, &model).run();
    ran.check_failure(
        7,
        &["mlc-ai/tiny needs ", " MB more, and ", &disk.home.display().to_string(), " free\n", ADVICE],
    );
    assert!(world.hub.log().data().is_empty(), "{}", world.hub.log());
    fs::remove_file(ballast).unwrap();
    let ran = disk.download(&world, &model).run();
    ran.check_path(&entry_in(&disk.home.join("model_weights"), &model));
}

#[test]
fn a_copy_that_does_not_fit_is_refused_with_its_size() {
    let Some((world, model, disk)) = world() else { return };
    let ballast = disk.fill(6 * MIB);
    let to = disk.home.join("copy");
    let cli = world.cli(&["download", &model.url, "--to", to.to_str().unwrap()]);
    let ran = disk.namespace.enter(&cli).run();
    let words = format!("error: cannot copy mlc-ai/tiny to {}: it needs 9.67 MB", to.display());
    ran.check_failure(
        7,
        &[&words, ", and 6.29 MB is free there\n", "\n  make room on that disk, or choose a folder"],
    );
    assert!(!ran.stderr.contains(".mlc-weights-"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(disk.outside()).unwrap().count(), 1, "only the ballast");
    fs::remove_file(ballast).unwrap();
    disk.namespace.enter(&cli).run().check_path(&to);
}

#[test]
fn a_disk_that_is_full_on_the_way() {
    let Some((world, model, disk)) = world() else { return };
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("second.bin"), Fault::Hold(hold.clone()), Times::Once);
    let running = disk.download(&world, &model).start();
    let second = world.hub.log().data().file("second.bin");
    assert!(second.wait_until(PATIENCE, |log| log.in_flight() == 1));
    until(|| is_in_pool(&disk.outside(), &model, "first.bin"));

    // Another program uses the space that was free when the download began.
    let ballast = disk.fill(3 * MIB);
    hold.release();
    let ran = running.end();
    let place = format!(" more, and {} has ", disk.home.display());
    ran.check_failure(7, &["mlc-ai/tiny needs ", &place, " free\n", "No space left on device", ADVICE]);
    assert!(is_in_pool(&disk.outside(), &model, "first.bin"));
    let entry = entry_in(&disk.outside().join("model_weights"), &model);
    assert!(!entry.exists());

    fs::remove_file(ballast).unwrap();
    let later = world.hub.log().from_now();
    let ran = disk.download(&world, &model).run();
    ran.check_path(&entry_in(&disk.home.join("model_weights"), &model));
    assert_eq!(model.differences(&entry), [""; 0]);
    assert!(later.data().file("first.bin").is_empty(), "{later}");
    let rest = later.data().file("second.bin").requests();
    assert!(rest.iter().all(|request| request.range() != Some("bytes=0-")), "{later}");
}
