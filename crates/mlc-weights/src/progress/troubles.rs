//! Trouble with servers, told once for each cause, and not for each connection and file.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use facade::FetchEvent;

use super::view::countdown;
use crate::words::{self, files};

/// Connections that fail of the same cause do so at about the same time, which is waited for.
const TOGETHER: Duration = Duration::from_millis(300);
/// How long the same line is not repeated. The numbers show that it goes on.
const QUIET: Duration = Duration::from_secs(10);
/// What follows a number that is a size. Sizes differ from file to file.
const AFTER_SIZE: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "bytes", "of"];
/// A number with this many digits is a size or a position in any case.
const SIZE_DIGITS: usize = 4;

/// What goes wrong just now.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    pending: Vec<Trouble>,
    told: HashMap<String, Instant>,
}

#[derive(Debug)]
struct Trouble {
    cause: String,
    host: Option<String>,
    /// The line, if it stays with one file.
    line: String,
    files: BTreeSet<String>,
    since: Instant,
    /// The first of the next attempts.
    next: Instant,
}

impl Troubles {
    /// Takes note of an attempt that failed. Whether that is what the event is about.
    pub(super) fn note(&mut self, event: &FetchEvent<'_>, line: &str, now: Instant) -> bool {
        let FetchEvent::Retrying { file, pause, cause, host, .. } = event else { return false };
        let cause = without_sizes(&words::attempt(*cause).replace(file.as_str(), "a file"));
        let (host, next) = (host.map(ToString::to_string), now + *pause);
        let same = |trouble: &&mut Trouble| trouble.cause == cause && trouble.host == host;
        if let Some(trouble) = self.pending.iter_mut().find(same) {
            trouble.files.insert(file.to_string());
            trouble.next = trouble.next.min(next).max(now);
        } else {
            let files = BTreeSet::from([file.to_string()]);
            self.pending.push(Trouble { cause, host, line: line.to_owned(), files, since: now, next });
        }
        true
    }

    /// The lines to be told now; at the end, all that were not told yet.
    pub(super) fn due(&mut self, now: Instant, is_end: bool) -> Vec<String> {
        let (mut lines, mut later) = (Vec::new(), Vec::new());
        for trouble in std::mem::take(&mut self.pending) {
            let key = trouble.key();
            let is_told = self.told.get(&key).is_some_and(|told| now.duration_since(*told) < QUIET);
            if is_told || !is_end && now.duration_since(trouble.since) < TOGETHER {
                later.push(trouble);
            } else {
                lines.push(trouble.words(now));
                self.told.insert(key, now);
            }
        }
        self.pending = later;
        lines
    }
}

impl Trouble {
    fn key(&self) -> String {
        format!("{} {}", self.cause, self.host.as_deref().unwrap_or_default())
    }

    fn words(&self, now: Instant) -> String {
        if self.files.len() == 1 {
            return self.line.clone();
        }
        let from = self.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
        let left = self.next.saturating_duration_since(now);
        let next = if left.is_zero() {
            "; trying again".to_owned()
        } else {
            format!(" waiting, next try in {}", countdown(left))
        };
        format!("{}{from}: {}{next}", self.cause, files(self.files.len()))
    }
}

/// The words with sizes and positions left out.
fn without_sizes(words: &str) -> String {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let all: Vec<&str> = words.split(' ').collect();
    let next = all.iter().skip(1).map(|word| bare(word)).chain([String::new()]);
    let shown = all.iter().zip(next).map(|(word, next)| {
        let number = bare(word);
        let is_size = number.parse::<f64>().is_ok()
            && (AFTER_SIZE.contains(&next.as_str()) || number.len() >= SIZE_DIGITS && !number.contains('.'));
        if is_size { word.replace(&number, "…") } else { (*word).to_owned() }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_no_part_of_a_cause() {
        let words = "the connection broke after 4.0 of 98.3 kB; in 1.2 s";
        assert_eq!(without_sizes(words), "the connection broke after … of … kB; in 1.2 s");
        assert_eq!(without_sizes("it has 4000 bytes, expected 98304"), "it has … bytes, expected …");
        assert_eq!(without_sizes("answers 503; in 30 s"), "answers 503; in 30 s");
        assert_eq!(without_sizes("65536"), "…");
    }

    #[test]
    fn files_that_wait_for_one_reason_are_counted() {
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        let trouble = |file: &str, host: Option<&str>| Trouble {
            cause: "503".to_owned(),
            host: host.map(str::to_owned),
            line: format!("{file}: 503"),
            files: BTreeSet::from([file.to_owned()]),
            since: now,
            next: now + Duration::from_secs(3),
        };
        troubles.pending.push(trouble("a", Some("https://cdn.example")));
        assert!(troubles.due(now, false).is_empty(), "others may follow");
        troubles.pending[0].files.insert("b".to_owned());
        let later = now + TOGETHER;
        assert_eq!(
            troubles.due(later, false),
            ["503 (https://cdn.example): 2 files waiting, next try in 3 s"]
        );
        troubles.pending.push(trouble("a", Some("https://cdn.example")));
        assert!(troubles.due(later + TOGETHER, true).is_empty(), "it was told a moment ago");
        troubles.pending.push(trouble("c", None));
        assert_eq!(troubles.due(later, true), ["c: 503"]);
    }
}
