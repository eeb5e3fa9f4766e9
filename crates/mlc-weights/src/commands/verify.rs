//! `mlc-weights verify`: whether cached models are what they must be, and how to mend those that are not.

mod lines;
mod session;

use std::collections::BTreeSet;

use facade::env::Settings;
use facade::{DownloaderBuilder, ModelRef, Repair};
use serde::Serialize;

use self::session::{Checked, Session};
use super::named;
use crate::arguments::Verify;
use crate::exit::{Failure, Status};
use crate::output::{JSON_VERSION, print, print_json};
use crate::progress::Screen;
use crate::report;

/// What is printed with `--json`.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    models: &'a [Checked],
}

/// Verifies one model after another; a failure does not keep the next one from being looked at.
pub(super) fn run(arguments: &Verify, screen: Screen) -> Result<(), Failure> {
    let named = named::models(&arguments.models)?;
    let settings = Settings::from_env()?;
    let policy_by = settings.policy_variable;
    let downloader = DownloaderBuilder::from_settings(settings).build()?;
    let models = if arguments.all { downloader.cache().models()? } else { named };
    let models: BTreeSet<ModelRef> = models.into_iter().collect();
    let mut session = Session::new(downloader, repair(arguments), screen);
    let (mut all, mut first) = (Vec::new(), None);
    for (model, number) in models.iter().zip(1..) {
        let (checked, failure) = session.check(model, (number, models.len()));
        if !arguments.json {
            let lines: Vec<String> = checked.iter().flat_map(lines::of).collect();
            print(&lines)?;
        }
        all.extend(checked);
        if let Some(failure) = failure.map(|failure| failure.of_policy(policy_by)) {
            report::failure(&failure);
            first.get_or_insert(Status::from(&failure));
            if matches!(failure, Failure::Interrupted { .. }) {
                break;
            }
        }
    }
    session.stop();
    if arguments.json {
        print_json(&Document { version: JSON_VERSION, models: &all })?;
    }
    let damage = all.iter().any(Checked::is_bad).then_some(Status::Integrity);
    Failure::after_reports(first.or(damage))
}

fn repair(arguments: &Verify) -> Option<Repair> {
    arguments.repair.then_some(if arguments.force { Repair::DamagedAndModified } else { Repair::Damaged })
}
