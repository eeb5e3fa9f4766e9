//! The words for a download's steps, the same for bars and lines.

use std::fmt::Display;
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
        Event::RetryingMetadata { delay, cause } => retrying(cause, *delay),
        Event::Commit { commit } => format!("the model is at commit {commit}"),
        Event::Reused { files: count, bytes } => reused(*count, *bytes),
        Event::Publishing { .. } => "all files are verified; putting the model in place".to_owned(),
        Event::Fetch(event) => fetch_text(event)?,
        _ => return None,
    })
}

fn fetch_text(event: &FetchEvent<'_>) -> Option<String> {
    Some(match event {
        FetchEvent::Planned { files: count, bytes, .. } => {
            format!("fetching {}, {}", files(*count), size(*bytes))
        }
        FetchEvent::Retrying { file, delay, cause, .. } => format!("{file}: {}", retrying(cause, *delay)),
        FetchEvent::Discarded { file, bytes, .. } => {
            format!("{file}: {} of it thrown away, to begin again", size(*bytes))
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
        Warning::UnlistedShard { path } => format!("{path} is left out: the manifest does not name it"),
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

fn reused(count: usize, bytes: u64) -> String {
    let are = if count == 1 { "is" } else { "are" };
    format!("{} ({}) {are} there already, verified", files(count), size(bytes))
}

/// What failed, and when it is tried again.
fn retrying(cause: impl Display, delay: Duration) -> String {
    match delay {
        Duration::ZERO => format!("{cause}; trying again"),
        delay => format!("{cause}; trying again in {}", seconds(delay)),
    }
}

/// A number of files.
pub(crate) fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// A size with the unit that fits: powers of 1000, as networks and disks are sold.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn check(event: &Event<'_>, expected: &str) {
        assert_eq!(line(event).unwrap(), expected);
    }

    #[test]
    fn steps() {
        let model = "user/repo".parse().unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        check(&Event::Metadata { model: &model }, "asking the hub for user/repo");
        check(
            &Event::Commit { commit: &commit },
            "the model is at commit 0123456789abcdef0123456789abcdef01234567",
        );
        check(&Event::WaitingForLock { holder: None }, "waiting for another download of this model");
        check(&Event::Reused { files: 1, bytes: 12 }, "1 file (12 B) is there already, verified");
        check(&Event::Reused { files: 2, bytes: 1_234_567 }, "2 files (1.23 MB) are there already, verified");
        check(
            &Event::Publishing { path: Path::new("model") },
            "all files are verified; putting the model in place",
        );
    }

    #[test]
    fn warnings_are_marked() {
        let path = "sub/a.bin".parse().unwrap();
        check(
            &Event::Warning(Warning::UnlistedShard { path: &path }),
            "warning: sub/a.bin is left out: the manifest does not name it",
        );
        check(
            &Event::Warning(Warning::CarriedOver { path: &path }),
            "warning: sub/a.bin was kept from the directory that is repaired",
        );
        check(
            &Event::Warning(Warning::ForceAnsweredByReadOnlyTier { tier: Path::new("/shared") }),
            "warning: not downloaded again: the read-only tier /shared has this model, and is looked through first",
        );
    }

    #[test]
    fn pauses() {
        assert_eq!(retrying("no answer", Duration::ZERO), "no answer; trying again");
        assert_eq!(retrying("no answer", Duration::from_millis(1_234)), "no answer; trying again in 1.2 s");
    }

    #[test]
    fn numbers() {
        assert_eq!([0, 1, 2].map(files), ["0 files", "1 file", "2 files"]);
        assert_eq!([0, 999, 65_536, 7_550_000_000].map(size), ["0 B", "999 B", "65.54 kB", "7.55 GB"]);
    }
}
