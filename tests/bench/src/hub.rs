//! The benchmark's hub: a separate process, so that its cost is not counted with its clients'.
//!
//! The two processes exchange lines of JSON: requests on the hub's standard input, responses on its
//! standard output. The hub ends when its standard input does.

mod count;
mod routes;

use std::io::{BufRead, BufReader, Lines, Write, stdin, stdout};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use local_hub::{LocalHub, ModelFixture, PublishedModel, Trouble};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(super) use count::Count;
use count::{FileSizes, count};
pub(super) use routes::{Routes, Traffic};

use crate::growth::{self, Input};

/// Bytes per second of every connection on the paced network.
pub(super) const PACE: u64 = 10_000_000;
const LATENCY: Duration = Duration::from_millis(50);

/// How hub and client are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Network {
    /// Loopback without limits
    Loopback,
    /// Every TCP connection at 10 MB/s, and 50 ms before each response
    Paced,
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback as it is",
            Self::Paced => "10 MB/s per connection, 50 ms before each answer",
        })
    }
}

/// Options of the hub's process.
#[derive(Args)]
pub(super) struct HubOptions {
    folder: PathBuf,
    network: Network,
    /// The address for clients
    #[arg(default_value_t = Ipv4Addr::LOCALHOST)]
    address: Ipv4Addr,
}

#[derive(Deserialize, Serialize)]
enum Ask {
    Publish(Shape),
    /// This much input of a kind.
    Make(Input, usize),
    /// What happened since the last count.
    Count,
    /// The same, by purpose of the requests.
    Routes,
    /// Sets the trouble of the line.
    Trouble(Trouble),
}

/// A model's size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) shards: usize,
    pub(super) size: u64,
    /// The index of a shard of which the data host serves one wrong bit.
    pub(super) flipped: Option<usize>,
}

/// A model on the hub.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Served {
    pub(super) endpoint: String,
    pub(super) id: String,
    pub(super) url: String,
    pub(super) commit: String,
    /// The files that are not in git.
    pub(super) files: Vec<ServedFile>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ServedFile {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) md5: String,
    pub(super) sha256: String,
}

impl Served {
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    pub(super) fn file_url(&self, file: &ServedFile) -> String {
        let Self { endpoint, id, commit, .. } = self;
        format!("{endpoint}/{id}/resolve/{commit}/{}", file.path)
    }
}

/// The hub's process: serves until its standard input ends.
pub(super) fn serve(options: &HubOptions) -> Result<()> {
    // The client's work is measured, not how long the hub makes it wait.
    let builder = LocalHub::builder()
        .files_in(&options.folder)
        .address(options.address)
        .cheap_data_host()
        .rate_limit(u64::from(u32::MAX), Duration::from_secs(1));
    let hub = match options.network {
        Network::Loopback => builder,
        Network::Paced => builder.pace(PACE).latency(LATENCY),
    };
    answer(&hub.try_start()?, stdin().lock(), stdout().lock())
}

