//! For tests/fuzz: the parsers that are not public. No clock, no I/O.

use url_parse::Url;

use crate::Secrets;
use crate::redirect;

/// Where `location` leads from `from`: the URL, or the words that say why nowhere.
///
/// # Errors
/// The location must not be followed.
pub fn redirect(from: &Url, location: &[u8]) -> Result<Url, String> {
    redirect::target(from, Some(location), &Secrets::default()).map_err(|error| error.to_string())
}
