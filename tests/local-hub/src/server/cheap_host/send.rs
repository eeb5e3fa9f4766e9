//! Sends a part of a file as cheaply as the system allows.

use std::fs::File;
use std::io;
use std::ops::Range;

use tokio::net::TcpStream;

/// From the page cache to the socket, without a copy in this process.
#[cfg(target_os = "linux")]
pub(super) async fn send_file(stream: &mut TcpStream, file: &File, range: Range<u64>) -> io::Result<()> {
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

/// By reading and writing.
#[cfg(not(target_os = "linux"))]
pub(super) async fn send_file(stream: &mut TcpStream, file: &File, range: Range<u64>) -> io::Result<()> {
    use std::io::{Seek as _, SeekFrom};

    use tokio::io::AsyncReadExt as _;

    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut part = tokio::fs::File::from_std(file).take(range.end - range.start);
    tokio::io::copy(&mut part, stream).await?;
    Ok(())
}
