//! An application that draws its own progress bar.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example progress -- HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the example shows progress and its result")]

use std::time::Duration;

use facade::words::size;
use facade::{Downloader, Progress, Request};

#[tokio::main]
async fn main() -> Result<(), facade::Error> {
    let url = std::env::args().nth(1).unwrap_or("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".to_owned());
    let progress = Progress::new();
    let request = Request::try_from(url.as_str())?.observer(progress.clone());
    let downloader = Downloader::from_env()?;
    let mut download = std::pin::pin!(downloader.download(request));
    let outcome = loop {
        let outcome = tokio::time::timeout(Duration::from_millis(100), &mut download).await;
        let seen = progress.snapshot();
        let done = usize::try_from(30 * seen.bytes_done / seen.bytes.max(1)).unwrap_or(30);
        eprint!("\r[{:30}] {} of {}", "#".repeat(done), size(seen.bytes_done), size(seen.bytes));
        if let Ok(outcome) = outcome {
            break outcome;
        }
    };
    eprintln!();
    println!("{}", outcome?.path.display());
    Ok(())
}
