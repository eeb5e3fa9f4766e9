//! The words for a download's steps, the same for bars and lines.

use std::time::Duration;

use facade::{Event, FetchEvent, Model, Outcome, Warning};

/// A line for a step that a person should hear of; `None` for those that only move a counter.
pub(crate) fn line(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Warning(warning) => format!("warning: {}", warning_text(warning)?),
        Event::WaitingForLock { holder: Some(holder) } => {
            format!("waiting for another download of this model, by {holder}")
        }
        Event::WaitingForLock { holder: None } => "waiting for another download of this model".to_owned(),
        Event::Metadata { model } => format!("asking the hub for {model}"),
        Event::RetryingMetadata { delay, cause } => format!("trying again in {}: {cause}", seconds(*delay)),
        Event::Commit { commit } => format!("the model is at commit {commit}"),
        Event::Reused { files, bytes } => {
            format!("{files} files ({}) are there already, verified", size(*bytes))
        }
        Event::Publishing { .. } => "all files are verified; putting the model in place".to_owned(),
        Event::Fetch(FetchEvent::Planned { files, bytes, .. }) => {
            format!("fetching {files} files, {}", size(*bytes))
        }
        Event::Fetch(FetchEvent::Retrying { file, delay, cause, .. }) => {
            format!("{file}: trying again in {}: {cause}", seconds(*delay))
        }
        Event::Fetch(FetchEvent::Discarded { file, bytes, .. }) => {
            format!("{file}: {} thrown away, they were not those of the file", size(*bytes))
        }
        _ => return None,
    })
}

fn warning_text(warning: &Warning<'_>) -> Option<String> {
    Some(match warning {
        Warning::ForceAnsweredByReadOnlyTier { tier } => format!(
            "not downloaded again: the read-only tier {} has this model, and is looked through first",
            tier.display()
        ),
        Warning::PassedOver(entry) => format!("not the whole model: {entry}"),
        Warning::UnlistedShard { path } => {
            format!("{path} is left out: the manifest does not name it")
        }
        Warning::CarriedOver { path } => format!("{path} was kept from the directory that is repaired"),
        _ => return None,
    })
}

/// The closing line.
pub(crate) fn closing(model: &Model, elapsed: Duration) -> Option<String> {
    match model.outcome {
        Outcome::Downloaded { bytes_received } => {
            Some(format!("downloaded {} in {}", size(bytes_received), seconds(elapsed)))
        }
        _ => None,
    }
}

/// A size with the unit that fits: powers of 1000, as networks and disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
