//! Inflates in a stream, to exactly the declared size.

use std::io::BufRead;

use flate2::{Decompress, FlushDecompress, Status};

use super::bounds::Flaw;

/// How much is inflated at a time.
const PIECE: usize = 32 << 10;

/// Inflates one object after another.
pub(super) struct Inflater<'a> {
    zlib: Decompress,
    piece: Vec<u8>,
    is_cancelled: &'a dyn Fn() -> bool,
}

impl<'a> Inflater<'a> {
    pub(super) fn new(is_cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { zlib: Decompress::new(true), piece: vec![0; PIECE], is_cancelled }
    }

    /// Inflates the beginning of `input` without reading further than necessary.
    pub(super) fn inflate(
        &mut self,
        input: &mut impl BufRead,
        size: u64,
        mut sink: impl FnMut(&[u8]) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        self.zlib.reset(true);
        loop {
            if (self.is_cancelled)() {
                return Err(Flaw::Cancelled);
            }
            let available = input.fill_buf()?;
            let is_at_end = available.is_empty();
            let (taken, given) = (self.zlib.total_in(), self.zlib.total_out());
            let status = self.zlib.decompress(available, &mut self.piece, FlushDecompress::None);
            let status = status.map_err(|_| Flaw::Broken("an object cannot be inflated"))?;
            let (taken, given) = (self.zlib.total_in() - taken, self.zlib.total_out() - given);
            input.consume(usize::try_from(taken).unwrap_or(usize::MAX));
            if self.zlib.total_out() > size {
                return Err(Flaw::Broken("an object is longer than it says"));
            }
            let given = usize::try_from(given).ok().and_then(|given| self.piece.get(..given));
            let given = given.unwrap_or_default();
            sink(given)?;
            match status {
                Status::StreamEnd => break,
                _ if is_at_end && given.is_empty() => return Err(Flaw::Broken("it ends inside an object")),
                _ if taken == 0 && given.is_empty() => {
                    return Err(Flaw::Broken("an object cannot be inflated"));
                }
                _ => {}
            }
        }
        if self.zlib.total_out() < size {
            return Err(Flaw::Broken("an object is shorter than it says"));
        }
        Ok(())
    }
}
