//! Scans a received pack before libgit2 sees any of it.
//!
//! libgit2 inflates in memory whatever a pack declares, as often as deltas refer to it, and knows none
//! of our limits. So every object is first inflated here in a stream, and every delta is applied. The
//! size, kind, name and cost of all objects are then known, so unpacking a pack that passes is safe.
//! The result depends on the bytes alone.

mod bounds;
mod delta;
mod entries;
mod inflate;
mod unfold;

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use sha1::{Digest as _, Sha1};

pub use self::bounds::{Flaw, Limits};
use self::inflate::Inflater;
pub use self::unfold::Costs;

/// The SHA-1 at the end of a pack, over everything before it.
const CHECKSUM: usize = 20;

/// Scans the pack in `file`, which must hold nothing else; returns the cost of unpacking each of its
/// objects.
///
/// Takes time proportional to the size of the pack and of its unpacked objects, both bounded by
/// `limits`, and memory for a few bytes per object plus one delta with its base.
///
/// # Errors
///
/// A [`Flaw`]: the pack exceeds a limit, contradicts itself, was damaged in transit, or could not be
/// read; or `is_cancelled`, which is called every few KiB, returned true.
pub fn scan<R: Read + Seek>(
    file: &mut R,
    limits: &Limits,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Costs, Flaw> {
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut inflater = Inflater::new(is_cancelled);
    let read = entries::read(&mut *file, limits, &mut inflater);
    if matches!(read, Ok((_, end)) if end != length) {
        return Err(Flaw::Broken("bytes follow its end"));
    }
    let outcome = read
        .and_then(|(entries, _)| unfold::all(BufReader::new(&mut *file), &entries, limits, &mut inflater));
    match outcome {
        // A wrong checksum shows that it was damaged in transit rather than made wrong.
        Err(Flaw::Broken(_)) if !is_sealed(file, length, is_cancelled)? => Err(Flaw::Damaged),
        outcome => outcome,
    }
}

/// Whether the last bytes are the checksum of all others.
fn is_sealed<R: Read + Seek>(
    file: &mut R,
    length: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<bool, Flaw> {
    let Some(mut left) = length.checked_sub(CHECKSUM as u64) else { return Ok(false) };
    file.rewind()?;
    let mut sha1 = Sha1::new();
    let mut piece = vec![0; 64 << 10];
    while left > 0 {
        if is_cancelled() {
            return Err(Flaw::Cancelled);
        }
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        let wanted = piece.get_mut(..wanted).unwrap_or_default();
        file.read_exact(wanted)?;
        sha1.update(&*wanted);
        left -= wanted.len() as u64;
    }
    let mut checksum = [0; CHECKSUM];
    file.read_exact(&mut checksum)?;
    Ok(checksum == *sha1.finalize())
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}
