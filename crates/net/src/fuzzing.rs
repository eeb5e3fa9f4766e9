//! For tests/fuzz: access to private parsers. No clock, no I/O.

use bytes::Bytes;
use url_parse::Url;

use crate::Secrets;
use crate::coding::Gunzip;
use crate::redirect;

/// The URL that `location` leads to from `from`.
///
/// # Errors
///
/// The reason why it must not be followed.
pub fn redirect(from: &Url, location: &[u8]) -> Result<Url, String> {
    redirect::target(from, Some(location), &Secrets::default()).map_err(|error| error.to_string())
}

/// Decodes a gzip body that arrives in these pieces, up to `limit` bytes; also returns the length of
/// the longest decoded piece.
///
/// # Errors
///
/// The body is damaged.
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
