//! A hub on this machine, for trying things out.

use std::path::Path;

use anyhow::Result;
use indicatif::DecimalBytes;

use crate::sample;
use crate::scratch::{interrupted, with_scratch};

const MODEL: &str = "mlc-ai/Sample-q4f16_1-MLC";

/// Runs a hub until Ctrl-C.
pub(crate) fn run() -> Result<()> {
    with_scratch(|scratch| async move {
        let hub = sample::start_hub(&scratch)?;
        let model = hub.try_publish(&sample::fixture(MODEL, 100))?;
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
