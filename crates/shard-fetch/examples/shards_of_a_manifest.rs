//! Downloads the shards listed in a manifest from below a URL: no hub, no cache, no environment.
//!
//! ```text
//! cargo run -p mlc-weights-shard-fetch --example shards_of_a_manifest -- tensor-cache.json https://example.com/model/ files
//! ```

use std::{error::Error, path::Path, sync::Arc};

use shard_fetch::{
    Client, ErrorKind, Expected, Fetcher, FileRequest, LocateError, LocateReason, Location, Locator,
    Manifest, NetSettings, RepoPath, Url, async_trait,
};

struct Below(Url);

#[async_trait]
impl Locator for Below {
    async fn locate(&self, file: &RepoPath, _: LocateReason) -> Result<Location, LocateError> {
        let url = self.0.join(file.as_str());
        url.map(Location::new).map_err(|error| LocateError::permanent(error, ErrorKind::InvalidInput))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [manifest, url, folder] = arguments.as_slice() else { return Err("MANIFEST URL FOLDER".into()) };
    let manifest = Manifest::parse(&std::fs::read(manifest)?, manifest)?;
    let request = |path: &RepoPath, size, md5| FileRequest {
        path: path.clone(),
        expected: Expected { size, md5, sha256: None },
        part: path.under(&Path::new(folder).join("parts")),
        destination: path.under(folder.as_ref()),
    };
    let files = manifest.records().iter().map(|shard| request(&shard.path, shard.size, shard.md5));
    let fetcher = Fetcher::builder().build(Client::new(NetSettings::default())?);
    fetcher.fetch(files.collect(), Below(url.parse()?), (), Arc::new(())).await?;
    Ok(())
}
