//! For tests/fuzz: access to private parsers.

use reqwest::header::HeaderMap;
use url_parse::Url;

use crate::LfsPointer;
pub use crate::api::fuzzing::{listing, next_page, told};
pub use crate::git::fuzzing::{advertisement, packets, side_bands};
use crate::lfs_batch::answer::{self, Place, Speaker};
use crate::lfs_pointer::{self, Recognized};
use crate::locate;

/// The pointer in a blob, if it is one.
pub fn lfs_pointer(blob: &[u8]) -> Option<LfsPointer> {
    match lfs_pointer::recognize(blob) {
        Recognized::Pointer(pointer) => Some(pointer),
        _ => None,
    }
}

/// The URL and headers of each of these objects in a batch response that a server on the internet sent
/// from this URL; `None` if the response is unusable.
pub fn lfs_batch(url: &Url, asked: &[LfsPointer], body: &[u8]) -> Option<Vec<Option<(Url, HeaderMap)>>> {
    let speaker =
        Speaker { url: url.clone(), reach: net::Reach::Public, now: std::time::SystemTime::UNIX_EPOCH };
    let places = answer::read(body, asked, &speaker).ok()?;
    Some(
        places.into_iter().map(|place| place.ok().map(|Place { url, headers, .. }| (url, headers))).collect(),
    )
}

/// Parses a response to `/resolve/`.
pub fn located(url: &Url, headers: &HeaderMap) {
    locate::read(url, headers);
}
