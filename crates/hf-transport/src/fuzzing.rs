//! For tests/fuzz: the parsers that are not public.

use reqwest::header::HeaderMap;
use url_parse::Url;

use crate::LfsPointer;
pub use crate::api::fuzzing::{listing, next_page, told};
pub use crate::git::fuzzing::{advertisement, packets, side_bands};
use crate::lfs_batch::answer::{self, Place, Speaker};
use crate::lfs_pointer::{self, Recognized};
use crate::locate;

/// The pointer that a blob is, if it is one.
pub fn lfs_pointer(blob: &[u8]) -> Option<LfsPointer> {
    match lfs_pointer::recognize(blob) {
        Recognized::Pointer(pointer) => Some(pointer),
        _ => None,
    }
}

/// Where an answer to a batch says these objects are, the answer being given at this URL by a server on the internet;
/// `None` when it cannot be used. URL and headers of each that is said to be somewhere.
pub fn lfs_batch(url: &Url, asked: &[LfsPointer], body: &[u8]) -> Option<Vec<Option<(Url, HeaderMap)>>> {
    let speaker =
        Speaker { url: url.clone(), reach: net::Reach::Public, now: std::time::SystemTime::UNIX_EPOCH };
    let places = answer::read(body, asked, &speaker).ok()?;
    Some(
        places.into_iter().map(|place| place.ok().map(|Place { url, headers, .. }| (url, headers))).collect(),
    )
}

/// Reads what an answer to `/resolve/` says of a file.
pub fn located(url: &Url, headers: &HeaderMap) {
    locate::read(url, headers);
}
