use std::path::Path;

use facade::Warning;
use indicatif::InMemoryTerm;

use super::*;

/// A bar on a terminal that exists in memory only.
struct Drawn {
    bar: Bar,
    terminal: InMemoryTerm,
}

impl Drawn {
    fn new(columns: u16) -> Self {
        let terminal = InMemoryTerm::new(10, columns);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        Self { bar: Bar::on(target, false), terminal }
    }

    /// What the terminal shows.
    fn lines(&self) -> Vec<String> {
        self.bar.line.force_draw();
        self.terminal.contents().lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check_bar(&self, parts: &[&str]) {
        let lines = self.lines();
        let bar = lines.last().unwrap();
        for part in parts {
            assert!(bar.contains(part), "{part:?} is missing in {bar:?}");
        }
    }
}

#[test]
fn the_templates_are_well_formed() {
    for template in [WAITING, FETCHING, FETCHING_PLAIN] {
        assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
    }
}

#[test]
fn before_the_first_byte_the_step_is_shown() {
    let drawn = Drawn::new(80);
    let model = "user/repo".parse().unwrap();
    drawn.bar.on_event(&Event::Metadata { model: &model });
    let lines = drawn.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    drawn.check_bar(&["asking the hub for user/repo"]);
}

#[test]
fn bytes_and_files_are_counted() {
    let drawn = Drawn::new(100);
    drawn.bar.plan(1, 1_000);
    drawn.bar.plan(3, 3_000);
    drawn.bar.line.inc(2_500);
    drawn.bar.update_files(|files| files.done += 2);
    drawn.check_bar(&["2.50 kB of 4.00 kB", "2 of 4 files", " left, "]);
    drawn.bar.take_back(500);
    drawn.check_bar(&["2.00 kB of 4.00 kB"]);
    drawn.bar.take_back(1_000_000);
    drawn.check_bar(&["0 B of 4.00 kB"]);
}

#[test]
fn what_matters_stays_above_the_bar() {
    let drawn = Drawn::new(100);
    drawn.bar.plan(2, 2_000);
    let path = "a.bin".parse().unwrap();
    drawn.bar.on_event(&Event::Warning(Warning::UnlistedShard { path: &path }));
    drawn.bar.on_event(&Event::Reused { files: 1, bytes: 12 });
    let lines = drawn.lines();
    assert_eq!(
        lines[..2],
        [
            "warning: a.bin is left out: the manifest does not name it",
            "1 file (12 B) is there already, verified"
        ]
    );
    assert_eq!(lines.len(), 3, "{lines:?}");
    drawn.bar.on_event(&Event::Publishing { path: Path::new("model") });
    drawn.check_bar(&["putting the model in place"]);
}

#[test]
fn it_fits_into_80_columns() {
    let drawn = Drawn::new(80);
    drawn.bar.plan(108, 123_450_000_000);
    drawn.bar.line.inc(100_000_000_000);
    drawn.check_bar(&["100.00 GB of 123.45 GB", "0 of 108 files"]);
    assert_eq!(drawn.lines().len(), 1, "{:?}", drawn.lines());
}

#[test]
fn a_narrow_terminal_is_redrawn_cleanly() {
    let drawn = Drawn::new(40);
    drawn.bar.plan(2, 2_000);
    let rows = drawn.lines().len();
    for _ in 0..5 {
        drawn.bar.line.inc(100);
        assert_eq!(drawn.lines().len(), rows, "{:?}", drawn.lines());
    }
}

#[test]
fn at_the_end_the_bar_is_gone() {
    let drawn = Drawn::new(80);
    drawn.bar.plan(2, 2_000);
    let path = "a.bin".parse().unwrap();
    drawn.bar.on_event(&Event::Warning(Warning::CarriedOver { path: &path }));
    drawn.bar.finish(&Err(Failure::Interrupted));
    let left = drawn.terminal.contents();
    assert_eq!(left, "warning: a.bin was kept from the directory that is repaired");
}
