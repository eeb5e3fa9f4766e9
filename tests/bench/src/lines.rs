//! Whole downloads over bad lines, compared with other programs, each restarted until it is done.

mod life;
mod look;
mod outcome;
mod picture;
mod scenes;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Value, json};

use crate::contestants::{Contestant, Course};
use crate::hub::{HubProcess, Network, Served};
use crate::measure::shown;
use crate::workplace::{Workplace, emptied, go_on, pause, removed};
use life::End;
use look::Found;
use outcome::{Entry, Outcome, Run, Scored};
use scenes::{Line, Sizes};

/// Options that scale the benchmark down.
#[derive(Args, Clone)]
pub(super) struct LinesOptions {
    /// How often each program downloads on each line
    #[arg(long, default_value = "3", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Only this line; may be repeated
    #[arg(long)]
    line: Vec<Line>,
    /// Only programs whose name contains this, besides ours
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Another build of `mlc-weights`, which downloads too
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    #[command(flatten)]
    sizes: Sizes,
    /// The time limit of a program, as a multiple of ours
    #[arg(long, value_name = "TIMES", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    patience: u32,
    /// The time limit is at least this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..))]
    at_least: u64,
    /// The time limit is at most this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u64).range(1..))]
    at_most: u64,
    /// Draw a chart (`lines.svg`) in this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
}

/// The delay before a program that gave up is restarted, as in a shell loop.
const PAUSE: Duration = Duration::from_secs(1);

/// One trial: the hub with its line, a model, and the programs.
struct Trial<'a> {
    place: &'a Workplace,
    options: &'a LinesOptions,
    scene: Line,
    model: Served,
}

pub(super) fn run(place: &Workplace, options: &LinesOptions) -> Result<Value> {
    let scenes = if options.line.is_empty() { Line::ALL.to_vec() } else { options.line.clone() };
    let mut hub = place.start_hub(Network::Loopback)?;
    let mut scored = Vec::new();
    for scene in scenes {
        let model = hub.publish(&scene.shape(&options.sizes))?;
        let files = model.files.len();
        println!("\n## {scene}: {files} files, {:.1} MB, {} rounds\n", megabytes(&model), options.rounds);
        let trial = Trial { place, options, scene, model };
        let entries = trial.rounds(&mut hub)?;
        println!("{}", outcome::table(&entries, trial.model.bytes()));
        for entry in &entries {
            let folder = place.memory.display().to_string();
            println!("{}: {}", entry.name, entry.command.replace(&folder, "…"));
        }
        scored.push(Scored { scene, bytes: trial.model.bytes(), entries });
    }
    println!("\n## All lines\n\n{}", outcome::summary(&scored));
    if let Some(folder) = &options.charts {
        picture::draw(folder, &scored)?;
    }
    Ok(json!({ "rounds": options.rounds, "lines": scored }))
}

impl Trial<'_> {
    /// Runs every program once per round, except those that were too slow.
    fn rounds(&self, hub: &mut HubProcess) -> Result<Vec<Entry>> {
        let inputs = emptied(self.place.memory.join("inputs"))?;
        let course = Course { place: self.place, model: &self.model, inputs: &inputs };
        let others = course.stubborn_others()?;
        let part = self.options.against.as_deref().unwrap_or_default();
        let others = others.into_iter().filter(|other| other.name.contains(part));
        let before = self.options.before.as_deref().map(|program| course.before(program));
        let contestants: Vec<Contestant> = [course.ours()].into_iter().chain(before).chain(others).collect();
        let mut entries: Vec<Entry> = contestants.iter().map(Entry::of).collect();
        let rounds = self.options.rounds;
        for round in 1..=rounds {
            // Ours runs first, and determines the time limit of the others.
            let mut limit = Duration::from_secs(self.options.at_most);
            for (place, contestant) in contestants.iter().enumerate() {
                go_on()?;
                let Some(entry) = entries.get_mut(place) else { continue };
                if entry.runs.iter().all(|run| run.outcome == Outcome::Done) {
                    let (run, command) = self.run(hub, contestant, limit)?;
                    // Some take minutes, so show progress.
                    eprintln!("round {round} of {rounds}: {}: {run}", contestant.name);
                    entry.runs.push(run);
                    entry.command = command;
                }
                if let Some(run) = entry.runs.last().filter(|_| place == 0) {
                    limit = self.limit(run.wall);
                }
            }
        }
        Ok(entries)
    }

    fn limit(&self, ours: f64) -> Duration {
        let times = Duration::from_secs_f64(ours * f64::from(self.options.patience));
        let least = times.max(Duration::from_secs(self.options.at_least));
        least.min(Duration::from_secs(self.options.at_most))
    }

    /// Runs from an empty folder until the model is complete. Also returns the command, for display.
    fn run(&self, hub: &mut HubProcess, contestant: &Contestant, limit: Duration) -> Result<(Run, String)> {
        let destination = emptied(self.place.memory.join("destination"))?;
        let errors = self.place.memory.join("errors");
        hub.set_trouble(&self.scene.trouble(&self.model))?;
        hub.count()?;
        let mut command = (contestant.download)(&destination);
        let began = Instant::now();
        let mut restarts = 0;
        let (outcome, wall) = loop {
            let end = life::live(&mut command, &errors, began + limit, self.scene.kills())
                .with_context(|| contestant.name.clone())?;
            // Before the check, whose time does not count.
            let wall = began.elapsed().as_secs_f64();
            match end {
                End::TooLate => break (Outcome::NotWithin(limit.as_secs()), wall),
                End::Killed => {}
                // curl reports an error if a file already exists.
                End::Done | End::GaveUp => match look::found(&destination, &self.model)? {
                    Found::Whole => break (Outcome::Done, wall),
                    Found::Wrong if end == End::Done => break (Outcome::Wrong, wall),
                    Found::Wrong | Found::Missing => {}
                },
            }
            restarts += 1;
            if end != End::Killed {
                pause(PAUSE)?;
            }
            command = (contestant.download)(&destination);
        };
        let count = hub.count()?;
        removed(&destination)?;
        let requests = count.to_hub + count.to_data_host;
        Ok((Run { outcome, wall, restarts, sent: count.sent, requests }, shown(&command)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit is printed")]
fn megabytes(model: &Served) -> f64 {
    model.bytes() as f64 / 1e6
}
