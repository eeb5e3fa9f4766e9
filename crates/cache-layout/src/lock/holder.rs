//! Who has a lock, for people who wait for it.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;

/// The process that has a lock. Only informs: it may have released the lock meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Its process id, on its host.
    pub pid: u32,
    /// Its host's name, where that is known.
    pub host: Option<String>,
    /// When it took the lock, by its own clock.
    pub since: SystemTime,
}

#[derive(Serialize, Deserialize)]
struct Note {
    pid: u32,
    host: Option<String>,
    /// Seconds since 1970.
    since: u64,
}

impl Holder {
    pub(super) fn this_process() -> Self {
        Self { pid: std::process::id(), host: host(), since: SystemTime::now() }
    }

    /// Nothing when the note is missing or unreadable.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let note: Note = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(note.since))?;
        Some(Self { pid: note.pid, host: note.host, since })
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let since = self.since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let note = Note { pid: self.pid, host: self.host.clone(), since };
        let bytes = serde_json::to_vec(&note).unwrap_or_default();
        files::write_atomically(path, &bytes)
    }

    fn describe(&self, now: SystemTime, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if let Some(host) = &self.host {
            // What stands in the file is not ours: no control characters to a terminal.
            write!(f, " on {}", host.escape_debug())?;
        }
        match now.duration_since(self.since).unwrap_or_default().as_secs() {
            seconds @ 0..60 => write!(f, ", for {seconds} s"),
            seconds @ 60..3600 => write!(f, ", for {} min", seconds / 60),
            seconds => write!(f, ", for {} h {} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

/// `process 4711 on build-7, for 3 min`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(SystemTime::now(), f)
    }
}

#[cfg(unix)]
fn host() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(not(unix))]
fn host() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[track_caller]
    fn check(host: Option<&str>, held_for: u64, expected: &str) {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let holder = Holder { pid: 4711, host: host.map(Into::into), since };
        let mut text = String::new();
        holder.describe(since + Duration::from_secs(held_for), &mut text).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn people_can_read_it() {
        check(None, 0, "process 4711, for 0 s");
        check(Some("build-7"), 59, "process 4711 on build-7, for 59 s");
        check(Some("build-7"), 60, "process 4711 on build-7, for 1 min");
        check(Some("a\u{1b}[2J"), 7384, "process 4711 on a\\u{1b}[2J, for 2 h 3 min");
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let folder = testing::folder();
        let path = folder.path().join("note");
        assert_eq!(Holder::read(&path), None);
        for junk in ["", "{}", "{\"pid\":-1,\"host\":null,\"since\":0}"] {
            fs::write(&path, junk).unwrap();
            assert_eq!(Holder::read(&path), None, "{junk}");
        }
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let holder = Holder { pid: 1, host: Some("h".into()), since };
        holder.write(&path).unwrap();
        assert_eq!(Holder::read(&path), Some(holder));
    }
}
