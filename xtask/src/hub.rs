//! A hub on this machine, for manual experiments.

mod check;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use indicatif::DecimalBytes;
use local_hub::{Fault, FaultTarget, LocalHub, Times, interrupted, with_scratch};

use crate::sample;

const MODEL: &str = "mlc-ai/Sample-q4f16_1-MLC";

/// Properties of the hub.
#[derive(Args, Clone)]
pub(crate) struct HubOptions {
    /// How many times smaller the model is than the real one of 869 MB
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..))]
    smaller: u64,
    /// The maximum bytes per second for each connection (Linux only)
    #[arg(long, value_name = "KB")]
    pace: Option<u64>,
    /// Cause failures: an overloaded hub, a limit, a silent host, a broken connection, wrong bytes
    #[arg(long)]
    trouble: bool,
    /// Download with the Hugging Face hub's own client instead, and compare the result with what was
    /// served; needs a Python that has `huggingface_hub`
    #[arg(long, value_name = "PYTHON", num_args = 0..=1, default_missing_value = "python3")]
    check: Option<PathBuf>,
}

/// Runs a hub until Ctrl-C.
pub(crate) fn run(options: &HubOptions) -> Result<()> {
    if let Some(python) = &options.check {
        return check::run(python);
    }
    let options = options.clone();
    with_scratch(|scratch| async move {
        let hub = sample::start_hub(&scratch, options.pace.map(|kilobytes| kilobytes.saturating_mul(1000)))?;
        let model = hub.try_publish(&sample::fixture(MODEL, options.smaller))?;
        if options.trouble {
            make_trouble(&hub);
        }
        let shards = model.shards().count();
        println!(
            "A hub with the model {} ({shards} shards, {}) runs here.",
            model.url,
            DecimalBytes(sample::size(&model))
        );
        println!("{}", instructions(&hub.endpoint(), &model.url, &scratch));
        interrupted().await;
        println!("{} requests were answered.", hub.log().count());
        Ok(())
    })
}

/// One of each kind of failure that a download survives.
fn make_trouble(hub: &LocalHub) {
    let shard = |number: u32| FaultTarget::data(&format!("params_shard_{number}.bin"));
    hub.fault(FaultTarget::info_refs(""), Fault::retry_after(503, "4"), Times::Once);
    hub.fault(shard(3), Fault::Corrupt { at: 1000 }, Times::Once);
    hub.fault(shard(6), Fault::Reset { after: 100_000 }, Times::Once);
    hub.fault(shard(9), Fault::Stall { after: 50_000 }, Times::Once);
    hub.fault(FaultTarget::resolve("params_shard_15.bin"), Fault::rate_limited(8), Times::Once);
}

fn instructions(endpoint: &str, url: &str, scratch: &Path) -> String {
    let home = scratch.join("home");
    let home = home.display();
    format!(
        "
In another terminal:

  export HF_ENDPOINT={endpoint}
  export MLC_LLM_HOME={home}

  cargo run -p mlc-weights -- download {url}
  cargo run -p mlc-weights -- path {url}
  git clone --depth 1 $HF_ENDPOINT/{MODEL} /tmp/sample
  curl -sI $HF_ENDPOINT/{MODEL}/resolve/main/params_shard_0.bin

Ctrl-C ends it and removes the hub's files and that MLC_LLM_HOME."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_name_hub_and_model() {
        let text = instructions("http://127.0.0.1:1", "HF://a/b", Path::new("scratch"));
        assert!(text.contains("export HF_ENDPOINT=http://127.0.0.1:1\n"), "{text}");
        assert!(text.contains("mlc-weights -- download HF://a/b\n"), "{text}");
    }
}
