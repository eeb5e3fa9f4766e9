//! The main job with a real hub.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use facade::env::Settings;
use facade::words::duration;
use facade::{CachePolicy, Downloader, DownloaderBuilder, ModelRef, Outcome, Request};
use indicatif::DecimalBytes;
use local_hub::with_scratch;

use crate::bar::Bar;

/// Downloads `model` with the endpoint, token and proxies of the environment, and requests it once more.
pub(crate) fn run(model: &ModelRef) -> Result<()> {
    let settings = Settings::from_env()?;
    println!("{model} from {}", settings.endpoint);
    with_scratch(|scratch| async move {
        let downloader = DownloaderBuilder::from_settings(settings)
            .home(&*scratch)
            .read_only(Vec::<PathBuf>::new())
            .policy(CachePolicy::On)
            .build()?;
        download(&downloader, model).await
    })
}

async fn download(downloader: &Downloader, url: &ModelRef) -> Result<()> {
    let (bar, start) = (Bar::new(), Instant::now());
    let outcome = downloader.download(Request::new(url.clone()).observer(bar.clone())).await;
    bar.clear();
    let model = outcome?;
    let took = duration(start.elapsed());
    if let Some(commit) = model.commit {
        println!("  commit {commit}");
    }
    if let Outcome::Downloaded { bytes_received, .. } = model.outcome {
        println!("  {} in {took}, every file verified", DecimalBytes(bytes_received));
    }
    let start = Instant::now();
    let again = downloader.download(Request::new(url.clone())).await?;
    ensure!(
        again.outcome == Outcome::Cached && again.path == model.path,
        "asked again, it was not in the cache"
    );
    println!("  asked again: from the cache in {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_model_is_downloaded_and_found_again() {
        with_scratch(|scratch| async move {
            let hub = sample::start_hub(&scratch, None)?;
            let model = hub.try_publish(&sample::fixture("mlc-ai/Small", 1000))?;
            let downloader =
                Downloader::builder(scratch.join("home")).endpoint(hub.endpoint().parse()?).build()?;
            download(&downloader, model.url.parse::<facade::ModelUrl>()?.model()).await?;
            ensure!(hub.log().resolve().count() == model.lfs_files().count());
            Ok(())
        })
        .unwrap();
    }
}
