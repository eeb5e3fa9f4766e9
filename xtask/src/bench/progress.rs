//! What it costs to show progress while bytes come as fast as this machine can send them to itself.

use std::process::Command;

use anyhow::Result;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Value, json};

use super::hub::{Network, Shape};
use super::measure::{Sample, measure};
use super::statistics::{Spread, ratio};
use super::table::{Table, or_dash, seconds};
use super::workplace::{Workplace, emptied, go_on, removed};

/// A way to show it.
#[derive(Clone, Copy)]
struct Way {
    /// As `--progress` knows it.
    name: &'static str,
    /// On a terminal that `script` makes, which takes some time itself.
    on_terminal: bool,
}

impl Way {
    const fn piped(name: &'static str) -> Self {
        Self { name, on_terminal: false }
    }

    const fn on_terminal(name: &'static str) -> Self {
        Self { name, on_terminal: true }
    }

    fn title(self) -> String {
        if self.on_terminal { format!("{}, on a terminal", self.name) } else { self.name.to_owned() }
    }
}

/// Each is compared with the one before it that shows nothing.
const WAYS: [Way; 5] = [
    Way::piped("none"),
    Way::piped("plain"),
    Way::piped("json"),
    Way::on_terminal("none"),
    Way::on_terminal("bar"),
];

/// How much, and how often.
#[derive(Args, Clone)]
pub(super) struct Options {
    /// How often each way is measured
    #[arg(long, default_value = "15", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    rounds: usize,
    /// Shards of the model, of 64 MB each
    #[arg(long, default_value = "24", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    shards: usize,
}

pub(super) fn run(place: &Workplace, options: &Options) -> Result<Value> {
    println!(
        "\n## Progress: {} shards of 64 MB over loopback, {} rounds in turn\n",
        options.shards, options.rounds
    );
    let mut hub = place.start_hub(Network::Loopback)?;
    let shape =
        Shape { id: "bench/progress".to_owned(), shards: options.shards, size: 64_000_000, flipped: None };
    let model = hub.publish(&shape)?;
    let mut samples = WAYS.map(|way| (way, Vec::new()));
    for _ in 0..options.rounds {
        for (way, samples) in &mut samples {
            go_on()?;
            let home = emptied(place.memory.join("destination"))?;
            let ours = place.ours(&model.endpoint, &home);
            samples.push(measure(&mut download(ours, *way, &model.url))?);
            removed(&home)?;
        }
    }
    print(&samples);
    let results = samples.iter().map(|(way, samples)| (way.title(), json!(samples)));
    Ok(Value::Object(results.collect()))
}

fn download(mut ours: Command, way: Way, url: &str) -> Command {
    ours.args(["download", "--no-fsync", "--progress", way.name, url]);
    if way.on_terminal { on_a_terminal(&ours) } else { ours }
}

/// The same program under `script`, which gives it a terminal.
fn on_a_terminal(program: &Command) -> Command {
    let words = [program.get_program()].into_iter().chain(program.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.env("TERM", "xterm-256color");
    script
}

fn print(samples: &[(Way, Vec<Sample>)]) {
    let mut table = Table::new(&["progress", "wall s", "CPU s", "CPU/none"]);
    let cpus = |samples: &[Sample]| samples.iter().filter_map(|sample| sample.cpu).collect::<Vec<_>>();
    let mut none = Vec::new();
    for (way, samples) in samples {
        let walls: Vec<f64> = samples.iter().map(|sample| sample.wall).collect();
        let cpus = cpus(samples);
        if way.name == "none" {
            none.clone_from(&cpus);
        }
        table.row([
            way.title(),
            or_dash(Spread::of(&walls), |spread| seconds(spread.median)),
            or_dash(Spread::of(&cpus), |spread| seconds(spread.median)),
            or_dash(ratio(&cpus, &none), |ratio| format!("{ratio:.3}")),
        ]);
    }
    println!("{table}");
}
