use std::time::Duration;

use super::super::view::totals;
use super::*;

fn view() -> View {
    let file = |name: &str, held, state| FileView { name: name.to_owned(), size: 28_400_000, held, state };
    View {
        elapsed: Duration::from_secs(9),
        step: "fetching",
        reason: None,
        totals: Some(totals((12, 33), (312_400_000, 869_100_000), Some(34_520_000))),
        in_flight: vec![
            file("params_shard_12.bin", 15_200_000, FileState::Fetching),
            file("params_shard_13.bin", 28_400_000, FileState::Checking),
            file("params_shard_14.bin", 5_000_000, FileState::Retrying(Duration::from_millis(3_400))),
            file("tokenizer.json", 0, FileState::Waiting(Duration::from_secs(30))),
            file("params_shard_15.bin", 0, FileState::Pending),
        ],
    }
}

fn shown(view: &View, columns: usize) -> String {
    let rows = rows(view, 0, Place { columns, rows: 24, color: false });
    for row in &rows {
        assert!(measure_text_width(row) < columns, "{row:?} is too wide for {columns} columns");
    }
    rows.join("\n")
}

#[test]
fn with_80_columns() {
    insta::assert_snapshot!(shown(&view(), 80), @r"
    ⠋ ━━━━─────────  35 %  312.4 of 869.1 MB  34.52 MB/s  17 s left  12 of 33 files
      params_shard_12.bin  ━━━━━━━━━━──────────  53 %  15.2 of 28.4 MB
      params_shard_13.bin  ━━━━━━━━━━━━━━━━━━━━ 100 %  checking
      params_shard_14.bin  ━━━─────────────────  17 %  again in 4 s
      tokenizer.json       ────────────────────   0 %  waits 30 s
      params_shard_15.bin  waiting
    ");
}

#[test]
fn without_bytes_there_is_no_rate() {
    let stalled = View { reason: Some("no data for 4 s".to_owned()), in_flight: Vec::new(), ..view() };
    insta::assert_snapshot!(shown(&stalled, 80), @r"
    ⠋ ━━━━━━━━━━━━────────────────────────  35 %  312.4 of 869.1 MB  12 of 33 files
      no data for 4 s
    ");
}

#[test]
fn with_200_columns() {
    insta::assert_snapshot!(shown(&view(), 200), @r"
    ⠋ ━━━━━━━━━━━━━━──────────────────────────  35 %  312.4 of 869.1 MB  34.52 MB/s  17 s left  12 of 33 files
      params_shard_12.bin  ━━━━━━━━━━──────────  53 %  15.2 of 28.4 MB
      params_shard_13.bin  ━━━━━━━━━━━━━━━━━━━━ 100 %  checking
      params_shard_14.bin  ━━━─────────────────  17 %  again in 4 s
      tokenizer.json       ────────────────────   0 %  waits 30 s
      params_shard_15.bin  waiting
    ");
}

#[test]
fn with_40_columns() {
    insta::assert_snapshot!(shown(&view(), 40), @r"
    ⠋ ━━──────  35 %  34.52 MB/s  17 s left
      …shard_12.bin   53 %  15.2 of 28.4 MB
      …shard_13.bin  100 %  checking
      …shard_14.bin   17 %  again in 4 s
      …kenizer.json    0 %  waits 30 s
      …shard_15.bin  waiting
    ");
}

#[test]
fn every_width_is_kept() {
    let mut view = view();
    view.reason = Some("no data for 4 s".to_owned());
    let totals = view.totals.as_mut().unwrap();
    (totals.bytes, totals.bytes_per_second) = (123_450_000_000, Some(1_000));
    for columns in 2..250 {
        shown(&view, columns);
    }
}

#[test]
fn the_bar_runs_from_end_to_end() {
    assert_eq!(bar(0, 100, 4, false), "────");
    assert_eq!(bar(50, 100, 4, false), "━━──");
    assert_eq!(bar(100, 100, 4, false), "━━━━");
    assert_eq!(bar(200, 100, 4, false), "━━━━");
    assert_eq!(bar(0, 0, 4, false), "━━━━");
    assert_eq!(bar(u64::MAX, u64::MAX, 4, false), "━━━━");
    assert_eq!(bar(25, 100, 4, true), "\x1b[36m━\x1b[0m───");
}

#[test]
fn before_anything_is_known_the_step_is_shown() {
    let mut view = view();
    (view.totals, view.in_flight) = (None, Vec::new());
    assert_eq!(shown(&view, 80), "⠋ searching the cache");
    view.reason = Some("asking the hub for user/repo (3 s)".to_owned());
    assert_eq!(shown(&view, 80), "⠋ asking the hub for user/repo (3 s)");
    assert_eq!(shown(&view, 20), "⠋ asking the hub f…");
}

#[test]
fn the_spinner_turns() {
    let place = Place { columns: 80, rows: 24, color: false };
    assert_ne!(rows(&view(), 0, place)[0], rows(&view(), 1, place)[0]);
    assert_eq!(rows(&view(), 0, place), rows(&view(), SPINNER.len(), place));
}

#[test]
fn many_files_are_counted() {
    let mut view = view();
    view.in_flight = std::iter::repeat_n(view.in_flight[0].clone(), 20).collect();
    let count =
        |rows_of_terminal| rows(&view, 0, Place { columns: 80, rows: rows_of_terminal, color: false });
    assert_eq!(count(24).len(), 1 + FILES_SHOWN + 1);
    assert_eq!(count(24).last().unwrap(), "  and 12 more");
    assert_eq!(count(6).len(), 4);
    assert_eq!(count(4).last().unwrap(), "  and 20 more");
}

#[test]
fn the_cursor_has_a_line_below_the_rows() {
    let stalled = View { reason: Some("no data for 4 s".to_owned()), ..view() };
    let shown =
        |rows_of_terminal| rows(&stalled, 0, Place { columns: 80, rows: rows_of_terminal, color: false });
    for height in 2..24 {
        assert!(shown(height).len() < height, "{:?} in {height} lines", shown(height));
    }
    assert_eq!(shown(3)[1], "  no data for 4 s");
    assert_eq!(shown(1).len(), 1);
}

#[test]
fn names_are_cut_at_their_beginning() {
    assert_eq!(shortened_left("params_shard_12.bin", 19), "params_shard_12.bin");
    assert_eq!(shortened_left("params_shard_12.bin", 10), "…rd_12.bin");
    assert_eq!(shortened_left("模型模型.bin", 8), "…型.bin");
    assert_eq!(shortened_left("params", 1), "…");
    assert_eq!(shortened_left("params", 0), "");
}
