//! How long each unit of a build took, from the report of `cargo build --timings`.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

/// A crate, or the running of its build script.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Unit {
    pub(super) name: String,
    /// Seconds.
    pub(super) duration: f64,
}

/// The longest first.
pub(super) fn heaviest(target: &Path) -> Result<Vec<Unit>> {
    let report = target.join("cargo-timings").join("cargo-timing.html");
    let text = std::fs::read_to_string(&report).with_context(|| format!("reading {}", report.display()))?;
    units(&text).context("cargo's report has no list of units any more")
}

/// The report is a page with the numbers in a script: `const UNIT_DATA = [{"name": …, "duration": …}, …];`
fn units(page: &str) -> Option<Vec<Unit>> {
    let (_, data) = page.split_once("const UNIT_DATA = ")?;
    let (data, _) = data.split_once(";\n")?;
    let data: Value = serde_json::from_str(data).ok()?;
    let mut units: Vec<Unit> = data.as_array()?.iter().filter_map(unit).collect();
    units.sort_by(|one, other| other.duration.total_cmp(&one.duration));
    Some(units)
}

fn unit(data: &Value) -> Option<Unit> {
    let (name, version) = (data["name"].as_str()?, data["version"].as_str()?);
    let target = data["target"].as_str().unwrap_or_default();
    Some(Unit { name: format!("{name} {version}{target}"), duration: data["duration"].as_f64()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_in_the_page() {
        let page = "<script>\nconst UNIT_DATA = [\n{\"name\": \"a\", \"version\": \"1.0\", \"target\": \"\", \"duration\": 1.5},\n\
                    {\"name\": \"b\", \"version\": \"2.0\", \"target\": \" build script (run)\", \"duration\": 9.0}\n];\nconst X = 1;\n";
        let unit = |name: &str, duration| Unit { name: name.to_owned(), duration };
        assert_eq!(units(page).unwrap(), [unit("b 2.0 build script (run)", 9.0), unit("a 1.0", 1.5)]);
        assert_eq!(units("<html></html>"), None);
    }
}
