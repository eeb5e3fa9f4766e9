//! `mlc-weights path`: where a cached model is.

use std::path::PathBuf;

use facade::cache::PassedOver;
use facade::env::Settings;
use facade::{CachePolicy, Downloader, DownloaderBuilder, Error, Request};

use crate::arguments::{Path, ProgressForm};
use crate::exit::{Failure, Miss};
use crate::named::{self, similar_to};
use crate::output::print_path;
use crate::progress::{Display, Progress, Screen};

/// Prints the directory of a cached model. Sets up no runtime, no HTTP client and no git library.
pub(crate) fn run(arguments: &Path, screen: Screen) -> Result<(), Failure> {
    let settings = Settings::from_env()?;
    let request = named::request(&arguments.model, &settings.endpoint)?;
    let request = named::at(arguments.revision.as_ref(), request);
    let display = Display::choose(ProgressForm::Plain, screen);
    // Whatever the policy: this command never downloads. A forced download is not meant either.
    let request = request.policy(CachePolicy::Off).force(false);
    let (_, request) = Progress::of(request, display);
    let mut builder = DownloaderBuilder::from_settings(settings);
    if arguments.require_proof {
        builder = builder.require_proof(true);
    }
    let downloader = builder.build()?;
    match downloader.cached(&request) {
        Ok(Some(model)) => print_path(&model.path),
        Ok(None) => Err(miss(&downloader, &request, Vec::new(), Vec::new())),
        Err(Error::NotCached { looked_in, passed_over, .. }) => {
            Err(miss(&downloader, &request, looked_in, passed_over))
        }
        Err(error) => Err(error.into()),
    }
}

fn miss(
    downloader: &Downloader,
    request: &Request,
    looked_in: Vec<PathBuf>,
    passed_over: Vec<PassedOver>,
) -> Failure {
    let model = request.model().clone();
    let similar = similar_to(&model, &downloader.cache());
    Failure::NotInCache(Miss { model, looked_in, passed_over, similar })
}
