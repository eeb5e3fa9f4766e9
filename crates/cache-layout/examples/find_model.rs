//! Finds a model in MLC-LLM's cache using only the crates `url-parse` and `cache-layout`: no network,
//! no async runtime.
//!
//! ```text
//! cargo run -p mlc-weights-cache-layout --example find_model -- ~/.cache/mlc_llm HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
//! ```
//!
//! Folders given after the model are searched first, as read-only tiers.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the example shows its result")]

use std::error::Error;
use std::path::{Path, PathBuf};

use cache_layout::{CacheConfig, CacheLayout, Completeness};
use url_parse::ModelUrl;

/// The application decides what counts as a whole model. This is the rule of MLC-LLM's Python code for
/// read-only tiers; `shard_fetch::inspect_model_dir` has a stricter one that checks every shard.
fn inspect(directory: &Path) -> Completeness {
    match (directory.is_dir(), directory.join("mlc-chat-config.json").is_file()) {
        (_, true) => Completeness::Whole,
        (true, false) => Completeness::Incomplete { missing: vec!["mlc-chat-config.json".to_owned()] },
        (false, false) => Completeness::Absent,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(home), Some(url)) = (arguments.next(), arguments.next()) else {
        return Err("usage: find_model CACHE MODEL [READ_ONLY_TIER…]".into());
    };
    let url: ModelUrl = url.parse()?;
    let mut config = CacheConfig::new(home);
    config.read_only = arguments.map(PathBuf::from).collect();
    let layout = CacheLayout::new(config)?;

    let found = layout.look_up(&layout.slot(url.model()), &inspect)?;
    found.passed_over.iter().for_each(|entry| eprintln!("passed over: {entry}"));
    let hit = found.hit.ok_or_else(|| format!("{url} is in none of {:?}", found.looked_in))?;
    println!("{}", hit.path.display());
    Ok(())
}
