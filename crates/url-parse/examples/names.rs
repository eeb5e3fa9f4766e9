//! Parsing names with the crate `url-parse` alone: from a model's URL to those of its files.
//!
//! ```text
//! cargo run -p mlc-weights-url-parse --example names -- HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC mlc-chat-config.json
//! ```

#![expect(clippy::print_stdout, reason = "the example shows its result")]

use url_parse::{CommitId, Endpoint, ModelUrl, RepoPath};

fn main() -> Result<(), url_parse::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument =
        |place: usize, default: &str| arguments.get(place).map_or(default, String::as_str).to_owned();
    let url: ModelUrl = argument(0, "HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC").parse()?;
    let file: RepoPath = argument(1, "params_shard_0.bin").parse()?;
    let commit: CommitId = argument(2, "0123456789abcdef0123456789abcdef01234567").parse()?;

    // From here on everything is known to be safe to build a path or a URL from.
    println!("user    {}", url.id().user());
    println!("repo    {}", url.id().repo());
    println!("file    {}", Endpoint::default().resolve_url(url.id(), &commit, &file));
    Ok(())
}
