//! A body sent over one connection, and the line's effects on it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::log::Exchange;
use crate::store::Source;
use crate::trouble::Carries;

/// Pieces per second of a paced body.
const PIECES: u64 = 20;

/// The log is updated after this many bytes, so that it is nearly exact if the client disconnects.
const PIECE: u64 = 256 * 1024;

/// Time for earlier bytes to arrive before a reset, which would discard those in transit.
const ARRIVES: Duration = Duration::from_millis(50);

/// A part of a body.
pub(super) struct Body {
    pub(super) source: Source,
    /// For a file: the bytes that are sent. Otherwise all of them.
    pub(super) range: Range<u64>,
}

/// Sends head and body, as far as the connection carries them.
pub(super) async fn send(
    stream: &mut TcpStream,
    mut head: Vec<u8>,
    body: &Body,
    carries: &mut Carries,
    exchange: &mut Exchange,
) -> io::Result<()> {
    let length = body.range.end - body.range.start;
    if let (Source::Memory(bytes), None, None) = (&body.source, carries.pace, carries.left) {
        head.extend_from_slice(bytes);
        stream.write_all(&head).await?;
        exchange.sent(bytes.len());
        return Ok(());
    }
    stream.write_all(&head).await?;
    let mut done = 0;
    while done < length {
        let count = piece(carries, length - done);
        send_piece(stream, body, done..done + count).await?;
        exchange.sent(usize::try_from(count).unwrap_or(usize::MAX));
        done += count;
        carried(stream, carries, count, exchange).await?;
    }
    Ok(())
}

/// How much is sent at once.
fn piece(carries: &Carries, rest: u64) -> u64 {
    let pace = carries.pace.map_or(PIECE, |pace| (pace / PIECES).max(1));
    rest.min(PIECE).min(pace).min(carries.left.unwrap_or(u64::MAX))
}

async fn send_piece(stream: &mut TcpStream, body: &Body, part: Range<u64>) -> io::Result<()> {
    match &body.source {
        Source::Memory(bytes) => {
            let place = |at| usize::try_from(at).map_err(io::Error::other);
            let part = bytes.get(place(part.start)?..place(part.end)?).unwrap_or_default();
            stream.write_all(part).await
        }
        Source::File(file) => {
            let start = body.range.start;
            send_file(stream, file, start + part.start..start + part.end).await
        }
    }
}

/// Waits according to the pace, and resets the connection after its limit of bytes.
async fn carried(
    stream: &TcpStream,
    carries: &mut Carries,
    count: u64,
    exchange: &mut Exchange,
) -> io::Result<()> {
    if let Some(left) = &mut carries.left {
        *left = left.saturating_sub(count);
        if *left == 0 {
            tokio::time::sleep(ARRIVES).await;
            stream.set_zero_linger()?;
            exchange.cut();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
    }
    if let Some(pace) = carries.pace {
        tokio::time::sleep(Duration::from_micros(count * 1_000_000 / pace.max(1))).await;
    }
    Ok(())
}

/// From the page cache to the socket, without a copy in this process.
#[cfg(target_os = "linux")]
async fn send_file(stream: &mut TcpStream, file: &File, range: Range<u64>) -> io::Result<()> {
    let mut offset = range.start;
    while offset < range.end {
        let count = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
        let send = || Ok(rustix::fs::sendfile(&*stream, file, Some(&mut offset), count)?);
        let sent = stream.async_io(tokio::io::Interest::WRITABLE, send).await?;
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Read and written.
#[cfg(not(target_os = "linux"))]
async fn send_file(stream: &mut TcpStream, file: &File, range: Range<u64>) -> io::Result<()> {
    use std::io::{Seek as _, SeekFrom};

    use tokio::io::AsyncReadExt as _;

    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut part = tokio::fs::File::from_std(file).take(range.end - range.start);
    tokio::io::copy(&mut part, stream).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_as_large_as_pace_and_rest_allow() {
        let piece = |pace, left, rest| piece(&Carries { pace, left, hangs_up: false }, rest);
        assert_eq!((piece(None, None, 1 << 30), piece(None, None, 5)), (PIECE, 5));
        assert_eq!((piece(Some(60_000), None, 1 << 30), piece(Some(10), None, 9)), (3000, 1));
        assert_eq!(piece(None, Some(7), 1 << 30), 7);
    }
}
