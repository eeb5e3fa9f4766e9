//! After a repair, a directory has one commit whatever it was before, and a verification confirms it.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use facade::cache::VerifyReport;
use facade::{Downloader, Model, Outcome, Repair, Request};
use local_hub::{LocalHub, Manifests, ModelFixture, PublishedModel, edit_config};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use sha2::{Digest as _, Sha256};

use crate::world::{Recorded, World, entry_in, files_below, lay_out, quick, request, temporary_folder};

const CONFIG: &str = "mlc-chat-config.json";

/// Two commits that share only the tokenizer and not all names.
fn commits(id: &str) -> [ModelFixture; 2] {
    let config = |commit: &str| {
        format!(r#"{{"tokenizer_files":["tokenizer.json","tokenizer_config.json"],"of":"{commit}"}}"#)
    };
    let base = |commit: &str| {
        ModelFixture::without_files(id)
            .manifests(Manifests::TensorCache)
            .config_bytes(config(commit))
            .lfs_file("tokenizer.json", r#"{"tokens": []}"#)
            .plain_file("tokenizer_config.json", format!(r#"{{"of":"{commit}"}}"#))
            .plain_file("README.md", format!("This is the {commit} commit.\n"))
            .plain_file(&format!("{commit}-only.txt"), format!("Only the {commit} commit has this.\n"))
    };
    [base("first").shards(3, 3_000), base("second").shards(2, 4_000).seed(7)]
}

/// What happens to the hub after the first commit was downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hub {
    Stays,
    /// The second commit follows the first.
    MovesOn,
    /// Only the second commit exists.
    Replaces,
}

/// A model on a hub, and a cache with its first commit.
struct Scene {
    id: &'static str,
    first: PublishedModel,
    second: PublishedModel,
    cache: tempfile::TempDir,
}

impl Scene {
    fn new(hub: &LocalHub, id: &'static str, moves: Hub) -> Self {
        let [first, second] = commits(id);
        let elsewhere = LocalHub::start();
        let (first, cache) = (hub.publish(&first), temporary_folder());
        let request: Request = format!("HF://{id}").parse().unwrap();
        facade_runtime().block_on(downloader(hub, cache.path()).download(request)).unwrap();
        let second = match moves {
            Hub::Stays => elsewhere.publish(&second),
            Hub::MovesOn => hub.publish(&second),
            Hub::Replaces => hub.replace(&second),
        };
        Self { id, first, second, cache }
    }

    fn entry(&self, home: &Path) -> PathBuf {
        entry_in(&home.join("model_weights"), &self.first)
    }
}

fn facade_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn downloader(hub: &LocalHub, home: &Path) -> Downloader {
    let builder = Downloader::builder(home).endpoint(hub.endpoint().parse().unwrap());
    builder.retry(quick()).durability(facade::Durability::Fast).build().unwrap()
}

fn verify(downloader: &Downloader, id: &str) -> VerifyReport {
    let model = id.parse().unwrap();
    downloader.cache().verify(&model, |_| ControlFlow::Continue(())).unwrap().remove(0)
}

/// What happened to a file of the first commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Missing,
    FlippedBit,
    Zeros,
    Cut,
    Edited,
    OfTheSecond,
}

#[derive(Clone, Debug)]
struct Trial {
    hub: Hub,
    has_receipt: bool,
    /// For the files, one after another.
    fates: Vec<Fate>,
    has_own: bool,
    repair: Option<Repair>,
}

fn trials() -> impl Strategy<Value = Trial> {
    let hub = prop_oneof![Just(Hub::Stays), Just(Hub::MovesOn), Just(Hub::Replaces)];
    let fate = prop_oneof![
        4 => Just(Fate::Kept),
        1 => Just(Fate::Missing),
        1 => Just(Fate::FlippedBit),
        1 => Just(Fate::Zeros),
        1 => Just(Fate::Cut),
        2 => Just(Fate::Edited),
        1 => Just(Fate::OfTheSecond),
    ];
    let repair = prop_oneof![
        2 => Just(None),
        2 => Just(Some(Repair::Damaged)),
        1 => Just(Some(Repair::DamagedAndModified)),
    ];
    (hub, any::<bool>(), proptest::collection::vec(fate, 9), any::<bool>(), repair).prop_map(
        |(hub, has_receipt, fates, has_own, repair)| Trial { hub, has_receipt, fates, has_own, repair },
    )
}

/// A file's content after its fate; `None` if it is gone.
fn suffered(fate: Fate, path: &str, bytes: &[u8], second: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut changed = bytes.to_vec();
    match fate {
        Fate::Kept => {}
        Fate::Missing => return None,
        Fate::FlippedBit => changed[bytes.len() / 2] ^= 1,
        Fate::Zeros => changed.fill(0),
        Fate::Cut => changed.truncate(bytes.len() / 2),
        Fate::Edited if path == CONFIG => {
            changed = String::from_utf8(changed).unwrap().replacen('{', "{\"my_own\":1,", 1).into();
        }
        Fate::Edited => changed.extend_from_slice(b"and mine"),
        Fate::OfTheSecond => changed = second?,
    }
    Some(changed)
}

/// Sets up a cache as the trial describes.
fn stage(scene: &Scene, trial: &Trial, home: &Path) {
    for path in files_below(scene.cache.path()) {
        let relative = path.strip_prefix(scene.cache.path()).unwrap();
        let is_private = relative.components().any(|part| part.as_os_str() == ".mlc-weights");
        if !path.is_dir() && (trial.has_receipt || !is_private) {
            fs::create_dir_all(home.join(relative).parent().unwrap()).unwrap();
            fs::copy(&path, home.join(relative)).unwrap();
        }
    }
    let entry = scene.entry(home);
    for (file, fate) in scene.first.files.iter().zip(trial.fates.iter().cycle()) {
        let second = scene.second.file(&file.path).map(local_hub::FixtureFile::bytes);
        match suffered(*fate, &file.path, &file.bytes(), second) {
            Some(bytes) => fs::write(entry.join(&file.path), bytes).unwrap(),
            None => fs::remove_file(entry.join(&file.path)).unwrap(),
        }
    }
    if trial.has_own {
        fs::write(entry.join("notes.txt"), "mine").unwrap();
    }
}

fn fate_of(scene: &Scene, trial: &Trial, path: &str) -> Fate {
    let mut files = scene.first.files.iter().zip(trial.fates.iter().cycle());
    *files.find(|(file, _)| file.path == path).unwrap().1
}

/// A configuration that cannot be distinguished from an edit: it may even belong to a commit that was never
/// in this cache.
fn may_be_edited(fate: Fate) -> bool {
    matches!(fate, Fate::Edited | Fate::OfTheSecond | Fate::FlippedBit)
}

/// Whether the entry has a file with this prefix and content.
fn is_kept(entry: &Path, name: &str, bytes: &[u8]) -> bool {
    files_below(entry).iter().any(|path| {
        path.strip_prefix(entry).unwrap().to_str().unwrap().starts_with(name)
            && fs::read(path).unwrap() == bytes
    })
}

async fn check(hub: &LocalHub, scene: &Scene, trial: &Trial) -> Result<(), TestCaseError> {
    let folder = temporary_folder();
    let (home, entry) = (folder.path(), scene.entry(folder.path()));
    stage(scene, trial, home);
    let edited = fs::read(entry.join(CONFIG)).unwrap_or_default();
    let downloader = downloader(hub, home);
    let asked = |repair: Option<Repair>| {
        let request: Request = format!("HF://{}", scene.id).parse().unwrap();
        match repair {
            Some(repair) => request.repair(repair),
            None => request,
        }
    };
    let model = downloader.download(asked(trial.repair)).await;
    let model: Model = model.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    if model.outcome == Outcome::Cached {
        return Ok(());
    }
    let report = verify(&downloader, scene.id);
    prop_assert!(report.is_sound(), "{report:?}");

    let is_first = model.commit.unwrap().to_string() == scene.first.commit;
    let (this, other) = if is_first { (&scene.first, &scene.second) } else { (&scene.second, &scene.first) };
    prop_assert_eq!(model.commit.unwrap().to_string(), this.commit.clone());
    for line in this.differences(&entry) {
        let (what, path) = line.split_once(": ").unwrap();
        let is_own_edit = path == CONFIG
            && is_first
            && trial.has_receipt
            && may_be_edited(fate_of(scene, trial, CONFIG))
            && trial.repair != Some(Repair::DamagedAndModified);
        match what {
            "differs" => prop_assert!(is_own_edit, "{}", line),
            "missing" => prop_assert!(false, "{}", line),
            _ if trial.has_receipt => {
                let of_other = other.file(path).map(local_hub::FixtureFile::bytes);
                prop_assert!(
                    of_other != Some(fs::read(entry.join(path)).unwrap()),
                    "of another commit: {}",
                    line
                );
            }
            // Without receipt and manifest, nothing distinguishes it from a user's file.
            _ if fate_of(scene, trial, "tensor-cache.json") != Fate::Kept => {}
            _ => prop_assert!(!path.ends_with(".bin"), "a shard of another commit: {}", line),
        }
    }
    if trial.has_own {
        prop_assert!(entry.join("notes.txt").exists());
    }
    if fate_of(scene, trial, CONFIG) == Fate::Edited && trial.repair != Some(Repair::DamagedAndModified) {
        prop_assert!(is_kept(&entry, CONFIG, &edited), "{:?}", files_below(&entry));
    }
    if fate_of(scene, trial, "README.md") == Fate::Edited && trial.repair.is_none() {
        let mut mine = scene.first.file("README.md").unwrap().bytes();
        mine.extend_from_slice(b"and mine");
        prop_assert!(is_kept(&entry, "README.md", &mine), "{:?}", files_below(&entry));
    }

    // A second repair changes nothing: it moves nothing aside, and loses nothing.
    let before: Vec<_> =
        files_below(&entry).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    prop_assert_eq!(downloader.download(asked(None)).await.unwrap().outcome, Outcome::Cached);
    let again = downloader.download(asked(Some(Repair::Damaged))).await;
    again.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    let after: Vec<_> =
        files_below(&entry).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    prop_assert_eq!(before, after);
    prop_assert!(verify(&downloader, scene.id).is_sound());
    Ok(())
}

/// 32 cases, or as set by `PROPTEST_CASES`.
#[test]
fn after_any_repair_a_directory_is_of_one_commit_and_verified() {
    let asked = Config::default();
    // proptest's default, if nothing was set.
    let cases = if asked.cases == 256 { 32 } else { asked.cases };
    let seed = match asked.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
    };
    println!("PROPTEST_RNG_SEED={seed}");
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..asked };
    let hub = LocalHub::start();
    let scene = |id, moves| Scene::new(&hub, id, moves);
    let scenes = [
        scene("mlc-ai/stays", Hub::Stays),
        scene("mlc-ai/moves-on", Hub::MovesOn),
        scene("mlc-ai/replaced", Hub::Replaces),
    ];
    let runtime = facade_runtime();
    let outcome = TestRunner::new(config)
        .run(&trials(), |trial| runtime.block_on(check(&hub, &scenes[trial.hub as usize], &trial)));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The hub no longer has the commit of an entry that lost a shard.
#[tokio::test]
async fn a_repair_across_commits_takes_the_plain_files_too() {
    for has_receipt in [true, false] {
        let [first, second] = commits("mlc-ai/tiny");
        let (world, first) = World::with(&first);
        let entry = if has_receipt {
            world.download(&first).await.unwrap().path
        } else {
            lay_out(&first, &world.home().join("model_weights"))
        };
        let second = world.hub.replace(&second);
        fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
        let edited = edit_config(&entry);
        let events = Recorded::default();
        let asked = request(&second).observer(events.clone());
        let model = world.downloader().download(asked).await.unwrap();
        assert_eq!(model.commit.unwrap().to_string(), second.commit);
        let differences = second.differences(&entry);
        assert!(differences.iter().all(|line| line.starts_with("not in the model: ")), "{differences:?}");
        assert_eq!(fs::read_to_string(entry.join("mlc-chat-config.json.own")).unwrap(), edited);
        assert_eq!(events.count(&["CarriedOver", "mlc-chat-config.json.own"]), 1);
        // A file that matches the receipt is not an edit.
        assert_eq!(entry.join("README.md.own").exists(), !has_receipt);
        assert_eq!(entry.join("first-only.txt").exists(), !has_receipt);
        assert!(!entry.join("params_shard_2.bin").exists(), "a shard of the first commit");
        assert!(verify(&world.downloader(), "mlc-ai/tiny").is_sound());
    }
}

/// A file that a repair kept as the user's edit counts as one in the following verification, and in the
/// next repair.
#[tokio::test]
async fn an_edit_is_recorded_at_the_repair() {
    let [first, _] = commits("mlc-ai/tiny");
    let (world, published) = World::with(&first);
    let entry = world.download(&published).await.unwrap().path;
    let edited = edit_config(&entry);
    fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    world.download(&published).await.unwrap();
    assert_eq!(published.differences(&entry), ["differs: mlc-chat-config.json"]);
    let receipt = world.private_files().into_iter().find(|path| path.ends_with("mlc-ai+tiny.json")).unwrap();
    assert!(fs::read_to_string(&receipt).unwrap().contains("\"edits\""));
    let report = verify(&world.downloader(), "mlc-ai/tiny");
    assert!(report.is_sound() && report.is_modified(), "{report:?}");
    assert_eq!(fs::read_to_string(entry.join(CONFIG)).unwrap(), edited);
}

/// The record alone makes another file than the configuration an edit. It stays in place.
#[tokio::test]
async fn a_recorded_file_is_an_edit() {
    let [first, _] = commits("mlc-ai/tiny");
    let (world, published) = World::with(&first);
    let entry = world.download(&published).await.unwrap().path;
    fs::write(entry.join("README.md"), "mine").unwrap();
    assert!(!verify(&world.downloader(), "mlc-ai/tiny").is_sound());
    let path = world.private_files().into_iter().find(|path| path.ends_with("mlc-ai+tiny.json")).unwrap();
    let mut receipt: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let digest = Sha256::digest("mine").iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    receipt["edits"] = serde_json::json!([{ "path": "README.md", "sha256": digest }]);
    fs::write(&path, receipt.to_string()).unwrap();
    let report = verify(&world.downloader(), "mlc-ai/tiny");
    assert!(report.is_sound() && report.is_modified(), "{report:?}");
    fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    world.download(&published).await.unwrap();
    assert_eq!(published.differences(&entry), ["differs: README.md"]);
    assert!(verify(&world.downloader(), "mlc-ai/tiny").is_sound());
    // Only the recorded content is an edit.
    fs::write(entry.join("README.md"), "more").unwrap();
    assert!(!verify(&world.downloader(), "mlc-ai/tiny").is_sound());
}

/// An edit that names a missing file cannot stay in place, since the model would never be whole.
#[tokio::test]
async fn an_edit_that_cannot_be_served_is_kept_beside() {
    let [first, _] = commits("mlc-ai/tiny");
    let (world, published) = World::with(&first);
    let entry = world.download(&published).await.unwrap().path;
    fs::write(entry.join(CONFIG), r#"{"tokenizer_files": ["my-own.json"]}"#).unwrap();
    world.download(&published).await.unwrap();
    assert_eq!(published.differences(&entry), ["not in the model: mlc-chat-config.json.own"]);
    assert!(verify(&world.downloader(), "mlc-ai/tiny").is_sound());
}
