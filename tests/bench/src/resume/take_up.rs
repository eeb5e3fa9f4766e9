//! Resumes a model of which nine tenths are in the pool, compared with downloading the other tenth and
//! hashing those nine tenths once.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{ID, ResumeOptions, download};
use crate::hub::{HubProcess, Served, Shape};
use crate::measure::{Sample, measure, shown};
use crate::statistics::Spread;
use crate::table::{Table, or_dash, seconds};
use crate::workplace::{Workplace, emptied, go_on, removed};

/// The model's name in the cache's private folder.
const SLOT: &str = "bench+resume";
/// The missing tenth as a separate model.
const TENTH: &str = "bench/tenth";
/// Hashing nine tenths takes nine tenths of the time of hashing everything.
const NINE_TENTHS: f64 = 0.9;

/// The costs of the runs in all rounds.
#[derive(Default)]
struct Rounds {
    taken_up: Vec<Sample>,
    tenth: Vec<Sample>,
    hashed: Vec<Sample>,
}

pub(super) fn run(
    place: &Workplace,
    hub: &mut HubProcess,
    options: &ResumeOptions,
    model: &Served,
) -> Result<Value> {
    let folder = options.folder(place);
    let (shards, size) = (options.shards.div_ceil(10), options.shard_size << 20);
    let tenth = hub.publish(&Shape { id: TENTH.to_owned(), shards, size, flipped: None })?;
    let (source, home) = (emptied(folder.join("source"))?, folder.join("destination"));
    measure(&mut download(place, model, &source))?;
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds {
        go_on()?;
        let home = emptied(home.clone())?;
        rounds.tenth.push(measure(&mut download(place, &tenth, &home))?);
        let home = emptied(home)?;
        fill_pool(&source, &home)?;
        forget(options, &source)?;
        rounds.taken_up.push(measure(&mut download(place, model, &home))?);
        removed(&home)?;
        forget(options, &source)?;
        let mut verify = place.ours(&model.endpoint, &source);
        rounds.hashed.push(measure(verify.args(["verify", "--quiet", ID]))?);
    }
    removed(&source)?;
    Ok(rounds.report())
}

/// Drops the files from the page cache.
fn forget(options: &ResumeOptions, source: &Path) -> Result<()> {
    if !options.cold {
        return Ok(());
    }
    let model = source.join("model_weights/hf").join(ID);
    for entry in fs::read_dir(&model).with_context(|| format!("listing {}", model.display()))? {
        let mut dd = Command::new("dd");
        dd.arg(format!("if={}", entry?.path().display())).args(["iflag=nocache", "count=0", "status=none"]);
        let status = dd.status().with_context(|| format!("running {}", shown(&dd)))?;
        ensure!(status.success(), "{} failed", shown(&dd));
    }
    Ok(())
}

/// Puts nine of ten files into the pool, as an interrupted download would.
fn fill_pool(source: &Path, home: &Path) -> Result<()> {
    let receipt = source.join("model_weights/.mlc-weights/receipts").join(format!("{SLOT}.json"));
    let text = fs::read(&receipt).with_context(|| format!("reading {}", receipt.display()))?;
    let receipt: Value = serde_json::from_slice(&text)?;
    let pool = home.join("model_weights/.mlc-weights/staging").join(SLOT).join("pool");
    fs::create_dir_all(&pool)?;
    let files = receipt["files"].as_array().into_iter().flatten();
    let shards = files.filter_map(|file| Some((file["path"].as_str()?, file["sha256"].as_str()?)));
    let shards = shards.filter(|(path, _)| path.ends_with(".bin")).enumerate();
    for (_, (path, sha256)) in shards.filter(|(place, _)| place % 10 != 9) {
        let file = source.join("model_weights/hf").join(ID).join(path);
        fs::hard_link(&file, pool.join(format!("sha256-{sha256}")))?;
    }
    Ok(())
}

impl Rounds {
    fn parts(&self) -> [(&'static str, &[Sample], f64); 3] {
        [
            ("the model, of which nine tenths are in the pool", &self.taken_up, 1.0),
            ("a model of the other tenth alone", &self.tenth, 1.0),
            ("hashing nine tenths alone (0.9 of `verify`)", &self.hashed, NINE_TENTHS),
        ]
    }

    fn report(&self) -> Value {
        self.print();
        let [wall, cpu] = [self.ratio(walls), self.ratio(cpus)];
        let shown = |ratio: Option<Spread>| or_dash(ratio, |ratio| format!("{:.2}", ratio.median));
        println!(
            "(first - second) / third, median of the rounds: wall {}, CPU {}\n",
            shown(wall),
            shown(cpu)
        );
        let samples = self.parts().map(|(name, samples, share)| {
            json!({ "what": name, "wall": walls(samples, share), "cpu": cpus(samples, share) })
        });
        json!({ "samples": samples, "wall": wall, "cpu": cpu })
    }

    fn print(&self) {
        let mut table = Table::new(&["what", "wall s", "min", "max", "CPU s"]);
        for (name, samples, share) in self.parts() {
            let wall = Spread::of(&walls(samples, share));
            let cpu = Spread::of(&cpus(samples, share));
            let shown = |value: fn(Spread) -> f64| or_dash(wall, |spread| seconds(value(spread)));
            table.row([
                name.to_owned(),
                shown(|spread| spread.median),
                shown(|spread| spread.min),
                shown(|spread| spread.max),
                or_dash(cpu, |spread| seconds(spread.median)),
            ]);
        }
        println!("{table}");
    }

    /// The cost beyond downloading the rest, divided by the cost of hashing.
    fn ratio(&self, of: fn(&[Sample], f64) -> Vec<f64>) -> Option<Spread> {
        let (taken, tenth) = (of(&self.taken_up, 1.0), of(&self.tenth, 1.0));
        let hashed = of(&self.hashed, NINE_TENTHS);
        let ratios = taken.iter().zip(&tenth).zip(&hashed);
        let ratios: Vec<f64> = ratios.map(|((taken, tenth), hashed)| (taken - tenth) / hashed).collect();
        Spread::of(&ratios)
    }
}

fn walls(samples: &[Sample], share: f64) -> Vec<f64> {
    samples.iter().map(|sample| sample.wall * share).collect()
}

fn cpus(samples: &[Sample], share: f64) -> Vec<f64> {
    samples.iter().filter_map(|sample| sample.cpu).map(|cpu| cpu * share).collect()
}
