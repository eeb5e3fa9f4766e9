//! Downloads files from a plain HTTP server, given only a list of URLs and digests; there is no hub.
//!
//! `cargo run --release -p mlc-weights-shard-fetch --example plain_http_server [FILES] [MIB]` starts
//! its own small server on loopback; by default it serves 4 files of 64 MiB. The files go to a
//! temporary folder below the current one. In the end it prints the time and memory used.

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use shard_fetch::{
    Client, ErrorKind, Expected, FetchEvent, Fetcher, FileRequest, LocateError, LocateReason, Location,
    Locator, NetSettings, Observer, RepoPath, Sha256Digest, StreamHasher, Url, async_trait,
};

/// An entry of the list: a URL, and what the file must be.
struct Entry {
    path: RepoPath,
    url: Url,
    size: u64,
    sha256: Sha256Digest,
}

/// Knows the files' URLs from a list. A locator for a mirror with signed URLs, or for an object store,
/// would request the URL here and set its expiry time.
struct UrlList(HashMap<RepoPath, Url>);

#[async_trait]
impl Locator for UrlList {
    async fn locate(&self, file: &RepoPath, _reason: LocateReason) -> Result<Location, LocateError> {
        match self.0.get(file) {
            Some(url) => Ok(Location::new(url.clone())),
            None => {
                Err(LocateError::permanent(format!("`{file}` is not in the list"), ErrorKind::InvalidInput))
            }
        }
    }
}

/// Prints a line for each file; a real application would update a progress bar on `Received`.
struct Lines;

impl Observer for Lines {
    fn on_event(&self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { files, bytes, .. } => println!("{files} files, {bytes} bytes"),
            FetchEvent::Retrying { file, pause, cause, .. } => {
                println!("{file}: {cause}, again in {pause:?}");
            }
            FetchEvent::Verified { file, size, .. } => println!("{file}: {size} bytes, verified"),
            _ => {}
        }
    }
}

async fn download(list: Vec<Entry>, folder: &Path) -> Result<(), shard_fetch::Error> {
    let request = |entry: &Entry| FileRequest {
        path: entry.path.clone(),
        expected: Expected { size: entry.size, md5: None, sha256: Some(entry.sha256) },
        part: entry.path.under(&folder.join("parts")),
        destination: entry.path.under(&folder.join("files")),
    };
    let files = list.iter().map(request).collect();
    let urls = list.into_iter().map(|entry| (entry.path, entry.url)).collect();
    let client = Client::new(NetSettings::default())?;
    let fetcher = Fetcher::builder().files_in_flight(const { NonZeroUsize::new(4).unwrap() }).build(client);
    fetcher.fetch(files, UrlList(urls), Lines, Arc::new(())).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let files = arguments.next().map_or(Ok(4), |files| files.parse::<u64>())?;
    let size = arguments.next().map_or(Ok(64), |mib| mib.parse::<u64>())? << 20;
    let origin = server::start(size).await?;
    let sha256 = server::sha256_of_a_file(size).ok_or("no digest")?;
    let entry = |index| {
        let path: RepoPath = format!("file_{index}.bin").parse()?;
        let url = origin.join(path.as_str())?;
        Ok(Entry { path, url, size, sha256 })
    };
    let list = (0..files).map(entry).collect::<Result<_, Box<dyn Error>>>()?;

    let folder = tempfile::tempdir_in(".")?;
    let begun = Instant::now();
    download(list, folder.path()).await?;
    println!("took {:.2} s; peak memory, server included: {}", begun.elapsed().as_secs_f64(), peak_memory());
    Ok(())
}

/// Only available on Linux.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known".to_owned(), |peak| peak.trim().to_owned())
}

/// The server: every path is the same file, a block of bytes repeated.
mod server {
    use super::{Expected, Sha256Digest, StreamHasher, Url};
    use std::error::Error;
    use std::io;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    static BLOCK: [u8; 1 << 16] = [42; 1 << 16];

    pub(super) fn sha256_of_a_file(size: u64) -> Option<Sha256Digest> {
        let unknown = Some(Sha256Digest::from_bytes([0; 32]));
        let mut hasher = StreamHasher::for_expected(&Expected { size, md5: None, sha256: unknown });
        (0..size / BLOCK.len() as u64).for_each(|_| hasher.update(&BLOCK));
        hasher.finish().sha256
    }

    pub(super) async fn start(size: u64) -> Result<Url, Box<dyn Error>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?).parse()?;
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, size));
            }
        });
        Ok(origin)
    }

    /// Answers requests, all with a `Range`, until the client disconnects.
    async fn serve(connection: TcpStream, size: u64) -> io::Result<()> {
        let mut connection = BufReader::new(connection);
        while let Some((first, last)) = asked(&mut connection, size).await? {
            let length = last - first + 1;
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-length: {length}\r\ncontent-range: bytes {first}-{last}/{size}\r\n\r\n"
            );
            connection.write_all(head.as_bytes()).await?;
            let mut left = length;
            while left > 0 {
                let bytes = usize::try_from(left).map_or(BLOCK.len(), |left| left.min(BLOCK.len()));
                connection.write_all(&BLOCK[..bytes]).await?;
                left -= bytes as u64;
            }
        }
        Ok(())
    }

    /// The first and last byte of the requested range; `None` if there is no further request.
    async fn asked(connection: &mut BufReader<TcpStream>, size: u64) -> io::Result<Option<(u64, u64)>> {
        let (mut line, mut range) = (String::new(), None);
        while connection.read_line(&mut line).await? > 2 {
            let lower_case = line.to_ascii_lowercase();
            if let Some((first, last)) =
                lower_case.strip_prefix("range: bytes=").and_then(|range| range.trim().split_once('-'))
            {
                range = first.parse().ok().map(|first| (first, last.parse().unwrap_or(size - 1)));
            }
            line.clear();
        }
        Ok(range)
    }
}
