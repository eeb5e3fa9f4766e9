//! The words for a download's steps, the same for bars and lines.

use std::time::Duration;

use facade::stores::{Filled, Pushed};
use facade::{Event, Outcome};

use super::face::Ending;
use super::summary::BytesBySource;
use crate::words::{self, elapsed, files, size};

/// A line for a step that people should know of; `None` for those that only move a counter.
pub(super) fn line(event: &Event<'_>, label: &str) -> Option<String> {
    let words = labelled(label, &words::event(event)?);
    Some(if matches!(event, Event::Warning(_)) { format!("warning: {words}") } else { words })
}

/// A line that says which of several models it is about, and names it once.
pub(super) fn labelled(label: &str, words: &str) -> String {
    let Some((model, _)) = label.split_once(' ') else { return words.to_owned() };
    format!("{label}: {}", words.replacen(&format!(" for {model}"), "", 1))
}

/// What became of a store that was filled on the way.
pub(super) fn filled(filled: &Filled) -> String {
    let model = &filled.model;
    match &filled.outcome {
        Ok(Pushed { store, files: count, bytes, .. }) => {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            format!("{model} is now in {store}; {} ({}) written", files(count), size(*bytes))
        }
        Err(error) => {
            let why = facade::causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
            format!("warning: could not put {model} into the store: {why}")
        }
    }
}

/// What an interrupted program still waits for.
pub(super) fn finishing(words: &str) -> String {
    format!("finishing: {words}")
}

/// The closing line: what was downloaded, from where, and what was already there.
pub(super) fn closing(ending: &Ending<'_>) -> Option<String> {
    let outcome = ending.outcome?.outcome;
    let Outcome::Downloaded { bytes_received, bytes_from_store, bytes_copied, .. } = outcome else {
        return None;
    };
    let before =
        ending.view.totals.as_ref().map_or(0, |totals| BytesBySource::of(totals).ended(outcome).reused);
    let before = (before > 0).then(|| format!("; {} was already there", size(before)));
    let stored = Some(bytes_from_store + bytes_copied).filter(|bytes| *bytes > 0);
    let stored = stored.map(|bytes| format!("; {} from the store", size(bytes)));
    let came = if bytes_received == 0 {
        "nothing to download".to_owned()
    } else {
        downloaded(bytes_received, ending.view.elapsed)
    };
    Some([Some(came), stored, before].into_iter().flatten().collect())
}

fn downloaded(bytes: u64, took: Duration) -> String {
    let rate = u128::from(bytes).saturating_mul(1000).checked_div(took.as_millis());
    let rate = rate.map(|rate| format!(", {}/s", size(u64::try_from(rate).unwrap_or(u64::MAX))));
    format!("downloaded {} in {}{}", size(bytes), elapsed(took), rate.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn warnings_are_marked() {
        let lines = sample::seen(|event| [line(event, ""), line(event, "a/b (2 of 3)")].map(Option::unwrap));
        assert_eq!(
            lines[0][0],
            "warning: the access token is sent to http://hub.invalid unencrypted: anyone in between can read it"
        );
        assert_eq!(lines[1], ["asking the hub for user/repo", "a/b (2 of 3): asking the hub for user/repo"]);
    }

    #[test]
    fn a_line_names_its_model_once() {
        let lines = sample::seen(|event| line(event, "user/repo (2 of 3)").unwrap());
        assert_eq!(lines[1], "user/repo (2 of 3): asking the hub");
    }
}
