//! Kills a program repeatedly while a watcher checks what is visible.
//!
//! [`Crash`] starts the real `mlc-weights`, kills it with `SIGKILL` at random moments, half of them while a
//! model is being published, and restarts it until the model is complete. Meanwhile a watcher keeps reading
//! the visible directory. During a plain download it must see nothing or the whole model; during a forced
//! one, the old or the new model; during a repair, exactly the initial state or the repaired model.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use local_hub::{LocalHub, ModelFixture, PublishedModel};

use crate::life::Life;

/// Which program is killed, where, and the seed of the random moments.
pub(super) struct Crash<'a> {
    /// The path of an `mlc-weights`.
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
    /// Repeats the same moments, as far as processes are reproducible.
    pub(super) seed: u64,
}

/// The kind of download that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// There is no model yet.
    Plain,
    /// A whole model is downloaded again, in a newer version.
    Redo,
    /// A model lacks a shard, and has the user's own files and edits.
    Repair,
}

/// The results.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// How often the program was killed: in plain, forced and repairing downloads.
    pub(super) kills: [usize; 3],
    /// How many models were completed.
    pub(super) models: usize,
    /// How often the watcher read the directory.
    pub(super) looks: u64,
}

/// The maximum number of kills for one download.
const MAX_KILLS: u64 = 8;

impl Tally {
    /// The total number of kills.
    pub(super) fn total_kills(&self) -> usize {
        self.kills.iter().sum()
    }
}

impl Crash<'_> {
    /// Runs until the program was killed `rounds` times, and calls `progress` after each kill. Fails if the
    /// watcher sees a forbidden state, or if a model is incomplete in the end.
    pub(super) fn run(&self, rounds: usize, mut progress: impl FnMut(&Tally)) -> Result<Tally> {
        let (mut dice, mut tally) = (Rng::with_seed(self.seed), Tally::default());
        let hub = LocalHub::builder().files_in(self.folder).start();
        let (old, new) = (publish(&hub, 0), publish(&hub, 1));
        // A first guess of how long a download takes here.
        let mut usual = Duration::from_millis(500);
        for number in 0.. {
            let job = [Job::Plain, Job::Redo, Job::Repair][number % 3];
            let home = self.folder.join(format!("home-{number}"));
            let life = Life { program: self.program, hub: &hub, home, job, old: &old, new: &new };
            let mut left = 1 + dice.u64(..MAX_KILLS);
            let watched = life.live(&mut dice, &mut usual, || {
                left -= 1;
                tally.kills[number % 3] += 1;
                progress(&tally);
                left > 0 && tally.total_kills() < rounds
            });
            tally.looks += watched.with_context(|| format!("{job:?}, model {number}, seed {}", self.seed))?;
            tally.models += 1;
            if tally.total_kills() >= rounds {
                break;
            }
        }
        ensure!(tally.looks > 0, "nothing was looked at");
        Ok(tally)
    }
}

/// A model of a few shards; the newer version is served.
fn publish(hub: &LocalHub, seed: u64) -> PublishedModel {
    hub.publish(&ModelFixture::new("mlc-ai/killed").shards(6, 300_000).seed(seed))
}
