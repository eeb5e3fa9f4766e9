//! `mlc-weights verify`: whether cached models are what they must be, and how to mend those that are not.

mod lines;
mod session;

use std::collections::BTreeSet;

use facade::{Builder, ModelRef, Repair, VerifyReport};
use serde::Serialize;

use self::session::Session;
use super::{JSON_VERSION, named, print, print_json};
use crate::arguments::Verify;
use crate::exit::{Failure, Status};
use crate::progress::Screen;
use crate::report;

/// What became of one copy of a model.
#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    report: VerifyReport,
    repair: Mended,
}

/// Whether a copy was repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mended {
    /// There was nothing to repair.
    NotNeeded,
    /// Nobody asked for it.
    NotAsked,
    /// What was wrong was fetched anew, and is verified.
    Repaired,
    /// It was tried and failed.
    Failed,
    /// Nothing is written to the tier that the copy is in.
    ReadOnly,
}

/// What is printed with `--json`.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    models: &'a [Checked],
}

/// Verifies one model after another; a failure does not keep the next one from being looked at.
pub(super) fn run(arguments: &Verify, screen: Screen) -> Result<(), Failure> {
    let named = named::models(&arguments.models)?;
    let downloader = Builder::from_env()?.build()?;
    let models: BTreeSet<ModelRef> = match arguments.all {
        true => downloader.cache().models()?.into_iter().collect(),
        false => named.into_iter().collect(),
    };
    let mut session = Session::new(downloader, repair(arguments), screen);
    let (mut all, mut first) = (Vec::new(), None);
    for model in &models {
        let (checked, failure) = session.check(model);
        if !arguments.json {
            let lines: Vec<String> = checked.iter().flat_map(lines::of).collect();
            print(lines.concat().as_bytes())?;
        }
        all.extend(checked);
        if let Some(failure) = failure {
            report::failure(&failure);
            first.get_or_insert(Status::from(&failure));
            if matches!(failure, Failure::Interrupted) {
                break;
            }
        }
    }
    session.stop();
    if arguments.json {
        print_json(&Document { version: JSON_VERSION, models: &all })?;
    }
    let damage = all.iter().any(Checked::is_bad).then_some(Status::Integrity);
    first.or(damage).map_or(Ok(()), |status| Err(Failure::Reported(status)))
}

fn repair(arguments: &Verify) -> Option<Repair> {
    arguments.repair.then_some(match arguments.force {
        true => Repair::DamagedAndModified,
        false => Repair::Damaged,
    })
}

impl Checked {
    /// Whether something is corrupt or missing still.
    fn is_bad(&self) -> bool {
        !self.report.is_sound() && self.repair != Mended::Repaired
    }
}
