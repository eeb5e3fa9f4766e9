//! What a verification found, for a person.

use std::collections::BTreeMap;

use facade::Proof;
use facade::cache::{FileReport, FileState, VerifyReport};

use super::session::{Checked, Mended};
use crate::words::{files, size};

/// A verdict on the copy, and a line for each file that deserves one. Files that nothing is known of, or that
/// nobody asked for, may be many; they are counted. Names may be anything, so they are escaped.
pub(super) fn of(checked: &Checked) -> Vec<String> {
    let report = &checked.report;
    let mut lines = vec![verdict(checked)];
    for file in &report.files {
        let detail = match &file.state {
            FileState::Corrupt { problem, .. } => format!(": {problem}"),
            FileState::Missing | FileState::Modified | FileState::Extra => String::new(),
            _ => continue,
        };
        lines.push(format!("  {:<9}  {}{detail}", file.state.as_str(), file.path.escape_debug()));
    }
    lines.extend(unchecked(report));
    if report.proof == Some(Proof::Word) {
        lines.push("  unproven   the hub does not prove that the files are those of the commit\n".to_owned());
    }
    lines.extend(repaired(checked));
    lines
}

fn verdict(checked: &Checked) -> String {
    let Checked { report, repair } = checked;
    let place =
        if report.tier.is_read_only() { format!(" in {}", report.path.display()) } else { String::new() };
    let hashed = format!("{}, {} hashed", files(report.files.len()), size(report.bytes_hashed));
    let found = if report.is_sound() { "ok" } else { "not ok" };
    let mended = match repair {
        Mended::NotNeeded | Mended::NotAsked | Mended::Repaired => "",
        Mended::Failed => "; not repaired",
        Mended::ReadOnly => "; not repaired, since its tier is only read",
    };
    format!("{}{place}: {found} ({hashed}){mended}", report.model)
}

/// What a repair has done, after what it has found.
fn repaired(Checked { report, repair }: &Checked) -> Option<String> {
    if *repair != Mended::Repaired {
        return None;
    }
    let wrong = |file: &&FileReport| matches!(file.state, FileState::Corrupt { .. } | FileState::Missing);
    let edited = |file: &&FileReport| matches!(file.state, FileState::Modified);
    let count = |is_it: &dyn Fn(&&FileReport) -> bool| report.files.iter().filter(is_it).count();
    // An edit is replaced only where that was all there was to do, or was asked for.
    let count = if report.is_sound() { count(&edited) } else { count(&wrong) };
    Some(format!("{}: repaired {}; ok now", report.model, files(count)))
}

/// How many files could not be checked, by reason.
fn unchecked(report: &VerifyReport) -> impl Iterator<Item = String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &report.files {
        if let FileState::Unchecked { reason, .. } = &file.state {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    reasons.into_iter().map(|(reason, count)| format!("  unchecked  {}: {reason}", files(count)))
}
