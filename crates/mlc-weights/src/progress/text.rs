//! The words for a download's steps, the same for bars and lines.

use std::time::Duration;

use facade::stores::{Filled, Pushed};
use facade::{Event, Outcome};

use super::face::Ending;
use crate::words::{self, elapsed, files, size};

/// A line for a step that a person should hear of; `None` for those that only move a counter.
pub(super) fn line(event: &Event<'_>, label: &str) -> Option<String> {
    let words = labelled(label, &words::event(event)?);
    Some(if matches!(event, Event::Warning(_)) { format!("warning: {words}") } else { words })
}

/// A line that says which of several models it is about.
pub(super) fn labelled(label: &str, words: &str) -> String {
    if label.is_empty() { words.to_owned() } else { format!("{label}: {words}") }
}

/// What became of a store that was filled on the way.
pub(super) fn filled(filled: &Filled) -> String {
    let model = &filled.model;
    match &filled.outcome {
        Ok(Pushed { store, files: count, bytes, .. }) => {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            format!("{model} is in {store} now; {} ({}) written", files(count), size(*bytes))
        }
        Err(error) => {
            let why = facade::causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
            format!("warning: the store could not be filled with {model}: {why}")
        }
    }
}

/// What an interrupted program still waits for.
pub(super) fn finishing(words: &str) -> String {
    format!("finishing: {words}")
}

/// The closing line: what was downloaded, from where, and what was there already.
pub(super) fn closing(ending: &Ending<'_>) -> Option<String> {
    let Outcome::Downloaded { bytes_received, bytes_from_store, bytes_copied, .. } = ending.outcome?.outcome
    else {
        return None;
    };
    let before = ending
        .view
        .totals
        .map_or(0, |totals| totals.bytes_done.saturating_sub(totals.received + bytes_copied));
    let before = (before > 0).then(|| format!("; {} was there already", size(before)));
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
}
