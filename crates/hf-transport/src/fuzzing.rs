//! For tests/fuzz: the parsers that are not public.

use reqwest::header::HeaderMap;
use url_parse::Url;

use crate::LfsPointer;
pub use crate::api::fuzzing::{listing, next_page, told};
pub use crate::git::fuzzing::{advertisement, packets, side_bands};
use crate::lfs_pointer::{self, Recognized};
use crate::locate;

/// The pointer that a blob is, if it is one.
pub fn lfs_pointer(blob: &[u8]) -> Option<LfsPointer> {
    match lfs_pointer::recognize(blob) {
        Recognized::Pointer(pointer) => Some(pointer),
        _ => None,
    }
}

/// Reads what an answer to `/resolve/` says of a file.
pub fn located(url: &Url, headers: &HeaderMap) {
    locate::read(url, headers);
}
