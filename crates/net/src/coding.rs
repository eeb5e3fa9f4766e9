//! Bodies with a content coding, although every request asks for none. No clock, no I/O.

use bytes::{Buf as _, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

/// The most that is decoded at once, however much a coded byte expands to.
const PIECE: usize = 64 << 10;
/// Every gzip file uses this window.
const WINDOW_BITS: u8 = 15;

/// What to do about the coding of a body.
#[derive(Debug)]
pub(crate) enum Coding {
    /// The body is not coded.
    None,
    /// The body is decoded while it is read.
    Gzip(Gunzip),
    /// The body is not read. The name is the server's text.
    Stranger(String),
}

impl Coding {
    /// Decides by the coding's name and the status. `takes_gzip`: a coded body is acceptable if the
    /// response is complete. A range is never decoded, since a range of a coded file is not a range of
    /// the file; a refusal always is.
    pub(crate) fn of(name: Option<String>, status: u16, takes_gzip: bool) -> Self {
        let Some(name) = name else { return Self::None };
        let is_gzip = ["gzip", "x-gzip"].iter().any(|gzip| name.eq_ignore_ascii_case(gzip));
        let may_be_undone = !(200..300).contains(&status) || (status == 200 && takes_gzip);
        if is_gzip && may_be_undone { Self::Gzip(Gunzip::new()) } else { Self::Stranger(name) }
    }
}

/// Decodes gzip with a single member, and checks its checksum.
#[derive(Debug)]
pub(crate) struct Gunzip {
    inflate: Decompress,
    coded: Bytes,
    /// The last piece was full: there may be more output without further input.
    has_more: bool,
    is_done: bool,
}

impl Gunzip {
    pub(crate) fn new() -> Self {
        let inflate = Decompress::new_gzip(WINDOW_BITS);
        Self { inflate, coded: Bytes::new(), has_more: false, is_done: false }
    }

    /// Supplies more coded bytes. Call it when [`next`](Self::next) has returned `None`.
    pub(crate) fn feed(&mut self, coded: Bytes) {
        self.coded = coded;
    }

    /// The next decoded bytes, at most 64 KiB; `None` if it needs more input.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, &'static str> {
        while self.has_more || !self.coded.is_empty() {
            if self.is_done {
                return Err("there is data after its end");
            }
            let mut piece = Vec::with_capacity(PIECE);
            let before = self.inflate.total_in();
            let status = self.inflate.decompress_vec(&self.coded, &mut piece, FlushDecompress::None);
            self.is_done = status.map_err(|_| "it is damaged")? == Status::StreamEnd;
            let read = self.inflate.total_in() - before;
            self.coded.advance(usize::try_from(read).unwrap_or(self.coded.len()));
            self.has_more = piece.len() == PIECE && !self.is_done;
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
        }
        Ok(None)
    }

    /// Checks that the body was complete.
    pub(crate) fn end(&self) -> Result<(), &'static str> {
        if self.is_done { Ok(()) } else { Err("its end is missing") }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(status: u16, name: Option<&str>, takes_gzip: bool, expected: &str) {
        let found = match Coding::of(name.map(str::to_owned), status, takes_gzip) {
            Coding::None => "none".to_owned(),
            Coding::Gzip(_) => "undone".to_owned(),
            Coding::Stranger(name) => name,
        };
        assert_eq!(found, expected, "{status} {name:?}");
    }

    #[test]
    fn only_gzip_of_a_whole_body_is_decoded() {
        check(200, None, true, "none");
        check(200, Some("gzip"), true, "undone");
        check(200, Some("X-GZip"), true, "undone");
        check(200, Some("gzip"), false, "gzip");
        check(206, Some("gzip"), true, "gzip");
        check(403, Some("gzip"), false, "undone");
        check(200, Some("br"), true, "br");
        check(404, Some("zstd"), true, "zstd");
        check(200, Some("gzip, gzip"), true, "gzip, gzip");
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn undone(coded: &[u8], step: usize) -> Result<Vec<u8>, &'static str> {
        let (mut gunzip, mut whole) = (Gunzip::new(), Vec::new());
        for coded in coded.chunks(step) {
            gunzip.feed(Bytes::copy_from_slice(coded));
            while let Some(piece) = gunzip.next()? {
                assert!((1..=PIECE).contains(&piece.len()));
                whole.extend_from_slice(&piece);
            }
        }
        gunzip.end().map(|()| whole)
    }

    #[test]
    fn one_whole_member_and_nothing_else() {
        let whole = gzip(b"some text");
        assert_eq!(undone(&whole, 5).unwrap(), b"some text");
        assert_eq!(undone(&gzip(b""), 100).unwrap(), b"");
        let end = whole.len() - 1;
        let mut wrong_sum = whole.clone();
        wrong_sum[end - 5] ^= 1;
        let mut wrong_length = whole.clone();
        wrong_length[end] ^= 1;
        for (coded, problem) in [
            (&whole[..end], "its end is missing"),
            (&[], "its end is missing"),
            (&wrong_sum, "it is damaged"),
            (&wrong_length, "it is damaged"),
            (b"some text", "it is damaged"),
            (&[&whole[..], b"x"].concat(), "there is data after its end"),
            (&[&whole[..], &whole].concat(), "there is data after its end"),
        ] {
            for step in [1, 1000] {
                assert_eq!(undone(coded, step), Err(problem), "{coded:?}");
            }
        }
    }

    #[test]
    fn a_bomb_comes_in_small_pieces() {
        let text = vec![0; 20 << 20];
        let coded = gzip(&text);
        assert!(coded.len() < 100_000);
        assert!(undone(&coded, coded.len()).unwrap() == text);
    }

    proptest! {
        #[test]
        fn whatever_was_coded_comes_back(text: Vec<u8>, step in 1_usize..50) {
            prop_assert_eq!(undone(&gzip(&text), step), Ok(text));
        }

        #[test]
        fn no_body_panics_the_decoder(coded: Vec<u8>, step in 1_usize..50) {
            let _ = undone(&[&[0x1f, 0x8b, 8][..], &coded].concat(), step);
        }
    }
}
