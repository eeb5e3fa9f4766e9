//! What a verification reports for each file, with and without a receipt.

use std::fs;
use std::ops::ControlFlow;

use facade::ErrorKind;
use facade::cache::{Basis, FileState, VerifyEvent, VerifyReport};
use local_hub::{Manifests, ModelFixture, PublishedModel, edit_config, flip_a_bit};

use crate::world::{World, files_below, lay_out};

/// The report on the only copy of `mlc-ai/tiny`.
fn verify(world: &World) -> VerifyReport {
    let mut reports = all(world);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn all(world: &World) -> Vec<VerifyReport> {
    let cache = world.downloader().cache();
    cache.verify(&"mlc-ai/tiny".parse().unwrap(), |_| ControlFlow::Continue(())).unwrap()
}

/// The files in these states, as `state path`.
fn in_states(report: &VerifyReport, states: &[&str]) -> Vec<String> {
    let wanted = report.files.iter().filter(|file| states.contains(&file.state.as_str()));
    wanted.map(|file| format!("{} {}", file.state.as_str(), file.path)).collect()
}

/// Every file that is not right.
fn not_ok(report: &VerifyReport) -> Vec<String> {
    in_states(report, &["modified", "corrupt", "missing", "unchecked", "extra"])
}

/// The detail reported for a file.
fn said(report: &VerifyReport, path: &str) -> String {
    match &report.files.iter().find(|file| file.path == path).unwrap().state {
        FileState::Corrupt { problem: words, .. } | FileState::Unchecked { reason: words, .. } => {
            words.clone()
        }
        other => format!("{other:?}"),
    }
}

async fn downloaded() -> (World, PublishedModel) {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    (world, published)
}

#[tokio::test]
async fn a_download_is_right_in_every_file() {
    let (world, published) = downloaded().await;
    let report = verify(&world);
    let Basis::Receipt { commit, .. } = report.basis else { panic!("{:?}", report.basis) };
    assert_eq!(commit.to_string(), published.commit);
    assert_eq!(report.path, world.entry(&published));
    assert_eq!(not_ok(&report), [""; 0]);
    assert_eq!(report.files.len(), published.files.len());
    assert_eq!(report.bytes_hashed, published.files.iter().map(|file| file.size).sum::<u64>());
    assert!(report.is_sound() && !report.is_modified());
}

#[tokio::test]
async fn an_old_model_with_a_manifest_of_both_names_is_right() {
    let fixture = ModelFixture::new("mlc-ai/tiny").manifests(Manifests::NdArrayCache);
    let (world, published) = World::with(&fixture);
    world.download(&published).await.unwrap();
    assert!(world.entry(&published).join("tensor-cache.json").exists());
    assert_eq!(not_ok(&verify(&world)), [""; 0]);
    flip_a_bit(&world.entry(&published).join("tensor-cache.json"));
    assert_eq!(not_ok(&verify(&world)), ["corrupt tensor-cache.json"]);
}

#[tokio::test]
async fn every_kind_of_damage_has_its_name() {
    let (world, published) = downloaded().await;
    let entry = world.entry(&published);
    flip_a_bit(&entry.join("params_shard_0.bin"));
    let pointer = published.file("params_shard_1.bin").unwrap().git_bytes();
    fs::write(entry.join("params_shard_1.bin"), pointer).unwrap();
    fs::remove_file(entry.join("params_shard_2.bin")).unwrap();
    flip_a_bit(&entry.join("tokenizer_config.json"));
    edit_config(&entry);
    fs::create_dir(entry.join("notes")).unwrap();
    fs::write(entry.join("notes/mine.txt"), "mine").unwrap();

    let report = verify(&world);

    assert_eq!(
        not_ok(&report),
        [
            "modified mlc-chat-config.json",
            "extra notes/mine.txt",
            "corrupt params_shard_0.bin",
            "corrupt params_shard_1.bin",
            "missing params_shard_2.bin",
            "corrupt tokenizer_config.json",
        ]
    );
    assert!(!report.is_sound() && report.is_modified());
    let right = &published.file("params_shard_0.bin").unwrap().sha256;
    assert!(said(&report, "params_shard_0.bin").contains(right), "{report:?}");
    assert_eq!(said(&report, "params_shard_1.bin"), "it is git-lfs pointer text");
}

#[tokio::test]
async fn only_a_valid_config_counts_as_modified() {
    let (world, published) = downloaded().await;
    let config = world.entry(&published).join("mlc-chat-config.json");
    for junk in ["", "{", "[]", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"] {
        fs::write(&config, junk).unwrap();
        assert_eq!(not_ok(&verify(&world)), ["corrupt mlc-chat-config.json"], "{junk:?}");
    }
    fs::write(&config, r#"{"tokenizer_files": ["my-own.json"]}"#).unwrap();
    let report = verify(&world);
    assert_eq!(not_ok(&report), ["modified mlc-chat-config.json", "missing my-own.json"]);
    fs::write(config.with_file_name("my-own.json"), "{}").unwrap();
    assert_eq!(not_ok(&verify(&world)), ["modified mlc-chat-config.json", "unchecked my-own.json"]);
}

#[tokio::test]
async fn without_a_receipt_the_manifest_knows_of_shards_only() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    let before = files_below(&world.home());
    let report = verify(&world);
    assert_eq!(report.basis, Basis::Manifest);
    let shards: Vec<_> = published.shards().map(|shard| format!("ok {}", shard.path)).collect();
    assert_eq!(in_states(&report, &["ok"]), shards);
    let others = published.files.iter().filter(|file| !file.is_shard);
    let others: Vec<_> = others.map(|file| format!("unchecked {}", file.path)).collect();
    assert_eq!(not_ok(&report), others);
    assert!(said(&report, "tokenizer.json").contains("no receipt"), "{report:?}");
    assert!(report.is_sound());

    flip_a_bit(&entry.join("params_shard_0.bin"));
    fs::write(entry.join("tokenizer.json"), published.lfs_files().next().unwrap().git_bytes()).unwrap();
    fs::write(entry.join("mlc-chat-config.json"), r#"{"tokenizer_files": ["tokenizer.json", "gone"]}"#)
        .unwrap();
    let report = verify(&world);
    assert_eq!(
        in_states(&report, &["corrupt", "missing"]),
        ["missing gone", "corrupt params_shard_0.bin", "corrupt tokenizer.json"]
    );
    let after = files_below(&world.home());
    assert_eq!(after, before, "a verification writes nothing");
}

#[tokio::test]
async fn a_manifest_without_digests_checks_sizes_and_says_so() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny").without_md5());
    let entry = lay_out(&published, &world.home().join("model_weights"));
    let report = verify(&world);
    assert_eq!(in_states(&report, &["ok"]), [""; 0]);
    assert!(said(&report, "params_shard_0.bin").contains("no digest"), "{report:?}");
    fs::write(entry.join("params_shard_0.bin"), "short").unwrap();
    assert_eq!(in_states(&verify(&world), &["corrupt"]), ["corrupt params_shard_0.bin"]);
}

#[tokio::test]
async fn without_a_manifest_nothing_can_be_verified() {
    let (world, published) = downloaded().await;
    let manifest = world.entry(&published).join("tensor-cache.json");
    for (junk, state) in [(Some("{}"), "corrupt"), (Some("not json"), "corrupt"), (None, "missing")] {
        match junk {
            Some(junk) => fs::write(&manifest, junk).unwrap(),
            None => fs::remove_file(&manifest).unwrap(),
        }
        let report = verify(&world);
        assert_eq!(report.basis, Basis::Nothing);
        assert_eq!(in_states(&report, &["corrupt", "missing"]), [format!("{state} tensor-cache.json")]);
        assert!(!report.is_sound());
    }
}

#[tokio::test]
async fn every_copy_is_verified() {
    let (world, published) = downloaded().await;
    let tier = world.beside("tier");
    let copy = lay_out(&published, &tier);
    flip_a_bit(&copy.join("params_shard_0.bin"));
    let cache = world.builder().read_only([&tier]).build().unwrap().cache();
    let reports = cache.verify(&"mlc-ai/tiny".parse().unwrap(), |_| ControlFlow::Continue(())).unwrap();
    let sound: Vec<_> =
        reports.iter().map(|report| (report.tier.is_read_only(), report.is_sound())).collect();
    assert_eq!(sound, [(true, false), (false, true)]);
}

#[tokio::test]
async fn the_observer_is_told_about_every_file_and_can_stop() {
    let (world, published) = downloaded().await;
    let cache = world.downloader().cache();
    let model = "mlc-ai/tiny".parse().unwrap();
    let (mut planned, mut checked) = ((0, 0), (0, 0));
    let reports = cache
        .verify(&model, |event| {
            match event {
                VerifyEvent::Began { files, bytes, .. } => planned = (*files, *bytes),
                VerifyEvent::Checked { size, .. } => checked = (checked.0 + 1, checked.1 + size),
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(planned, (published.files.len(), reports[0].bytes_hashed));
    assert_eq!(planned, checked);

    for ends_at in 1..4 {
        let mut events = 0;
        let error = cache
            .verify(&model, |_| {
                events += 1;
                if events == ends_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap_err();
        assert_eq!((error.kind(), events), (ErrorKind::Cancelled, ends_at));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn hostile_objects_in_place_of_files_are_handled() {
    use std::os::unix::fs::symlink;
    let (world, published) = downloaded().await;
    let entry = world.entry(&published);
    for name in ["params_shard_0.bin", "params_shard_1.bin", "params_shard_2.bin", "tokenizer.json"] {
        fs::remove_file(entry.join(name)).unwrap();
    }
    fs::create_dir(entry.join("params_shard_0.bin")).unwrap();
    symlink("params_shard_1.bin", entry.join("params_shard_1.bin")).unwrap();
    symlink("nowhere", entry.join("params_shard_2.bin")).unwrap();
    // Opening it would block forever.
    let fifo = std::process::Command::new("mkfifo").arg(entry.join("tokenizer.json")).status().unwrap();
    assert!(fifo.success());
    symlink(&entry, entry.join("loop")).unwrap();
    let report = verify(&world);
    assert_eq!(
        not_ok(&report),
        [
            "extra loop",
            "corrupt params_shard_0.bin",
            "corrupt params_shard_1.bin",
            "missing params_shard_2.bin",
            "corrupt tokenizer.json",
        ]
    );
}

#[tokio::test]
async fn the_fields_of_the_verifications_document() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(1, 1000));
    world.download(&published).await.unwrap();
    fs::write(world.entry(&published).join("params_shard_0.bin"), "short").unwrap();
    let report = verify(&world);
    let mut files: Vec<_> = published
        .files
        .iter()
        .map(|file| serde_json::json!({ "path": file.path, "state": "ok", "detail": null }))
        .collect();
    let shard = published.files.iter().position(|file| file.is_shard).unwrap();
    files[shard] = serde_json::json!({
        "path": "params_shard_0.bin", "state": "corrupt", "detail": "it has 5 bytes, expected 1000" });
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        serde_json::json!({
            "model": "mlc-ai/tiny",
            "revision": null,
            "path": world.entry(&published).to_str().unwrap(),
            "tier": world.home().join("model_weights").to_str().unwrap(),
            "read_only": false,
            "basis": "receipt",
            "commit": published.commit,
            "proof": "git",
            "sound": false,
            "bytes_hashed": report.bytes_hashed,
            "files": files,
        })
    );
}
