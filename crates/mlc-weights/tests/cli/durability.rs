//! What is synced and when, according to `strace`, and what happens when the disk refuses.
//!
//! After a power failure a disk may have kept a name but lost the data behind it. So data must be synced
//! before it gets a name that says it is verified, and the folder with that name before the next step
//! relies on it.

use std::path::Path;

use local_hub::{Fault, FaultTarget, ModelFixture, PublishedModel, Times};

use crate::traced::{self, Call};
use crate::world::{PATIENCE, World, is_in_pool, until};

struct Report(Vec<Call>);

impl Report {
    /// The only rename to this path.
    #[track_caller]
    fn rename_to(&self, place: &Path) -> &Call {
        let renames = self.0.iter().filter(|call| call.is_rename());
        let found: Vec<&Call> = renames.filter(|call| call.paths.ends_with(&[place.to_owned()])).collect();
        assert_eq!(found.len(), 1, "renames to {}: {self}", place.display());
        found[0]
    }

    /// The file or folder was synced between these two calls.
    #[track_caller]
    fn check_synced(&self, path: &Path, after: Option<&Call>, before: Option<&Call>) {
        let synced = self.0.iter().any(|call| {
            call.is_sync()
                && call.paths.first().is_some_and(|file| file == path)
                && after.is_none_or(|after| after.is_before(call))
                && before.is_none_or(|before| call.is_before(before))
        });
        assert!(synced, "{} is not synced when it should be ({after:?}, {before:?}): {self}", path.display());
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|call| write!(f, "\n{call:?}"))
    }
}

/// Downloads a model, and returns the calls it made.
fn trace_download(options: &[&str]) -> Option<(World, PublishedModel, Report)> {
    if !traced::is_possible() {
        return None;
    }
    let (world, model) = World::with_tiny();
    let log = world.beside("calls");
    let arguments = [&["download", model.url.as_str()], options].concat();
    traced::traced(&world.cli(&arguments), &log).run().check_path(&world.entry(&model));
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    let calls = traced::calls(&log);
    Some((world, model, Report(calls)))
}

#[test]
fn data_is_synced_before_it_gets_its_name() {
    let Some((world, model, report)) = trace_download(&[]) else { return };
    let entry = world.entry(&model);
    let publication = report.rename_to(&entry);
    let tree = publication.paths.first().unwrap();

    let shards: Vec<_> = model.lfs_files().collect();
    assert!(shards.len() >= 2, "{}", shards.len());
    let pooled = |call: &&Call| {
        call.is_rename() && call.paths.last().is_some_and(|to| to.to_string_lossy().contains("/pool/sha256-"))
    };
    let verified: Vec<&Call> = report.0.iter().filter(pooled).collect();
    assert_eq!(verified.len(), shards.len(), "{report}");
    for call in verified {
        let [part, place] = call.paths.as_slice() else { panic!("{call:?}") };
        report.check_synced(part, None, Some(call));
        report.check_synced(place.parent().unwrap(), Some(call), Some(publication));
    }

    for file in &model.files {
        report.check_synced(&tree.join(&file.path), None, Some(publication));
    }
    report.check_synced(tree, None, Some(publication));
    report.check_synced(entry.parent().unwrap(), Some(publication), None);

    let receipt =
        report.rename_to(&world.home().join("model_weights/.mlc-weights/receipts/mlc-ai+tiny.json"));
    let [written, place] = receipt.paths.as_slice() else { panic!("{receipt:?}") };
    report.check_synced(written, None, Some(receipt));
    report.check_synced(place.parent().unwrap(), Some(receipt), None);
}

#[test]
fn nothing_is_synced_for_a_cache_that_may_be_lost() {
    let Some((.., report)) = trace_download(&["--no-fsync"]) else { return };
    assert!(!report.0.iter().any(Call::is_sync), "{report}");
    assert!(report.0.iter().any(Call::is_rename));
}

/// Otherwise a power failure could bring back the name of a model that has only half of its files.
#[test]
fn a_removed_name_is_synced_before_the_files_are_removed() {
    if !traced::is_possible() {
        return;
    }
    let (world, model) = World::with_tiny();
    world.download(&model);
    let (entry, log) = (world.entry(&model), world.beside("calls"));
    let ran = traced::traced(&world.cli(&["remove", "--yes", &model.url]), &log).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let report = Report(traced::calls(&log));
    let moved = report.0.iter().find(|call| call.is_rename() && call.paths[0] == entry).unwrap();
    let shard = model.lfs_files().next().unwrap().path.as_str();
    let removed = |call: &&Call| call.is_removal() && call.paths[0].ends_with(shard);
    let removed = report.0.iter().find(removed).unwrap();
    // The user's folder is removed, too.
    report.check_synced(&world.home().join("model_weights/hf"), Some(moved), Some(removed));
}

/// Fewer calls than a thread needs to write many MiB, and more than the metadata takes, which is written
/// with the same call.
const TIMES: u32 = 10;

/// Downloads a model while `call` fails, after another download has verified the first shard. `pwrite64`
/// fails only from the `TIMES`th call of each thread on.
#[track_caller]
fn check_disk_error(call: &str, error: &str, words: &[&str]) {
    const MIB: u64 = 1 << 20;
    let fixture = ModelFixture::new("mlc-ai/tiny").shard("first.bin", MIB).shard("second.bin", 32 * MIB);
    let (world, model) = World::with(&fixture);
    world.hub.fault(FaultTarget::data("second.bin"), Fault::Stall { after: 0 }, Times::Once);
    let running = world.cli(&["download", "-j", "1", &model.url]).start();
    let second = world.hub.log().data().file("second.bin");
    assert!(second.wait_until(PATIENCE, |log| !log.is_empty()));
    let is_verified = || is_in_pool(&world.home(), &model, "first.bin");
    until(is_verified);
    running.signal("INT");
    assert_eq!(running.end().status, Some(130));

    let cli = world.cli(&["download", "-j", "1", &model.url]);
    let when = if call == "pwrite64" { TIMES } else { 1 };
    let failure = format!("{call}:error={error}:when={when}+");
    let ran = traced::with_failing(&cli, call, &failure, &world.beside("calls")).run();
    ran.check_failure(7, words);
    assert!(is_verified());
    assert!(!world.entry(&model).exists());

    let later = world.hub.log().from_now();
    world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert!(later.data().file("first.bin").is_empty(), "{later}");
}

#[test]
fn verified_files_are_kept_when_the_disk_refuses() {
    if !traced::is_possible() {
        return;
    }
    let full = [" needs ", " more, and ", " free\n", "No space left on device"];
    check_disk_error("pwrite64", "ENOSPC", &full);
    // On some file systems space is allocated only when data is written out.
    check_disk_error("fdatasync", "ENOSPC", &full);
    check_disk_error("pwrite64", "EDQUOT", &[" more, and ", "Disk quota exceeded"]);
    check_disk_error("fdatasync", "EIO", &["cannot sync ", "Input/output error"]);
}
