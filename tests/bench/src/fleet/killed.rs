//! Kills the node that downloads for all others midway.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::crew::{Crew, NodeRun};
use crate::workplace::{emptied, go_on, pause, removed};

const EVERY: Duration = Duration::from_millis(100);
/// The part of the model that the holder has when it is killed.
const PERCENT: u64 = 40;
/// Far longer than the others wait for a dead holder.
const PATIENCE: Duration = Duration::from_secs(1200);

/// Starts all nodes at once, and returns the results of those that were not killed.
pub(super) fn work(crew: &Crew<'_>, nodes: usize, bytes: u64) -> Result<Vec<NodeRun>> {
    let homes = emptied(crew.place.memory.join("homes"))?;
    let mut running = Vec::new();
    for node in 0..nodes {
        let child = crew.command(node).stderr(Stdio::null()).spawn().context("starting a node")?;
        running.push((node, child));
    }
    let (began, mut runs, mut is_killed) = (Instant::now(), Vec::new(), false);
    while !running.is_empty() {
        go_on()?;
        if began.elapsed() > PATIENCE {
            stop(running);
            bail!("the nodes do not end");
        }
        pause(EVERY)?;
        if !is_killed && let Some(place) = holder(crew, &running, bytes) {
            let (node, child) = running.swap_remove(place);
            stop([(node, child)]);
            eprintln!("node {node} had {PERCENT} % of the model, and was killed");
            is_killed = true;
        }
        let ended = running.extract_if(.., |(_, child)| matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
        for (node, mut child) in ended {
            let status = child.wait()?;
            let failure = (!status.success()).then(|| status.to_string());
            runs.push(NodeRun { seconds: began.elapsed().as_secs_f64(), failure });
            removed(&crew.home(node))?;
        }
    }
    removed(&homes)?;
    if !is_killed {
        bail!("nobody was killed: the holder was too fast");
    }
    Ok(runs)
}

fn holder(crew: &Crew<'_>, running: &[(usize, Child)], bytes: u64) -> Option<usize> {
    running.iter().position(|(node, _)| held(&crew.home(*node)) * 100 >= bytes * PERCENT)
}

/// Bytes on the disk, not counting holes for unwritten parts.
fn held(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;

    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => held(&entry.path()),
            Ok(data) => data.blocks() * 512,
            // It was moved meanwhile.
            Err(_) => 0,
        })
        .sum()
}

fn stop(running: impl IntoIterator<Item = (usize, Child)>) {
    for (_, mut child) in running {
        // It may already have ended.
        let _ = child.kill();
        let _ = child.wait();
    }
}
