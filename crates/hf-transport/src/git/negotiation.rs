//! Requests objects and extracts the pack from git's response, with protocol version 0 and no objects
//! to start from.

use std::io::{Seek, Write};

use bytes::{Bytes, BytesMut};
use url_parse::CommitId;

use super::advertisement::Advertisement;
use super::packets::{Band, Packet, band, packet, take_packet};
use super::plain::LEFT_OUT_FROM;
use super::session::{Body, Session};
use crate::Error;

const CUT: &str = "the response ends too early";
const MALFORMED: &str = "the response is not what git sends";

/// The objects to request.
pub(super) struct Order<'a> {
    pub(super) offered: &'a Advertisement,
    pub(super) objects: &'a [CommitId],
    /// Without the history behind them.
    pub(super) is_shallow: bool,
    /// Without the larger files, if the server supports that.
    pub(super) is_sparing: bool,
}

/// Requests objects and writes the pack with them to `spool`.
pub(super) fn receive_pack(
    session: &Session,
    order: &Order<'_>,
    spool: &mut (impl Write + Seek),
    failed: &dyn Fn(std::io::Error) -> Error,
) -> Result<(), Error> {
    // git first sends where history is cut off, then expects "done". The server keeps no state between
    // two requests, so the second one is enough.
    let body = session.upload_pack((order.request() + &packet("done\n")).into())?;
    let mut packets = Packets { session, body, ahead: BytesMut::new() };
    loop {
        match packets.next()? {
            Some(line) if line.starts_with(b"NAK") => break,
            Some(line) => packets.expect_cut(&line)?,
            None => {}
        }
    }
    if order.side_band().is_none() {
        return packets.rest(|bytes| spool.write_all(bytes).map_err(failed));
    }
    while let Some(line) = packets.next()? {
        match band(line).map_err(|_| session.failed(MALFORMED))? {
            Band::Pack(bytes) => spool.write_all(&bytes).map_err(failed)?,
            Band::Progress => {}
            Band::Refusal(words) => return Err(session.refused(&packets.body, &words)),
        }
    }
    packets.rest(|_| Err(session.failed(MALFORMED)))
}

impl Order<'_> {
    fn side_band(&self) -> Option<&'static str> {
        ["side-band-64k", "side-band"].into_iter().find(|name| self.offered.offers(name))
    }

    fn request(&self) -> String {
        let wished = ["ofs-delta", "no-progress"].into_iter().filter(|name| self.offered.offers(name));
        let wished = self.side_band().into_iter().chain(wished).chain(self.is_shallow.then_some("shallow"));
        let wished = wished.chain(self.is_sparing.then_some("filter"));
        let capabilities: Vec<&str> = wished.collect();
        // They are in the first line.
        let mut capabilities = format!(" {}", capabilities.join(" "));
        let mut request = String::new();
        for object in self.objects {
            request += &packet(&format!("want {object}{}\n", std::mem::take(&mut capabilities)));
        }
        if self.is_shallow {
            request += &packet("deepen 1\n");
        }
        if self.is_sparing {
            request += &packet(&format!("filter blob:limit={LEFT_OUT_FROM}\n"));
        }
        request + "0000"
    }
}

/// A response, packet by packet.
struct Packets<'a> {
    session: &'a Session,
    body: Body,
    ahead: BytesMut,
}

impl Packets<'_> {
    /// The next line; `None` at the end of a list.
    fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match take_packet(&mut self.ahead).map_err(|_| self.session.failed(MALFORMED))? {
                Some(Packet::Line(line)) => return Ok(Some(line)),
                Some(Packet::Flush) => return Ok(None),
                Some(Packet::Refusal(words)) => return Err(self.session.refused(&self.body, &words)),
                None => {}
            }
            let chunk = self.body.next(self.session)?.ok_or_else(|| self.session.failed(CUT))?;
            self.ahead.extend_from_slice(&chunk);
        }
    }

    /// Where history is cut off does not matter.
    fn expect_cut(&self, line: &[u8]) -> Result<(), Error> {
        if line.starts_with(b"shallow ") { Ok(()) } else { Err(self.session.failed(MALFORMED)) }
    }

    /// Passes what follows the packets to `sink`.
    fn rest(mut self, mut sink: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        if !self.ahead.is_empty() {
            sink(&self.ahead)?;
        }
        while let Some(chunk) = self.body.next(self.session)? {
            sink(&chunk)?;
        }
        Ok(())
    }
}
