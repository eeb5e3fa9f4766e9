//! `mlc-weights list --outdated`: the models of which the hub has a newer commit.

use std::collections::BTreeMap;

use facade::cache::{Listing, ModelEntry};
use facade::{CommitId, ModelRef, Request};
use serde_json::{Value, json};

use super::super::update::{Hub, ends_all, short};
use crate::arguments::List;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json, say};
use crate::progress::Screen;
use crate::report;
use crate::table::{Align, Table};
use crate::words::{counted, date, tier};

/// The newest commit of each model that could be compared.
type Newest = BTreeMap<ModelRef, CommitId>;

pub(super) fn run(arguments: &List, screen: Screen) -> Result<(), Failure> {
    let mut hub = Hub::from_env(screen)?;
    let listing = hub.cache().list()?;
    let (newest, failed) = compare(&mut hub, &listing);
    hub.stop();
    if arguments.json {
        print_json(&document(&listing, &newest)?)?;
    } else {
        if !screen.is_quiet() {
            say(&[summary(&listing, &newest)]);
        }
        print(&tables(&listing, &newest))?;
    }
    Failure::after_reports(failed)
}

/// Asks once for each model whose commit is known. The status is that of the first failure, which has been reported.
fn compare(hub: &mut Hub, listing: &Listing) -> (Newest, Option<Status>) {
    let (mut newest, mut first) = (Newest::new(), None);
    let mut models: Vec<&ModelRef> =
        listing.models.iter().filter(|entry| entry.commit.is_some()).map(|entry| &entry.model).collect();
    models.sort();
    models.dedup();
    for model in models {
        let pinned = listing.models.iter().find(|entry| entry.model == *model && entry.is_pinned());
        let found = match pinned {
            Some(entry) => Ok(entry.commit),
            None => hub.newest(Request::from(model.clone())),
        };
        match found {
            Ok(commit) => newest.extend(commit.map(|commit| (model.clone(), commit))),
            Err(failure) => {
                report::failure(&failure);
                first.get_or_insert(Status::from(&failure));
                if ends_all(&failure) {
                    break;
                }
            }
        }
    }
    (newest, first)
}

/// Whether it is behind; nothing when it could not be compared.
fn is_behind(entry: &ModelEntry, newest: &Newest) -> Option<bool> {
    if entry.is_pinned() {
        return Some(false);
    }
    Some(newest.get(&entry.model)? != entry.commit.as_ref()?)
}

fn summary(listing: &Listing, newest: &Newest) -> String {
    let compared =
        |wanted| listing.models.iter().filter(move |entry| is_behind(entry, newest) == wanted).count();
    let (behind, unknown) = (compared(Some(true)), compared(None));
    let all = counted(listing.models.len() as u64, "model");
    if unknown == listing.models.len() {
        return format!("{all} could not be compared with the hub");
    }
    let unknown = if unknown > 0 { format!("; {unknown} could not be compared") } else { String::new() };
    let advice = if behind > 0 { "; `mlc-weights update` downloads what has changed" } else { "" };
    let behind = match behind {
        0 => "no model is".to_owned(),
        1 => format!("1 of {all} is"),
        _ => format!("{behind} of {all} are"),
    };
    format!("{behind} behind the hub{unknown}{advice}")
}

fn tables(listing: &Listing, newest: &Newest) -> Vec<String> {
    let mut lines = Vec::new();
    for entries in listing.models.chunk_by(|one, other| one.tier == other.tier) {
        let behind: Vec<_> = entries.iter().filter(|entry| is_behind(entry, newest) == Some(true)).collect();
        let Some(first) = behind.first() else { continue };
        let mut table = Table::new([
            ("COMMIT", Align::Left),
            ("NEWEST", Align::Left),
            ("DATE", Align::Left),
            ("MODEL", Align::Left),
        ]);
        for entry in &behind {
            table.row([
                short(entry.commit),
                short(newest.get(&entry.model).copied()),
                entry.date.and_then(date).unwrap_or_else(|| "-".to_owned()),
                entry.model.to_string(),
            ]);
        }
        lines.push(tier(&first.tier));
        lines.extend(table.lines());
    }
    lines
}

/// The document of `list`, each of whose models also tells how it compares.
fn document(listing: &Listing, newest: &Newest) -> Result<Value, Failure> {
    let mut document = serde_json::to_value(listing).map_err(|error| Failure::Output(error.into()))?;
    let models = document.get_mut("models").and_then(Value::as_array_mut);
    for (object, entry) in models.into_iter().flatten().zip(&listing.models) {
        if let Some(object) = object.as_object_mut() {
            let commit = newest.get(&entry.model).map(ToString::to_string);
            object.insert("newest".to_owned(), json!(commit));
            object.insert("outdated".to_owned(), json!(is_behind(entry, newest)));
        }
    }
    Ok(document)
}
