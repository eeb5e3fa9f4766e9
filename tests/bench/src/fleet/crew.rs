//! The nodes: processes of the command, or downloads with the library, many of which share a process.

use std::fs;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use facade::{DownloaderBuilder, Request};
use serde::{Deserialize, Serialize};

use crate::workplace::{Workplace, emptied, removed};

/// Up to this many nodes are separate processes.
pub(super) const PROCESSES: usize = 64;
/// Beyond that, this many nodes share a process, since a process has limited files and connections.
const TOGETHER: usize = 250;

/// Each of these opens at most this many connections, the initial number of a download: the servers have
/// limits, too.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// The options of the hidden command.
#[derive(Args)]
pub(crate) struct NodesOptions {
    model: String,
    homes: PathBuf,
    first: usize,
    count: usize,
}

/// The results of one node's download.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct NodeRun {
    pub(super) seconds: f64,
    pub(super) failure: Option<String>,
}

/// A group of identical nodes.
pub(super) struct Crew<'a> {
    pub(super) place: &'a Workplace,
    pub(super) model: String,
    /// The environment of each node, besides its home.
    pub(super) variables: Vec<(String, String)>,
}

impl Crew<'_> {
    /// Starts all nodes at once, and removes each one's home when it has the model.
    pub(super) fn work(&self, nodes: usize) -> Result<Vec<NodeRun>> {
        let homes = emptied(self.place.memory.join("homes"))?;
        let runs = if nodes > PROCESSES { self.share(&homes, nodes)? } else { self.single(&homes, nodes) };
        removed(&homes)?;
        ensure!(runs.len() == nodes, "{} of {nodes} nodes have said how it went", runs.len());
        Ok(runs)
    }

    pub(super) fn home(&self, node: usize) -> PathBuf {
        home(&self.place.memory.join("homes"), node)
    }

    /// The command of one node.
    pub(super) fn command(&self, node: usize) -> Command {
        let mut command = self.in_environment(&self.place.program);
        command.env("MLC_LLM_HOME", self.home(node)).args(["download", "--progress", "plain", &self.model]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn in_environment(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.place.disk);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn single(&self, homes: &Path, nodes: usize) -> Vec<NodeRun> {
        let runs = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for node in 0..nodes {
                let (runs, mut command, home) = (&runs, self.command(node), home(homes, node));
                scope.spawn(move || {
                    let began = Instant::now();
                    let failure = failure(command.output());
                    let run = NodeRun { seconds: began.elapsed().as_secs_f64(), failure };
                    // Whatever remains is removed with all homes.
                    let _ = removed(&home);
                    if let Ok(mut runs) = runs.lock() {
                        runs.push(run);
                    }
                });
            }
        });
        runs.into_inner().unwrap_or_default()
    }

    fn share(&self, homes: &Path, nodes: usize) -> Result<Vec<NodeRun>> {
        let program = std::env::current_exe().context("looking for this program")?;
        let mut processes: Vec<Child> = Vec::new();
        for first in (0..nodes).step_by(TOGETHER) {
            let mut command = self.in_environment(&program);
            command.env("MLC_LLM_HOME", homes).args(["bench", "nodes", &self.model]).arg(homes);
            command.args([first, TOGETHER.min(nodes - first)].map(|number| number.to_string()));
            processes.push(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
        }
        let mut runs = Vec::new();
        for mut process in processes {
            let mut text = String::new();
            process.stdout.take().context("no output")?.read_to_string(&mut text)?;
            ensure!(process.wait()?.success(), "a process of {TOGETHER} nodes failed");
            runs.extend(serde_json::from_str::<Vec<NodeRun>>(&text)?);
        }
        Ok(runs)
    }
}

/// The last line of a program's output, if it failed.
fn failure(output: std::io::Result<std::process::Output>) -> Option<String> {
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            Some(words.trim().lines().next_back().unwrap_or("no word").to_owned())
        }
        Err(error) => Some(error.to_string()),
    }
}

fn home(homes: &Path, node: usize) -> PathBuf {
    homes.join(format!("node-{node}"))
}

/// Runs many nodes in this process, and prints the results to standard output.
pub(crate) fn serve(options: &NodesOptions) -> Result<()> {
    let NodesOptions { model, homes, first, count } = options;
    let request: Request = model.parse()?;
    let builder = DownloaderBuilder::from_env()?.max_connections(CONNECTIONS);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let runs = runtime.block_on(async {
        let mut nodes = Vec::new();
        for node in *first..first + count {
            let home = home(homes, node);
            let (request, builder) = (request.clone(), builder.clone().home(&home));
            nodes.push(tokio::spawn(async move {
                let run = download(builder, request).await;
                // Whatever remains is removed with all homes.
                let _ = tokio::task::spawn_blocking(move || fs::remove_dir_all(home)).await;
                run
            }));
        }
        let mut runs = Vec::new();
        for node in nodes {
            runs.push(node.await?);
        }
        anyhow::Ok(runs)
    })?;
    println!("{}", serde_json::to_string(&runs)?);
    Ok(())
}

async fn download(builder: DownloaderBuilder, request: Request) -> NodeRun {
    let began = Instant::now();
    let outcome = async {
        let downloader = builder.build()?;
        downloader.download(request).await?;
        let seconds = began.elapsed().as_secs_f64();
        // As the command does before it ends.
        downloader.filled().await;
        Ok::<f64, facade::Error>(seconds)
    };
    match outcome.await {
        Ok(seconds) => NodeRun { seconds, failure: None },
        Err(error) => NodeRun { seconds: began.elapsed().as_secs_f64(), failure: Some(format!("{error:#}")) },
    }
}
