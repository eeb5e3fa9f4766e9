//! An observer: an application that draws its own progress.
//!
//! ```text
//! cargo run -p mlc-weights-facade --example progress -- HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the example shows progress and its result")]

use std::sync::atomic::{AtomicU64, Ordering};

use facade::{Downloader, Event, FetchEvent, Observer, Request};

/// Counts bytes, and prints a line for what a person would want to know.
///
/// Events come from the threads that do the work, so an observer only takes note. One that draws would keep
/// numbers like these and let a timer of its own look at them.
#[derive(Default)]
struct Counter {
    /// The sizes of all files.
    planned: AtomicU64,
    /// What is there of them.
    there: AtomicU64,
}

impl Observer for Counter {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::WaitingForLock { holder: Some(holder) } => eprintln!("waiting for {holder}"),
            Event::WaitingForLock { holder: None } => eprintln!("waiting for another download"),
            Event::Metadata { model } => eprintln!("asking the hub what {model} holds"),
            Event::Commit { commit, .. } => eprintln!("it is at commit {commit}"),
            Event::Reused { files, bytes } => eprintln!("{files} files of {bytes} bytes are there already"),
            Event::Fetch(event) => self.count(event),
            Event::Publishing { path } => eprintln!("moving into {}", path.display()),
            // There are more events, and there will be others.
            _ => {}
        }
    }
}

impl Counter {
    fn count(&self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { files, bytes, .. } => {
                self.planned.fetch_add(*bytes, Ordering::Relaxed);
                eprintln!("{files} files of {bytes} bytes are to be fetched");
            }
            FetchEvent::Resumed { bytes, .. } | FetchEvent::Received { bytes, .. } => {
                self.there.fetch_add(*bytes, Ordering::Relaxed);
            }
            FetchEvent::Discarded { bytes, .. } => {
                self.there.fetch_sub(*bytes, Ordering::Relaxed);
            }
            FetchEvent::Retrying { file, delay, cause, .. } => {
                eprintln!("{file}: {cause}; again in {:.1} s", delay.as_secs_f64());
            }
            FetchEvent::Verified { file, .. } => {
                let (there, planned) = (&self.there, &self.planned);
                let (there, planned) = (there.load(Ordering::Relaxed), planned.load(Ordering::Relaxed));
                eprintln!("{file} is verified; {there} of {planned} bytes");
            }
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), facade::Error> {
    let url = std::env::args().nth(1).unwrap_or("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".to_owned());
    let request = url.parse::<Request>()?.observer(Counter::default());
    let model = Downloader::from_env()?.download(request).await?;
    println!("{}", model.path.display());
    Ok(())
}
