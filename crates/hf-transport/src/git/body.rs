//! The bytes of an answer, as libgit2's thread reads them.

use bytes::Bytes;
use url_parse::Url;

use super::session::Session;
use crate::Error;
use crate::client::Answer;

/// Four digits and `ERR `.
const PACKET_HEAD: usize = 8;

/// An answer's body, read piece by piece.
pub(super) struct Body {
    answer: Answer,
    action: &'static str,
    read_ahead: Bytes,
}

impl Body {
    /// `action` is what the request attempted, for messages.
    pub(super) fn new(answer: Answer, action: &'static str) -> Self {
        Self { answer, action, read_ahead: Bytes::new() }
    }

    /// Where it comes from, after redirects.
    pub(super) fn url(&self) -> &Url {
        &self.answer.url
    }

    /// The next piece, never empty; `None` at the end.
    pub(super) fn next(&mut self, session: &Session) -> Result<Option<Bytes>, Error> {
        match self.read_ahead.is_empty() {
            true => self.receive(session),
            false => Ok(Some(std::mem::take(&mut self.read_ahead))),
        }
    }

    /// git's words, if this is an answer in which git refuses. Looks at the first bytes without taking them.
    pub(super) fn refusal(&mut self, session: &Session) -> Result<Option<String>, Error> {
        while self.read_ahead.len() < PACKET_HEAD
            && let Some(chunk) = self.receive(session)?
        {
            self.read_ahead = [&*self.read_ahead, &*chunk].concat().into();
        }
        Ok(refusal_in(&self.read_ahead))
    }

    fn receive(&mut self, session: &Session) -> Result<Option<Bytes>, Error> {
        loop {
            let Answer { response, url, .. } = &mut self.answer;
            let next = async {
                let chunk = response.chunk().await;
                chunk.map_err(|error| session.transport_error(self.action, url, error))
            };
            let Some(chunk) = session.block_on(next)? else { return Ok(None) };
            session.count(chunk.len())?;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }
}

/// The words of a packet `ERR …`, which is how git refuses in an answer of status 200.
fn refusal_in(start: &[u8]) -> Option<String> {
    let (digits, contents) = start.split_at_checked(4)?;
    let words = contents.strip_prefix(b"ERR ")?;
    let length = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
    let length = length?.saturating_sub(PACKET_HEAD).min(words.len());
    Some(String::from_utf8_lossy(words.get(..length)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_in_gits_own_words_is_read() {
        for (start, expected) in [
            (&b"0019ERR not our ref 1234\n"[..], Some("not our ref 1234\n")),
            (b"0010ERR over and more", Some("over and")),
            (b"ffffERR cut", Some("cut")),
            (b"0008ERR ", Some("")),
            (b"zzzzERR x", None),
            (b"0008NAK\n", None),
            (b"000eERRx y", None),
            (b"ERR", None),
            (b"", None),
        ] {
            assert_eq!(refusal_in(start).as_deref(), expected, "{start:?}");
        }
    }
}
