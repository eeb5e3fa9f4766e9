//! Looking a received pack through before libgit2 sees a byte of it.
//!
//! libgit2 inflates what a pack declares, in memory, as often as deltas ask for it, and knows no bounds of ours. So
//! every object is inflated here first, in a stream, and every delta is applied: what comes out is known in size,
//! kind, name and cost, and a pack that passes holds no surprise for who unpacks it after that. The result depends
//! on the bytes alone.

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

/// The SHA-1 at the end of a pack, of everything before it.
const CHECKSUM: usize = 20;

/// Looks through the pack that `file` holds from its first to its last byte; returns what it costs to unpack each
/// of its objects.
///
/// Takes time in proportion to the bytes of the pack and to what they unpack to, both bounded by `limits`, and
/// memory for a few bytes an object and for one delta with its base.
///
/// # Errors
///
/// A [`Flaw`]: the pack is over a limit, or contradicts itself, or was damaged on its way, or could not be read, or
/// `is_cancelled` said so, which is asked every few KiB.
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
        // Its checksum is wrong, so it was damaged on the way, and not made broken.
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
