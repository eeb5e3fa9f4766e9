//! Runs the main job on a built-in hub: no internet, no configuration. The demo checks its claims, and
//! fails if one does not hold.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use facade::words::duration;
use facade::{Downloader, Endpoint, ErrorKind, Model, Outcome, Request};
use indicatif::DecimalBytes;
use local_hub::{Fault, FaultTarget, LocalHub, PublishedModel, Times, with_scratch};

use crate::bar::Bar;
use crate::sample;

const REAL_MODEL: &str = "HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC";

/// Runs the demo; leaves nothing behind.
pub(crate) fn run() -> Result<()> {
    with_scratch(|scratch| async move {
        show(&scratch, 2).await?;
        println!("\nA real model, from huggingface.co into your own cache:");
        println!("  cargo run --release -p mlc-weights -- download {REAL_MODEL}");
        Ok(())
    })
}

/// Runs all steps with a model `divisor` times smaller than the real one.
async fn show(scratch: &Path, divisor: u64) -> Result<()> {
    let stage = Demo::prepare(scratch, divisor)?;
    let model = stage.download().await?;
    stage.ask_again(&model).await?;
    stage.show_directory(&model)?;
    stage.catch_corruption(&model).await
}

/// The hub, its models, and a downloader with an empty cache.
struct Demo {
    hub: LocalHub,
    whole: PublishedModel,
    damaged: PublishedModel,
    downloader: Downloader,
}

impl Demo {
    fn prepare(scratch: &Path, divisor: u64) -> Result<Self> {
        let hub = sample::start_hub(scratch, None)?;
        println!("A hub on this machine: real git, the hub's redirects, a data host of its own");
        let whole = hub.try_publish(&sample::fixture("mlc-ai/Sample-q4f16_1-MLC", divisor))?;
        let damaged = sample::fixture("mlc-ai/Damaged-q4f16_1-MLC", divisor.max(50)).seed(1);
        let damaged = hub.try_publish(&damaged)?;
        let endpoint: Endpoint = hub.endpoint().parse()?;
        println!(
            "  {endpoint} has {} with {} shards, {}",
            whole.url,
            whole.shards().count(),
            DecimalBytes(sample::size(&whole))
        );
        let downloader = Downloader::builder(scratch.join("home")).endpoint(endpoint).build()?;
        Ok(Self { hub, whole, damaged, downloader })
    }

    async fn download(&self) -> Result<Model> {
        println!("\nDownloading it:");
        let (bar, start) = (Bar::new(), Instant::now());
        let request: Request = self.whole.url.parse()?;
        let outcome = self.downloader.download(request.observer(bar.clone())).await;
        bar.clear();
        let model = outcome?;
        let took = duration(start.elapsed());
        let Outcome::Downloaded { bytes_received, .. } = model.outcome else {
            bail!("the cache was not empty")
        };
        println!("  {} in {took}, every file verified while it was written", DecimalBytes(bytes_received));
        let log = self.hub.log();
        println!(
            "  requests: {} for git, {} for the files' locations, {} for their bytes",
            log.git().count(),
            log.resolve().count(),
            log.data().count()
        );
        Ok(model)
    }

    async fn ask_again(&self, first: &Model) -> Result<()> {
        println!("\nAsking for it again:");
        let (requests, start) = (self.hub.log().from_now(), Instant::now());
        let model = self.downloader.download(self.whole.url.parse()?).await?;
        let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
        ensure!(
            model.outcome == Outcome::Cached && model.path == first.path,
            "it was not taken from the cache"
        );
        ensure!(requests.is_empty(), "the hub was asked {} times", requests.count());
        println!("  from the cache in {milliseconds:.1} ms; requests to the hub: 0");
        Ok(())
    }

    fn show_directory(&self, model: &Model) -> Result<()> {
        println!("\nThe directory, as MLC-LLM reads it: {}", model.path.display());
        let differences = self.whole.differences(&model.path);
        ensure!(differences.is_empty(), "it is not what the hub has:\n{}", differences.join("\n"));
        let is_shard = |name: &str| self.whole.file(name).is_some_and(|file| file.is_shard);
        let (shards, others): (Vec<_>, Vec<_>) =
            list(&model.path)?.into_iter().partition(|(name, _)| is_shard(name));
        for (name, size) in others {
            println!("  {:>9}  {name}", DecimalBytes(size).to_string());
        }
        let bytes = shards.iter().map(|(_, size)| size).sum();
        println!("  {:>9}  in {} shards, params_shard_*.bin", DecimalBytes(bytes).to_string(), shards.len());
        println!("  all compared byte for byte with what the hub has");
        Ok(())
    }

    async fn catch_corruption(&self, good: &Model) -> Result<()> {
        println!("\nA model of which the data host always sends one shard with one bit flipped:");
        self.hub.fault(FaultTarget::data("params_shard_5.bin"), Fault::Corrupt { at: 1000 }, Times::Forever);
        let request: Request = self.damaged.url.parse()?;
        let error = match self.downloader.download(request.clone()).await {
            Ok(model) => bail!("{} was handed out", model.path.display()),
            Err(error) => error,
        };
        ensure!(
            error.kind() == ErrorKind::Integrity,
            "another error was expected: {:#}",
            anyhow::Error::new(error)
        );
        println!("  refused: {:#}", anyhow::Error::new(error));
        let beside = good.path.parent().context("the model's directory has no parent")?;
        let visible: Vec<String> = list(beside)?.into_iter().map(|(name, _)| name).collect();
        ensure!(visible == [self.whole.repo.as_str()], "the cache shows {}", visible.join(", "));
        ensure!(self.downloader.cached(&request)?.is_none(), "the cache takes it for whole");
        println!("  the cache still shows only {}", visible.join(", "));
        Ok(())
    }
}

/// The entries of a directory, with their sizes, by name.
fn list(directory: &Path) -> Result<Vec<(String, u64)>> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("listing {}", directory.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_holds() {
        with_scratch(|scratch| async move { show(&scratch, 1000).await }).unwrap();
    }
}
