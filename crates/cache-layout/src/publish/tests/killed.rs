//! The process ends at each step of publishing in turn, as if it were killed. It really ends: this test
//! program starts itself again to perform the steps.
//!
//! A program that is just starting has this process's locks for a moment, and other tests rely on theirs
//! being free. So the hundreds of programs are started by a process that runs nothing else.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use super::*;
use crate::receipt::Receipt;
use crate::staging;

/// Instructions for the process that ends, in a file in its working folder.
#[derive(Serialize, Deserialize)]
struct Scene {
    before: Before,
    redo: bool,
    synced: bool,
    system: System,
    step: usize,
}

impl Scene {
    const fn purpose(&self) -> Purpose {
        if self.redo { Purpose::Redo } else { Purpose::Fresh }
    }

    fn layout(&self, layout: &CacheLayout) -> CacheLayout {
        if self.synced { layout.clone() } else { testing::fast(layout) }
    }
}

#[test]
#[ignore = "runs in the processes that the other test starts"]
fn ends_at_a_step() {
    let Ok(scene) = fs::read("scene.json") else {
        println!("skipped: not started by the other test");
        return;
    };
    let scene: Scene = serde_json::from_slice(&scene).unwrap();
    let root = std::env::current_dir().unwrap();
    let layout = scene.layout(&CacheLayout::new(crate::CacheConfig::new(root.join("home"))).unwrap());
    let slot = layout.slot(&"user/repo".parse().unwrap());
    let run = ready(&layout, &slot, scene.purpose(), "new");
    make(scene.before, &layout, &slot);
    let script = Script::new(&root).on(scene.system).ending_at(scene.step, &root.join("log"));
    run.publish_with(&script, &testing::inspect).unwrap();
}

/// This program, to run one test of this file.
fn this_program(test: &str, folder: &Path) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", &format!("publish::tests::killed::{test}"), "--ignored", "--quiet"]);
    program.current_dir(folder).stdin(Stdio::null());
    program
}

/// The steps taken, and whether the process ended at the last of them.
fn run(folder: &Path, scene: &Scene) -> (Vec<String>, bool) {
    fs::write(folder.join("scene.json"), serde_json::to_vec(scene).unwrap()).unwrap();
    let mut program = this_program("ends_at_a_step", folder);
    let status = program.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_ne!(status.code(), Some(101), "the steps failed");
    let log = fs::read_to_string(folder.join("log")).unwrap();
    (log.lines().map(str::to_owned).collect(), !status.success())
}

/// All files with their contents, except hidden ones beside the entry. Empty folders may be left above
/// it.
fn models(layout: &CacheLayout) -> Vec<(String, String)> {
    let tree = testing::listing(&layout.home().join("model_weights/hf"));
    let is_model = |(name, kind): &(String, String)| kind != "dir" && !name.contains("/.mlc-weights-");
    tree.into_iter().filter(is_model).collect()
}

fn made(before: Before) -> Vec<(String, String)> {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    make(before, &layout, &slot);
    models(&layout)
}

