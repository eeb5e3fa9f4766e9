//! For tests/fuzz: the parsers that are not public. No clock, no I/O.

use bytes::Bytes;
use url_parse::Url;

use crate::Secrets;
use crate::coding::Gunzip;
use crate::redirect;

/// Where `location` leads from `from`: the URL, or the words that say why nowhere.
///
/// # Errors
/// The location must not be followed.
pub fn redirect(from: &Url, location: &[u8]) -> Result<Url, String> {
    redirect::target(from, Some(location), &Secrets::default()).map_err(|error| error.to_string())
}

/// What a gzip body that comes in these pieces stands for, up to `limit` bytes, and its longest piece.
///
/// # Errors
/// It is damaged.
pub fn gunzip(body: &[&[u8]], limit: usize) -> Result<(Vec<u8>, usize), &'static str> {
    let (mut gunzip, mut all, mut longest) = (Gunzip::new(), Vec::new(), 0);
    for coded in body {
        gunzip.feed(Bytes::copy_from_slice(coded));
        while let Some(piece) = gunzip.next()? {
            longest = longest.max(piece.len());
            all.extend_from_slice(&piece);
            if all.len() > limit {
                return Err("it is too long");
            }
        }
    }
    gunzip.end().map(|()| (all, longest))
}
