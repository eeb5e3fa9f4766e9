//! The first usage: a model's directory, with the environment's settings and default concurrency.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example download -- HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
//! ```

#![expect(clippy::print_stdout, reason = "the example shows its result")]

#[tokio::main]
async fn main() -> Result<(), facade::Error> {
    let url = std::env::args().nth(1).unwrap_or("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".to_owned());
    let directory = facade::download_and_cache_mlc_weights(&url, None, None).await?;
    println!("{}", directory.display());
    Ok(())
}
