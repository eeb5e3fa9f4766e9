//! Progress on a terminal, redrawn as it goes.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use console::Term;
use facade::{Event, FetchEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::face::{Ending, Face};
use super::rows::{Place, rows};
use super::view::View;
use super::{say, text};

/// Often enough for a spinner, seldom enough for a slow terminal.
const PERIOD: Duration = Duration::from_millis(100);

pub(super) struct Bar {
    /// Draws whatever rows its message has.
    block: ProgressBar,
    terminal: Box<dyn TermLike>,
    color: bool,
    turn: AtomicUsize,
}

impl Bar {
    pub(super) fn on_stderr(color: bool) -> Self {
        Self::on(ProgressDrawTarget::stderr(), Box::new(Term::stderr()), color)
    }

    fn on(target: ProgressDrawTarget, terminal: Box<dyn TermLike>, color: bool) -> Self {
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let block = ProgressBar::with_draw_target(None, target).with_style(style);
        Self { block, terminal, color, turn: AtomicUsize::new(0) }
    }

    fn place(&self) -> Place {
        Place {
            columns: self.terminal.width().into(),
            rows: self.terminal.height().into(),
            color: self.color,
        }
    }
}

impl Face for Bar {
    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn show(&self, view: &View) {
        let turn = self.turn.fetch_add(1, Relaxed);
        self.block.set_message(rows(view, turn, self.place()).join("\n"));
    }

    /// Above the rows stays what is still of interest when they are gone.
    fn tell(&self, event: &Event<'_>) {
        let stays = match event {
            // The rows say it.
            Event::Fetch(FetchEvent::Planned { .. }) => false,
            Event::Fetch(_) | Event::RetryingMetadata { .. } | Event::WaitingForLock { .. } => true,
            _ => text::step(event).is_none(),
        };
        if let Some(line) = text::line(event)
            && stays
        {
            self.block.println(line);
        }
    }

    fn end(&self, ending: &Ending<'_>) {
        self.block.finish_and_clear();
        if let Some(line) = text::closing(ending) {
            say(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use facade::Warning;
    use indicatif::InMemoryTerm;

    use super::super::view::Totals;
    use super::*;
    use crate::exit::Failure;

    /// A bar on a terminal that exists in memory only.
    fn drawn(columns: u16) -> (Bar, InMemoryTerm) {
        let terminal = InMemoryTerm::new(10, columns);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        (Bar::on(target, Box::new(terminal.clone()), false), terminal)
    }

    fn view(bytes_done: u64) -> View {
        let totals = Totals { files: 2, files_done: 1, bytes: 2_000, bytes_done, received: 0, rate: None };
        View {
            elapsed: Duration::ZERO,
            step: "fetching",
            reason: Some("nothing has come for 4 s".to_owned()),
            totals: Some(totals),
            in_flight: Vec::new(),
        }
    }

    #[test]
    fn what_matters_stays_above_the_rows() {
        let (bar, terminal) = drawn(80);
        bar.show(&view(0));
        let path = "a.bin".parse().unwrap();
        bar.tell(&Event::Warning(Warning::UnlistedShard { path: &path }));
        bar.tell(&Event::Publishing { path: Path::new("model") });
        bar.tell(&Event::Reused { files: 1, bytes: 12 });
        bar.show(&view(1_000));
        bar.block.force_draw();
        let shown = terminal.contents();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "warning: a.bin is left out: the manifest does not name it");
        assert_eq!(lines[1], "1 file (12 B) is there already, verified");
        assert!(lines[2].contains("50 %"), "{shown}");
        assert_eq!(lines[3..], ["  nothing has come for 4 s"]);
        bar.end(&Ending { outcome: &Err(Failure::Interrupted), view: &view(1_000) });
        assert_eq!(terminal.contents().lines().collect::<Vec<_>>(), lines[..2]);
    }

    #[test]
    fn a_narrow_terminal_is_redrawn_cleanly() {
        let (bar, terminal) = drawn(20);
        for bytes in 0..5 {
            bar.show(&view(bytes * 100));
            bar.block.force_draw();
            assert_eq!(terminal.contents().lines().count(), 2, "{}", terminal.contents());
        }
    }
}