/// Whether the process ended at this step.
fn check(scene: &Scene) -> bool {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let layout = scene.layout(&layout);
    let (log, ended) = run(folder.path(), scene);
    let step = log.last().unwrap();
    if !ended {
        return false;
    }
    let earlier = made(scene.before);
    let was_moved_aside = log.iter().any(|step| step.ends_with("/displaced") || step.ends_with("BESIDE+old"));
    let published = weights(&slot).as_deref() == Some("new");
    assert!(published || was_moved_aside || models(&layout) == earlier, "{step}: {:?}", models(&layout));

    // The next call, whatever it is, finds the old model or the new one.
    let lookup = layout.look_up(&slot, &testing::inspect).unwrap();
    assert_eq!(lookup.hit.is_some(), published || scene.before == Before::Whole, "{step}");
    if !published {
        assert_eq!(models(&layout), earlier, "{step}");
    }
    let receipt_number = match (published, scene.before) {
        (true, _) => Some(2),
        (false, Before::Nothing) => None,
        (false, _) => Some(1),
    };
    check_receipt(&layout, &slot, receipt_number, step);

    let next = layout.begin_run(&slot, scene.purpose()).unwrap();
    match (published, scene.system) {
        (false, _) => assert_eq!(next.pooled(&pooled()), Some(3), "{step}: verified bytes are kept"),
        // A copy shares no file with the pool.
        (true, System::OwnFolderOnly | System::OwnFolderOnlyTwoRenames) => {}
        (true, _) => assert_eq!(next.pooled(&pooled()), None, "{step}: what is visible is not trusted"),
    }
    drop(next);
    check_receipt(&layout, &slot, receipt_number, step);

    // Once the dead run counts as abandoned, it is removed, and what it had moved aside is back.
    staging::tidy(&Staging::of(&slot), SystemTime::now() + Duration::from_secs(3600)).unwrap();
    check_receipt(&layout, &slot, receipt_number, step);
    let hidden = testing::listing(slot.entry().parent().unwrap_or(folder.path()));
    assert!(hidden.keys().all(|name| name.starts_with("repo")), "{step}: {hidden:?}");
    let receipts = testing::listing(slot.receipt_file().parent().unwrap());
    assert!(receipts.keys().all(|name| name == "user+repo.json"), "{step}: {receipts:?}");

    ready(&testing::fast(&layout), &slot, Purpose::Redo, "newest").publish(&testing::inspect).unwrap();
    assert_eq!(weights(&slot).as_deref(), Some("newest"));
    assert!(!Staging::of(&slot).folder().join("runs").exists(), "{step}");
    true
}

#[track_caller]
fn check_receipt(layout: &CacheLayout, slot: &Slot, number: Option<u8>, step: &str) {
    let Some(number) = number else { return };
    let receipts: Vec<Receipt> = layout.receipts_in(slot, layout.tiers().last().unwrap());
    assert!(receipts.contains(&receipt(number)), "{step}: {receipts:?}");
}

#[track_caller]
fn check_every_step(system: System, synced: &[bool]) {
    let folder = testing::folder();
    fs::write(folder.path().join("every.json"), serde_json::to_vec(&(system, synced)).unwrap()).unwrap();
    let output = this_program("ends_at_every_step", folder.path()).output().unwrap();
    let [said, error] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(output.status.success() && said.contains("1 passed"), "{said}{error}");
}

#[test]
#[ignore = "runs in the process that the other tests start"]
fn ends_at_every_step() {
    let Ok(every) = fs::read("every.json") else {
        println!("skipped: not started by the other tests");
        return;
    };
    let (system, synced): (System, Vec<bool>) = serde_json::from_slice(&every).unwrap();
    for synced in synced {
        for (before, purpose) in SCENES {
            let mut scene = Scene { before, redo: purpose == Purpose::Redo, synced, system, step: 0 };
            while check(&scene) {
                scene.step += 1;
            }
            assert!(scene.step > 4, "{} steps", scene.step);
        }
    }
}

// On Windows the same steps as of two renames: see `System::ALL`.
#[cfg(not(windows))]
#[test]
fn a_process_may_end_at_any_step_of_an_exchange() {
    check_every_step(System::Exchange, SYNCED);
}

#[test]
fn a_process_may_end_at_any_step_of_two_renames() {
    check_every_step(System::TwoRenames, SYNCED);
}

#[cfg(not(windows))]
#[test]
fn a_process_may_end_at_any_step_of_a_copy() {
    check_every_step(System::OwnFolderOnly, &[true]);
}

#[test]
fn a_process_may_end_at_any_step_of_a_copy_and_two_renames() {
    check_every_step(System::OwnFolderOnlyTwoRenames, &[cfg!(windows)]);
}
