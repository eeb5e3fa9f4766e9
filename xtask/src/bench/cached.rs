//! Models that are in a cache already, without any bytes: their files have the right sizes and no content.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use facade::{Cache, Downloader};
use serde_json::{Value, json};
use shard_fetch::digest_file;

/// A model as it is laid out.
pub(super) struct Layout {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
    /// Path and size of each of the other files.
    pub(super) files: Vec<(String, u64)>,
}

/// A cache that is laid out.
pub(super) struct Laid {
    home: PathBuf,
}

impl Laid {
    pub(super) fn new(home: &Path) -> Self {
        Self { home: home.to_path_buf() }
    }

    pub(super) fn downloader(&self) -> Result<Downloader> {
        Ok(Downloader::builder(&self.home).build()?)
    }

    pub(super) fn cache(&self) -> Result<Cache> {
        Ok(self.downloader()?.cache())
    }

    /// Where the receipts are.
    pub(super) fn receipts(&self) -> PathBuf {
        self.home.join("model_weights/.mlc-weights/receipts")
    }

    /// Puts a model where a download would have put it.
    pub(super) fn model(&self, user: &str, repo: &str, layout: &Layout) -> Result<PathBuf> {
        let folder = self.home.join("model_weights/hf").join(user).join(repo);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("tensor-cache.json"), &layout.manifest)?;
        fs::write(folder.join("mlc-chat-config.json"), &layout.config)?;
        for (path, size) in &layout.files {
            let path = folder.join(path);
            let file = fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
            file.set_len(*size)?;
        }
        Ok(folder)
    }

    /// Writes the receipt that a download would have written.
    pub(super) fn receipt(&self, user: &str, repo: &str, layout: &Layout) -> Result<()> {
        let folder = self.home.join("model_weights/hf").join(user).join(repo);
        let manifest = digest_file(&folder.join("tensor-cache.json"))?.sha256.context("no digest")?;
        let known = [("tensor-cache.json", &layout.manifest), ("mlc-chat-config.json", &layout.config)];
        let small = known.map(|(path, bytes)| (path.to_owned(), bytes.len() as u64));
        let files: Vec<Value> = small
            .into_iter()
            .chain(layout.files.iter().cloned())
            .map(|(path, size)| json!({ "path": path, "size": size, "sha256": manifest.to_string(), "md5": "0".repeat(32) }))
            .collect();
        let receipt = json!({ "version": 1, "commit": "1".repeat(40), "manifest_sha256": manifest.to_string(),
            "made": 1_700_000_000, "files": files, "lacking": [] });
        fs::create_dir_all(self.receipts())?;
        fs::write(self.receipts().join(format!("{user}+{repo}.json")), receipt.to_string())?;
        Ok(())
    }
}

/// The real ReaderLM-v2, as its repository has it.
pub(super) fn reader_lm(root: &Path) -> Result<Layout> {
    let data = root.join("tests/data/manifests");
    let read = |name: &str| {
        let path = data.join(name);
        fs::read(&path).with_context(|| format!("reading {}", path.display()))
    };
    let manifest = read("ReaderLM-v2.tensor-cache.json")?;
    let config = read("ReaderLM-v2.mlc-chat-config.json")?;
    let mut files = shards(&manifest)?;
    let named: Value = serde_json::from_slice(&config)?;
    let tokenizer = named["tokenizer_files"].as_array().cloned().unwrap_or_default();
    files.extend(tokenizer.iter().filter_map(Value::as_str).map(|path| (path.to_owned(), 1 << 20)));
    Ok(Layout { manifest, config, files })
}

/// A model with so many shards, each of which holds three tensors, as large models have them.
pub(super) fn of_shards(count: usize) -> Result<Layout> {
    let record = |index: usize| {
        let tensor = |name: &str, offset: usize| {
            json!({ "name": format!("model.layers.{index}.mlp.{name}"), "shape": [8192, 1024],
                "dtype": "uint32", "format": "f32-to-bf16", "nbytes": 33_554_432, "byteOffset": offset })
        };
        json!({ "dataPath": format!("params_shard_{index}.bin"), "format": "raw-shard", "nbytes": 100_663_296,
            "records": [tensor("gate_up_proj.q_weight", 0), tensor("gate_up_proj.q_scale", 33_554_432),
                tensor("down_proj.q_weight", 67_108_864)],
            "md5sum": format!("{index:032x}") })
    };
    let records: Vec<Value> = (0..count).map(record).collect();
    let manifest = json!({ "metadata": { "ParamSize": 3 * count }, "records": records });
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    let config = serde_json::to_vec(&json!({ "model_type": "llama", "tokenizer_files": [] }))?;
    let files = shards(&manifest)?;
    ensure!(files.len() == count, "a manifest of {count} shards has {}", files.len());
    Ok(Layout { manifest, config, files })
}

fn shards(manifest: &[u8]) -> Result<Vec<(String, u64)>> {
    let manifest = shard_fetch::Manifest::parse(manifest, "tensor-cache.json")?;
    Ok(manifest.records().iter().map(|record| (record.path.to_string(), record.nbytes)).collect())
}
