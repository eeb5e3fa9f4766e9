//! Replays the behaviour of the Python original: every row of `data/oracle.json` must have its recorded
//! outcome.
//!
//! `docs/compat.md` explains the rows, and `data/record_oracle.py` recorded them.

#![expect(clippy::panic, reason = "a test's failure is a panic")]

mod call;
mod rows;
mod stage;

use std::collections::BTreeMap;

use local_hub::{LocalHub, RequestLog};
use serde_json::{Value, json};

use call::Answer;
use rows::{Oracle, Row};
use stage::RowStage;

/// The number of rows in each group, so that a lost row, or one that is recorded but not replayed, is
/// noticed.
const GROUPS: [(&str, usize); 7] = [
    ("writable tier", 48),
    ("read-only tiers", 40),
    ("both", 16),
    ("url", 60),
    ("policy value", 4),
    ("download", 27),
    ("get_or_download_model", 14),
];

#[test]
fn there_are_209_rows_in_groups_that_are_replayed() {
    let oracle = Oracle::load();
    let mut found = BTreeMap::new();
    for row in &oracle.rows {
        *found.entry(row.group.as_str()).or_insert(0) += 1;
    }
    assert_eq!(found, BTreeMap::from(GROUPS));
    assert_eq!(found.values().sum::<usize>(), 209);
}

#[test]
fn the_writable_tier_behaves_as_in_the_original() {
    replay("writable tier");
}

#[test]
fn read_only_tiers_behave_as_in_the_original() {
    replay("read-only tiers");
}

#[test]
fn both_kinds_of_tiers_behave_as_in_the_original() {
    replay("both");
}

#[test]
fn urls_are_accepted_as_in_the_original() {
    replay("url");
}

#[test]
fn values_of_the_policy_mean_what_they_do_in_the_original() {
    replay("policy value");
}

#[test]
fn downloads_end_as_in_the_original() {
    replay("download");
}

#[test]
fn get_or_download_model_behaves_as_in_the_original() {
    replay("get_or_download_model");
}

/// Compares all rows of a group, and reports all differences.
#[track_caller]
fn replay(group: &str) {
    let oracle = Oracle::load();
    let mut hubs = BTreeMap::new();
    let (mut compared, mut wrong) = (0, Vec::new());
    for row in oracle.rows.iter().filter(|row| row.group == group) {
        let hub = hubs.entry(&row.repository).or_insert_with(|| hub_with(&oracle, &row.repository));
        let difference = match outcome(&oracle, row, hub) {
            Ok(found) if found == row.expected() => None,
            Ok(found) => Some(format!("expected {}\n       found {found}", row.expected())),
            Err(problem) => Some(problem),
        };
        compared += 1;
        wrong.extend(difference.map(|text| format!("{}\n    {text}", row.name)));
    }
    assert!(wrong.is_empty(), "{} of {compared} rows differ:\n{}", wrong.len(), wrong.join("\n"));
    let expected = GROUPS.iter().find(|(name, _)| *name == group).map(|(_, rows)| *rows);
    assert_eq!(Some(compared), expected, "rows of {group}");
}

/// A hub that serves one repository under each name in the valid URLs.
fn hub_with(oracle: &Oracle, repository: &str) -> LocalHub {
    let hub = LocalHub::start();
    if let Some(repository) = &oracle.repositories[repository] {
        for id in ["user/repo", "User-1/Repo_2.0-q4f16_1-MLC"] {
            hub.publish(&repository.fixture(id));
        }
    }
    hub
}

/// The outcome of a row here, in the terms of the recording; an error if a general promise is broken.
fn outcome(oracle: &Oracle, row: &Row, hub: &LocalHub) -> Result<Value, String> {
    let stage = RowStage::new(oracle, row);
    let requests = hub.log().from_now();
    let before = stage.contents();
    let answer = call::carry_out(row, &stage, &hub.endpoint());
    let mut outcome = match &answer {
        Answer::Returned(path) => {
            json!({ "returns": stage.place(path), "downloaded": !requests.is_empty() })
        }
        Answer::Raised(exception) => json!({ "raises": exception }),
    };
    let vanished = before.has_entry() && !stage.entry.exists();
    outcome["deleted_first"] = Value::Bool(vanished || stage.entry_was_missed());
    if let Answer::Returned(path) = &answer
        && row.group == "download"
    {
        outcome["files"] = oracle.files_left(&row.repository, path);
    }
    check_promises(row, &answer, &stage, &before, &requests)?;
    Ok(outcome)
}

/// What must hold whatever the original does.
fn check_promises(
    row: &Row,
    answer: &Answer,
    stage: &RowStage,
    before: &stage::Contents,
    requests: &RequestLog,
) -> Result<(), String> {
    let after = stage.contents();
    if after.read_only != before.read_only {
        return Err("a read-only tier was written to".to_owned());
    }
    let at_once = row.num_processes.unwrap_or(4);
    if requests.data().max_concurrent() > at_once {
        return Err(format!("more than {at_once} files were fetched at once"));
    }
    if matches!(answer, Answer::Returned(_)) && requests.is_empty() && after.home != before.home {
        return Err("a hit has changed the home".to_owned());
    }
    if let Answer::Raised(what) = answer {
        if after.models() != before.models() {
            return Err("a failed call has changed the models in the cache".to_owned());
        }
        if requests.is_empty() && after.home != before.home {
            return Err("a refused call has changed the home".to_owned());
        }
        // Only the hub can report a missing revision.
        let is_hubs = what == "Refused" || matches!(row.group.as_str(), "download" | "get_or_download_model");
        if !requests.is_empty() && !is_hubs {
            return Err("a refused call has used the network".to_owned());
        }
    }
    Ok(())
}
