//! The progress of a verification or a copy, in one line.

use std::time::{Duration, Instant};

use console::Term;
use facade::cache::VerifyEvent;

use crate::progress::{Display, Screen};
use crate::words::size;

/// Often enough to look alive, rarely enough for a slow terminal.
const PERIOD: Duration = Duration::from_millis(100);

const VERIFYING: &str = "verifying";
const COPYING: &str = "copying";

/// A line on a terminal; nothing elsewhere, since there is no network to wait for.
pub(crate) struct Checking {
    terminal: Option<Term>,
    action: &'static str,
    /// The model, and its bytes.
    what: (String, u64),
    done: u64,
    drawn: Option<Instant>,
}

impl Checking {
    pub(crate) fn on(screen: Screen) -> Self {
        let is_wanted = matches!(Display::on(screen), Display::Bar { .. });
        Self {
            terminal: is_wanted.then(Term::stderr),
            action: VERIFYING,
            what: (String::new(), 0),
            done: 0,
            drawn: None,
        }
    }

    pub(crate) fn on_event(&mut self, event: &VerifyEvent<'_>) {
        match event {
            VerifyEvent::Began { model, bytes, .. } => {
                (self.action, self.what, self.done) = (VERIFYING, (model.to_string(), *bytes), 0);
            }
            VerifyEvent::Copied { model, bytes, of, .. } => {
                if self.action != COPYING {
                    (self.action, self.what, self.done) = (COPYING, (model.to_string(), *of), 0);
                }
                self.done += bytes;
            }
            VerifyEvent::Checked { size, .. } => self.done += size,
            _ => {}
        }
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PERIOD) {
            self.draw();
        }
    }

    /// Clears the line.
    pub(crate) fn end(&mut self) {
        if let Some(terminal) = self.terminal.as_ref().filter(|_| self.drawn.take().is_some()) {
            // A terminal that is gone changes nothing.
            let _ = terminal.clear_line();
        }
    }

    fn draw(&mut self) {
        let Some(terminal) = &self.terminal else { return };
        let (_, width) = terminal.size();
        let line = line(self.action, &self.what.0, self.done, self.what.1, width.into());
        let _ =
            terminal.clear_line().and_then(|()| terminal.write_str(&line)).and_then(|()| terminal.flush());
        self.drawn = Some(Instant::now());
    }
}

/// Shorter than the terminal is wide: it must not be broken.
fn line(action: &str, model: &str, done: u64, bytes: u64, width: usize) -> String {
    let line = format!("{action} {model}: {} of {}", size(done), size(bytes));
    console::truncate_str(&line, width.saturating_sub(1), "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(width: usize, expected: &str) {
        assert_eq!(line(VERIFYING, "user/repo", 1_000_000, 7_550_000_000, width), expected);
    }

    #[test]
    fn a_line_is_never_broken() {
        check(80, "verifying user/repo: 1.00 MB of 7.55 GB");
        check(20, "verifying user/rep…");
        check(2, "…");
    }
}
