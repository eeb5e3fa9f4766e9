//! The second usage: fetch eight shards at a time, and download again even if the cache has the model.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example download_again -- HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
//! ```

#![expect(clippy::print_stdout, reason = "the example shows its result")]

use facade::ErrorKind;

#[tokio::main]
async fn main() -> Result<(), facade::Error> {
    let url = std::env::args().nth(1).unwrap_or("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".to_owned());
    match facade::download_and_cache_mlc_weights(&url, Some(8), Some(true)).await {
        Ok(directory) => println!("{}", directory.display()),
        Err(error) if error.kind() == ErrorKind::NotCached => println!("downloads are switched off: {error}"),
        Err(error) => return Err(error),
    }
    Ok(())
}
