//! The process that holds a lock, for messages.

use std::fmt;
use std::time::SystemTime;

use url_parse::{Excerpt, duration};

/// The process that holds a lock. For information only: it may have released the lock since.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Its process id, on its host.
    pub pid: u32,
    /// Its host's name, if known. Anyone with write access to the cache may have written it.
    pub host: Option<Excerpt>,
    /// When it acquired the lock, by its own clock.
    pub since: SystemTime,
}

impl Holder {
    pub(crate) fn this_process() -> Self {
        Self { pid: std::process::id(), host: host(), since: SystemTime::now() }
    }

    fn describe(&self, now: SystemTime, f: &mut impl fmt::Write) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        if let Some(host) = &self.host {
            write!(f, " on {host}")?;
        }
        write!(f, ", for {}", duration(now.duration_since(self.since).unwrap_or_default()))
    }
}

/// Formatted as `process 4711 on build-7, for 3 min 12 s`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(SystemTime::now(), f)
    }
}

#[cfg(unix)]
fn host() -> Option<Excerpt> {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    (!name.is_empty()).then(|| Excerpt::of(&name))
}

#[cfg(not(unix))]
fn host() -> Option<Excerpt> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(host: Option<&str>, held_for: u64, expected: &str) {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let holder = Holder { pid: 4711, host: host.map(Excerpt::of), since };
        let mut text = String::new();
        holder.describe(since + Duration::from_secs(held_for), &mut text).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_holder_is_shown_with_its_host_and_time() {
        check(None, 0, "process 4711, for 0 s");
        check(Some("build-7"), 59, "process 4711 on build-7, for 59 s");
        check(Some("build-7"), 60, "process 4711 on build-7, for 1 min");
        check(Some("a\u{1b}[2J"), 7384, "process 4711 on a\\u{1b}[2J, for 2 h 3 min");
        let long = format!("process 4711 on {}…, for 0 s", "x".repeat(Excerpt::MAX_CHARS));
        check(Some(&"x".repeat(1000)), 0, &long);
    }
}
