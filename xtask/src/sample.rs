//! Models for the local hub, shaped like a real one.

use std::path::Path;

use anyhow::{Context as _, Result};
use local_hub::{Git, LocalHub, Manifests, ModelFixture, PublishedModel};

/// The manifest of a public model of 869 MB: 30 shards with their names, order and records.
const MANIFEST: &str = include_str!("../../tests/data/manifests/ReaderLM-v2.tensor-cache.json");
const CONFIG: &str = include_str!("../../tests/data/manifests/ReaderLM-v2.mlc-chat-config.json");

/// A model with the shards of a real one, each `divisor` times smaller, and the files around them.
pub(crate) fn fixture(id: &str, divisor: u64) -> ModelFixture {
    ModelFixture::new(id)
        .real_manifest(Manifests::TensorCache, MANIFEST, divisor)
        .config_bytes(CONFIG)
        .random_lfs_file("tokenizer.json", 7_000_000 / divisor)
        .plain_file("vocab.json", "{}\n")
        .plain_file("added_tokens.json", "{}\n")
        .plain_file("merges.txt", "#version: 0.2\n")
}

/// A hub that keeps its files in `folder`, and sends at most `pace` bytes per second over each connection.
/// If git or its HTTP server is missing, the error says so.
/// server, is.
pub(crate) fn start_hub(folder: &Path, pace: Option<u64>) -> Result<LocalHub> {
    Git::isolated(folder).context("this task runs a hub on this machine, with real git behind it")?;
    let hub = LocalHub::builder().files_in(folder);
    pace.map_or(hub.clone(), |pace| hub.pace(pace)).try_start()
}

/// The size of a model in the cache.
pub(crate) fn size(model: &PublishedModel) -> u64 {
    model.files.iter().map(|file| file.size).sum()
}
