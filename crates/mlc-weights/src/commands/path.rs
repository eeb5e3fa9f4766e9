//! `mlc-weights path`: where a cached model is.

use facade::{Builder, CachePolicy, Request};

use super::print_path;
use crate::arguments::Path;
use crate::exit::Failure;

/// Prints the directory of a cached model. Sets up no runtime, no HTTP client and no git library.
pub(crate) fn run(arguments: &Path) -> Result<(), Failure> {
    let request: Request = arguments.model.parse()?;
    // Whatever the policy: this command never downloads. A forced download is not meant either.
    let request = request.policy(CachePolicy::Off).force(Some(false));
    let downloader = Builder::from_env()?.build()?;
    match downloader.cached(&request)? {
        Some(model) => print_path(&model.path),
        None => Ok(()),
    }
}
