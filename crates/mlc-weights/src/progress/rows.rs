//! What a terminal shows of a download: the whole in one row, a row for each file in flight, and why nothing
//! moves when nothing does.

use std::time::Duration;

use console::measure_text_width;
use facade::ProgressSnapshot;
use facade::words::printable;

use super::view::{FileState, FileView, View, countdown, percent};
use crate::words::{files, of_size, size};

/// Turns, so that it is seen that the program is alive.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SHORTEST_BAR: usize = 8;
const LONGEST_BAR: usize = 40;
/// What stands before the rows under the first.
const INDENT: &str = "  ";
/// Files in flight that get a row each.
const FILES_SHOWN: usize = 8;
/// The whole, how many files more, the reason, and the line of the cursor.
const OTHER_ROWS: usize = 4;

/// Where the rows are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) color: bool,
}

/// The rows, none of them wider than the place.
pub(super) fn rows(view: &View, turn: usize, place: Place) -> Vec<String> {
    // A row that fills the last column makes some terminals begin another.
    let columns = place.columns.saturating_sub(1);
    let spinner = SPINNER.get(turn % SPINNER.len()).copied().unwrap_or_default();
    let reason = view.reason.as_deref().map(printable);
    let Some(totals) = &view.totals else {
        let words = format!("{spinner} {}", reason.unwrap_or("searching the cache".into()));
        return vec![shortened(&words, columns)];
    };
    let mut rows = vec![whole(totals, view.pace(), spinner, columns, place.color)];
    rows.extend(in_flight(&view.in_flight, place, columns));
    rows.extend(reason.map(|reason| shortened(&format!("{INDENT}{reason}"), columns)));
    // With more rows than the terminal has, each drawing would scroll.
    rows.truncate(place.rows.saturating_sub(1).max(1));
    rows
}

/// The bar and the numbers, as many of them as there is room for.
fn whole(
    totals: &ProgressSnapshot,
    pace: Option<(u64, Duration)>,
    spinner: &str,
    columns: usize,
    color: bool,
) -> String {
    let percent = format!("{:>3} %", percent(totals.bytes_done, totals.bytes));
    let rate = pace.map(|(rate, _)| format!("{}/s", size(rate)));
    let left = pace.map(|(_, left)| format!("{} left", countdown(left)));
    let sizes = Some(of_size(totals.bytes_done, totals.bytes));
    let counts = Some(format!("{} of {}", totals.files_done, files(totals.files)));
    let mut room = columns.saturating_sub(measure_text_width(spinner) + 1 + measure_text_width(&percent) + 1);
    // By importance; what has no room leaves it to what is shorter.
    let mut fits = |part: Option<String>| {
        let part = part?;
        let width = measure_text_width(&part) + 2;
        (room >= width + SHORTEST_BAR).then(|| room -= width).map(|()| part)
    };
    let (rate, left, sizes, counts) = (fits(rate), fits(left), fits(sizes), fits(counts));
    let bar = bar(totals.bytes_done, totals.bytes, room.min(LONGEST_BAR), color);
    let numbers = [sizes, rate, left, counts].into_iter().flatten().map(|part| format!("  {part}"));
    shortened(&format!("{spinner} {bar} {percent}{}", numbers.collect::<String>()), columns)
}

/// The files in flight, in columns.
fn in_flight(files: &[FileView], place: Place, columns: usize) -> Vec<String> {
    let shown = FILES_SHOWN.min(place.rows.saturating_sub(OTHER_ROWS)).min(files.len());
    let (first, rest) = files.split_at(shown);
    let widest = first.iter().map(|file| measure_text_width(&file.name)).max().unwrap_or_default();
    let name = widest.min(columns / 3);
    let mut rows: Vec<String> = first.iter().map(|file| file_row(file, name, columns, place.color)).collect();
    if !rest.is_empty() && place.rows >= OTHER_ROWS {
        rows.push(shortened(&format!("{INDENT}and {} more", rest.len()), columns));
    }
    rows
}

fn file_row(file: &FileView, name_width: usize, columns: usize, color: bool) -> String {
    let name = shortened_left(&file.name, name_width);
    let padding = " ".repeat(name_width.saturating_sub(measure_text_width(&name)));
    let percent = percent(file.held, file.size);
    let words = match file.state {
        // Not a bar without a beginning.
        FileState::Pending => return shortened(&format!("{INDENT}{name}{padding}  waiting"), columns),
        FileState::Fetching => of_size(file.held, file.size),
        FileState::Checking => "checking".to_owned(),
        FileState::Retrying(left) => format!("again in {}", countdown(left)),
        FileState::Waiting(left) => format!("waits {}", countdown(left)),
    };
    let taken = INDENT.len() + name_width + 2 + 1 + 5 + 2 + measure_text_width(&words);
    let room = columns.saturating_sub(taken).min(LONGEST_BAR / 2);
    let bar = if room < SHORTEST_BAR {
        String::new()
    } else {
        format!("{} ", bar(file.held, file.size, room, color))
    };
    let row = format!("{INDENT}{name}{padding}  {bar}{percent:>3} %  {words}");
    if measure_text_width(&row) <= columns {
        row
    } else {
        shortened(&format!("{INDENT}{name}  {percent} %"), columns)
    }
}

/// A line, as much of it heavy as there is of the whole.
fn bar(done: u64, all: u64, width: usize, color: bool) -> String {
    let heavy = (u128::from(done) * width as u128).checked_div(all.into());
    let heavy = heavy.and_then(|heavy| heavy.try_into().ok()).unwrap_or(width).min(width);
    let (heavy, light) = ("━".repeat(heavy), "─".repeat(width - heavy));
    if color { format!("\x1b[36m{heavy}\x1b[0m{light}") } else { format!("{heavy}{light}") }
}

/// The beginning of a text, where there is no room for all of it.
fn shortened(text: &str, columns: usize) -> String {
    console::truncate_str(text, columns, "…").into_owned()
}

/// The end of a name, where there is no room for all of it: shards differ at the end.
fn shortened_left(name: &str, columns: usize) -> String {
    if measure_text_width(name) <= columns {
        return name.to_owned();
    }
    let mut ends = name.char_indices().map(|(start, c)| &name[start + c.len_utf8()..]);
    ends.find(|end| measure_text_width(end) < columns).map(|end| format!("…{end}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
