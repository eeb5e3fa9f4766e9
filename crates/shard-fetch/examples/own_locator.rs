//! A custom `Locator`: it asks a mirror first, and the original host for files that the mirror does not
//! have.
//!
//! ```text
//! cargo run -p mlc-weights-shard-fetch --example own_locator -- https://mirror/a.bin https://host/a.bin 1024 SHA256 a.bin
//! ```

use std::{error::Error, sync::Arc};

use shard_fetch::{
    Client, Expected, Fetcher, FileRequest, LocateError, LocateReason, Location, Locator, NetSettings,
    RepoPath, Url, async_trait,
};

struct MirrorFirst([Url; 2]);

#[async_trait]
impl Locator for MirrorFirst {
    async fn locate(&self, _: &RepoPath, reason: LocateReason) -> Result<Location, LocateError> {
        let is_first = reason == LocateReason::First;
        let mut location = Location::new(self.0[usize::from(!is_first)].clone());
        location.alternative = is_first;
        Ok(location)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mirror, host, size, sha256, file] = arguments.as_slice() else { return Err("usage".into()) };
    let request = FileRequest {
        path: file.parse()?,
        expected: Expected { size: size.parse()?, md5: None, sha256: Some(sha256.parse()?) },
        part: format!("{file}.part").into(),
        destination: file.into(),
    };
    let locator = MirrorFirst([mirror.parse()?, host.parse()?]);
    let fetcher = Fetcher::builder().build(Client::new(NetSettings::default())?);
    Ok(fetcher.fetch(vec![request], locator, (), Arc::new(())).await?)
}
