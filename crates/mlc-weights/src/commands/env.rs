//! `mlc-weights env`: every setting, where it comes from, and what is wrong with it.

use facade::env::{Report, Setting, Severity, Source};
use serde_json::{Value, json};

use crate::arguments::Env;
use crate::exit::Failure;
use crate::output::{print, print_json};
use crate::table::{Align, Table};

/// Grows when a reader that knows the version before would misunderstand what is written.
const VERSION: u32 = 1;

pub(super) fn run(arguments: &Env) -> Result<(), Failure> {
    let report = Report::from_env();
    if arguments.json {
        print_json(&document(&report))?;
    } else {
        print(&table(&report).lines())?;
    }
    match report.errors() {
        0 => Ok(()),
        settings => Err(Failure::Unusable { settings }),
    }
}

fn table(report: &Report) -> Table<3> {
    let mut table = Table::new([("SETTING", Align::Left), ("FROM", Align::Left), ("VALUE", Align::Left)]);
    for setting in &report.settings {
        let value = setting.value.clone().unwrap_or_else(|| "-".to_owned());
        // The names are those of the document; people read the spelling of all other texts.
        let name = setting.name.replace('_', " ").replace("color", "colour");
        table.row([name, source(&setting.source), value]);
        for finding in &setting.findings {
            table.note(&format!("{}: {}", severity(finding.severity), finding.message));
        }
    }
    table
}

fn source(source: &Source) -> String {
    match source {
        Source::Variable(name) => (*name).to_owned(),
        Source::File(path) => path.display().to_string(),
        _ => "default".to_owned(),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        _ => "note",
    }
}

fn document(report: &Report) -> Value {
    let settings: Vec<Value> = report.settings.iter().map(setting).collect();
    json!({ "version": VERSION, "usable": report.is_usable(), "settings": settings })
}

fn setting(setting: &Setting) -> Value {
    let (variable, file) = match &setting.source {
        Source::Variable(name) => (Some(*name), None),
        Source::File(path) => (None, Some(path.to_string_lossy())),
        _ => (None, None),
    };
    let findings = setting
        .findings
        .iter()
        .map(|finding| json!({ "severity": severity(finding.severity), "message": finding.message }));
    json!({
        "name": setting.name,
        "value": setting.value,
        "variable": variable,
        "file": file,
        "findings": findings.collect::<Vec<_>>(),
    })
}
