//! The chart of all lines.

use std::path::Path;

use anyhow::Result;

use super::outcome::{Entry, Outcome, Scored};
use crate::chart::{Bar, Panel, write};
use crate::table::seconds;

pub(super) fn draw(folder: &Path, scored: &[Scored]) -> Result<()> {
    let panel = |one: &Scored| Panel { title: one.scene.to_string(), bars: bars(&one.entries) };
    let panels: Vec<Panel> = scored.iter().map(panel).collect();
    let note = "Seconds until the whole model is there, medians; each is started again until it is. Red: not in time.";
    write(&folder.join("lines.svg"), "Bad lines", note, 2, &panels)
}

fn bars(entries: &[Entry]) -> Vec<Bar> {
    let bar = |(place, entry): (usize, &Entry)| Bar {
        // Space is limited.
        name: entry.name.split(" (").next().unwrap_or_default().to_owned(),
        length: entry.wall(),
        label: match entry.outcome() {
            Some(Outcome::Done) => format!("{} s", entry.wall().map_or_else(String::new, seconds)),
            Some(Outcome::NotWithin(_)) => format!("{} s", entry.shown()),
            Some(Outcome::Wrong) | None => entry.shown(),
        },
        is_ours: place == 0,
    };
    entries.iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::super::outcome::entry;
    use super::*;

    #[test]
    fn who_was_not_done_has_no_length() {
        let entries =
            [entry("ours", &[(Outcome::Done, 1.5)]), entry("curl", &[(Outcome::NotWithin(60), 60.0)])];
        let bars = bars(&entries);
        assert_eq!((bars[0].length, bars[0].label.as_str(), bars[0].is_ours), (Some(1.5), "1.50 s", true));
        assert_eq!((bars[1].length, bars[1].label.as_str()), (None, "not within 60 s"));
    }
}
