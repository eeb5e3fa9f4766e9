//! Progress for programs: an object a line, as `docs/progress.md` describes it.

use std::time::{Duration, Instant};

use facade::stores::Filled;
use facade::{Event, EventRecord, ModelRef, Outcome};
use serde_json::{Value, json};

use super::face::{Ending, Face};
use super::view::{FileState, View};
use super::{Summary, text};
use crate::exit::Failure;
use crate::output::{printable_json, rounded, say_object};
use crate::report;

/// Grows when a reader that knows the version before would misunderstand what is written. New events and new
/// members are no reason: readers skip what they do not know.
const VERSION: u32 = 1;

const PERIOD: Duration = Duration::from_secs(1);

pub(super) struct Json {
    model: ModelRef,
    began: Instant,
}

impl Json {
    pub(super) fn new(model: &ModelRef) -> Self {
        Self { model: model.clone(), began: Instant::now() }
    }

    fn say(&self, name: &str, members: Value) {
        let seconds = rounded(self.began.elapsed());
        say_object(&object(name, &[json!({ "model": self.model.to_string(), "seconds": seconds }), members]));
    }
}

impl Face for Json {
    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn show(&self, view: &View) {
        self.say("progress", progress(view));
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some((name, members)) = event_object(event) {
            self.say(&name, members);
        }
    }

    fn finishing(&self, words: &str) {
        finishing(words);
    }

    fn end(&self, ending: &Ending<'_>) {
        let Some(model) = ending.outcome else { return };
        let (outcome, received, from_store) = match model.outcome {
            Outcome::Downloaded { bytes_received, bytes_from_store, bytes_copied, .. } => {
                ("downloaded", bytes_received, bytes_from_store + bytes_copied)
            }
            _ => ("cached", 0, 0),
        };
        let commit = model.commit.map(|commit| commit.to_string());
        let members = json!({
            "outcome": outcome,
            "path": model.path.to_string_lossy(),
            "commit": commit,
            "bytes_received": received,
            "bytes_from_store": from_store,
        });
        self.say("done", members);
    }
}

/// Says what went wrong.
pub(super) fn report(model: Option<&ModelRef>, failure: &Failure) {
    let kept = if let Failure::Interrupted { kept, .. } = failure { *kept } else { None };
    let members = json!({
        "kept_bytes": kept,
    });
    let model = json!({ "model": model.map(ToString::to_string) });
    say_object(&object("failed", &[model, report::members(failure), members]));
}

/// Says what became of a store that was filled on the way.
pub(super) fn filled(filled: &Filled) {
    let model = filled.model.to_string();
    let members = match &filled.outcome {
        Ok(pushed) => json!({
            "model": model,
            "store": pushed.store,
            "commit": pushed.commit.to_string(),
            "files_written": pushed.files,
            "bytes_written": pushed.bytes,
        }),
        Err(_) => json!({ "model": model, "message": text::filled(filled) }),
    };
    say_object(&object(if filled.outcome.is_ok() { "filled" } else { "not_filled" }, &[members]));
}

/// Says what an interrupted program still waits for.
pub(super) fn finishing(words: &str) {
    say_object(&object("finishing", &[json!({ "reason": words })]));
}

pub(super) fn sum_up(summary: &Summary) {
    let failed: Vec<String> = summary.failed.iter().map(ToString::to_string).collect();
    let members = json!({
        "models": summary.models,
        "done": summary.done,
        "failed": failed,
        "bytes_received": summary.bytes,
        "seconds": rounded(summary.elapsed),
    });
    say_object(&object("summary", &[members]));
}

/// One line: the version and the event first, then the members of all parts.
fn object(name: &str, parts: &[Value]) -> String {
    let members = parts.iter().filter_map(Value::as_object).flatten();
    let members = members.map(|(name, value)| format!(",{}:{value}", Value::from(name.as_str())));
    let members: String = members.collect();
    printable_json(&format!("{{\"version\":{VERSION},\"event\":{}{members}}}", Value::from(name)))
}

fn progress(view: &View) -> Value {
    let files = view.in_flight.iter().map(|file| {
        let (state, pause) = match file.state {
            FileState::Pending => ("waiting", None),
            FileState::Fetching => ("fetching", None),
            FileState::Checking => ("checking", None),
            FileState::Retrying(left) => ("retrying", Some(left)),
            FileState::Waiting(left) => ("waiting", Some(left)),
        };
        json!({
            "file": file.name,
            "bytes": file.size,
            "bytes_done": file.held,
            "state": state,
            "pause_seconds": pause.map(rounded),
        })
    });
    let totals = view.totals.as_ref().map(|totals| {
        json!({
            "files": totals.files,
            "files_done": totals.files_done,
            "bytes": totals.bytes,
            "bytes_done": totals.bytes_done,
            "bytes_received": totals.bytes_received,
            "bytes_per_second": totals.bytes_per_second,
            "seconds_left": view.pace().map(|(_, left)| rounded(left)),
        })
    });
    json!({ "step": view.step, "reason": view.reason, "totals": totals, "in_flight": files.collect::<Vec<_>>() })
}

/// The name of an event and its members. The model is one of every line's.
fn event_object(event: &Event<'_>) -> Option<(String, Value)> {
    use EventRecord::{
        Cancelled, Failed, Kept, Other, Pushed, Received, StoreBytes, StoreFileDone, StoreWork,
    };
    let record = EventRecord::from(event);
    if matches!(
        record,
        Cancelled { .. }
            | Failed { .. }
            | Kept { .. }
            | Other { .. }
            | Pushed { .. }
            | Received { .. }
            | StoreBytes { .. }
            | StoreFileDone
            | StoreWork { .. }
    ) {
        return None;
    }
    let Value::Object(mut members) = json!(record) else { return None };
    members.remove("model");
    let name = members.remove("event")?.as_str()?.to_owned();
    Some((name, Value::Object(members)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_a_line_that_begins_with_its_version_and_name() {
        let text = object("a", &[json!({ "b": "\n\"" }), json!({ "c": null, "d": 0.5 })]);
        assert_eq!(text, r#"{"version":1,"event":"a","b":"\n\"","c":null,"d":0.5}"#);
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}