/// Responds to each line until there are no more.
fn answer(hub: &LocalHub, asks: impl BufRead, mut answers: impl Write) -> Result<()> {
    let mut log = hub.log();
    let mut sizes = FileSizes::new();
    for line in asks.lines() {
        let answer = match serde_json::from_str(&line?)? {
            Ask::Publish(shape) => {
                let served = publish(hub, &shape)?;
                let files = served.files.iter().map(|file| (file.path.clone(), file.size));
                sizes.insert(served.id.clone(), files.collect());
                serde_json::to_string(&served)?
            }
            Ask::Make(input, count) => serde_json::to_string(&growth::make(hub, input, count)?)?,
            Ask::Count => {
                let counted = serde_json::to_string(&count(hub, &log, &sizes))?;
                log = hub.log().from_now();
                counted
            }
            Ask::Routes => {
                let routes = serde_json::to_string(&Routes::of(&log))?;
                log = hub.log().from_now();
                routes
            }
            Ask::Trouble(trouble) => {
                hub.set_trouble(trouble);
                serde_json::to_string(&())?
            }
        };
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

fn publish(hub: &LocalHub, shape: &Shape) -> Result<Served> {
    let fixture = ModelFixture::new(&shape.id).shards(shape.shards, shape.size);
    let model = hub.try_publish(&match shape.flipped {
        Some(index) => fixture.seed(1).flipped_bit(index, shape.size / 2),
        None => fixture,
    })?;
    let PublishedModel { url, commit, .. } = &model;
    let files = model.lfs_files().map(|file| ServedFile {
        path: file.path.clone(),
        size: file.size,
        md5: file.md5.clone(),
        sha256: file.sha256.clone(),
    });
    Ok(Served {
        endpoint: hub.endpoint(),
        id: shape.id.clone(),
        url: url.clone(),
        commit: commit.clone(),
        files: files.collect(),
    })
}

/// The client's side: a hub that ends when this is dropped.
pub(super) struct HubProcess {
    child: Child,
    /// `None` only while being dropped.
    asks: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl HubProcess {
    /// Starts a hub that keeps its files in `folder`.
    pub(super) fn start(folder: &Path, network: Network) -> Result<Self> {
        let program = std::env::current_exe().context("looking for this program")?;
        Self::start_by(Command::new(program), folder, network, Ipv4Addr::LOCALHOST)
    }

    /// The same, at an address in a network that `program` enters before it starts this program.
    pub(super) fn start_by(
        program: Command,
        folder: &Path,
        network: Network,
        address: Ipv4Addr,
    ) -> Result<Self> {
        let network = network.to_possible_value().context("a network without a name")?;
        let mut command = program;
        command.args(["bench", "serve"]).arg(folder).args([network.get_name(), &address.to_string()]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("starting the hub's process")?;
        let asks = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("the hub's process has no output")?).lines();
        Ok(Self { child, asks, answers })
    }

    pub(super) fn publish(&mut self, shape: &Shape) -> Result<Served> {
        self.ask(&Ask::Publish(shape.clone()))
    }

    /// Makes the hub send this much of a kind.
    pub(super) fn make(&mut self, input: Input, count: usize) -> Result<Served> {
        self.ask(&Ask::Make(input, count))
    }

    /// What happened since the last call.
    pub(super) fn count(&mut self) -> Result<Count> {
        self.ask(&Ask::Count)
    }

    /// The same, by purpose of the requests.
    pub(super) fn routes(&mut self) -> Result<Routes> {
        self.ask(&Ask::Routes)
    }

    /// The process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sets the trouble of the line, and resets all counts.
    pub(super) fn set_trouble(&mut self, trouble: &Trouble) -> Result<()> {
        self.ask(&Ask::Trouble(trouble.clone()))
    }

    fn ask<T: DeserializeOwned>(&mut self, ask: &Ask) -> Result<T> {
        let asks = self.asks.as_mut().context("the hub has ended")?;
        writeln!(asks, "{}", serde_json::to_string(ask)?).context("asking the hub's process")?;
        match self.answers.next() {
            Some(line) => Ok(serde_json::from_str(&line?)?),
            None => bail!("the hub's process ended; what it said is above"),
        }
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        self.asks = None;
        // Any error was already printed.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishes_and_counts_what_it_is_asked() {
        let hub = LocalHub::builder().cheap_data_host().start();
        let shape = Shape { id: "bench/tiny".to_owned(), shards: 2, size: 1000, flipped: Some(1) };
        let asks = [Ask::Publish(shape), Ask::Count];
        let asks: Vec<String> = asks.iter().map(|ask| serde_json::to_string(ask).unwrap()).collect();
        let mut answers = Vec::new();
        answer(&hub, asks.join("\n").as_bytes(), &mut answers).unwrap();
        let text = String::from_utf8(answers).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let served: Served = serde_json::from_str(lines[0]).unwrap();
        let shards = served.files.iter().filter(|file| file.size == 1000).count();
        assert_eq!((served.url.as_str(), shards), ("HF://bench/tiny", 2));
        let shard = &served.files[0];
        let expected = format!("{}/bench/tiny/resolve/{}/{}", hub.endpoint(), served.commit, shard.path);
        assert_eq!(served.file_url(shard), expected);
        let count: Count = serde_json::from_str(lines[1]).unwrap();
        assert_eq!((count.to_hub, count.to_data_host, count.asked, count.open), (0, 0, 0, 0));
    }
}
