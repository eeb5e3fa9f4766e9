//! Words that progress and errors share.

use std::time::{Duration, SystemTime};

use facade::PassedOver;
pub(crate) use facade::{of_size, size};

/// When the year gets its fifth digit, in seconds since 1970.
const YEAR_10000: u64 = 253_402_300_800;

/// As many missing files as one line lists.
const LISTED: usize = 3;

/// A directory that is not the whole model, and what is wrong with it.
pub(crate) fn not_whole(entry: &PassedOver) -> String {
    match entry.missing() {
        [] => entry.to_string(),
        missing => format!("{} ({})", entry.dir.display(), listed(missing)),
    }
}

/// The first of some remarks, and how many more there are.
pub(crate) fn listed(missing: &[String]) -> String {
    let first = missing.get(..LISTED).unwrap_or(missing);
    match missing.len() - first.len() {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

/// A number of files.
pub(crate) fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// A number of things, whose plural ends in an s.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// A time that has passed, or is left.
pub(crate) fn elapsed(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => seconds(duration),
        whole @ 10..60 => format!("{whole} s"),
        whole @ 60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// The day of a time, in UTC, if its year has four digits: the clock that made it may have been anyhow.
pub(crate) fn date(time: SystemTime) -> Option<String> {
    moment(time)?.split('T').next().map(str::to_owned)
}

/// The same with the time of day.
pub(crate) fn moment(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since.as_secs() < YEAR_10000).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

/// A time that a person waits.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 1, 2].map(files), ["0 files", "1 file", "2 files"]);
        assert_eq!([0, 1, 2].map(|count| counted(count, "name")), ["0 names", "1 name", "2 names"]);
        assert_eq!(seconds(Duration::from_millis(1_234)), "1.2 s");
    }

    #[test]
    fn times() {
        let texts = [0, 9_949, 10_000, 59_999, 60_000, 3_599_000, 3_600_000, 90_000_000]
            .map(|milliseconds| elapsed(Duration::from_millis(milliseconds)));
        assert_eq!(
            texts,
            ["0.0 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 0 min"]
        );
    }

    #[track_caller]
    fn check_date(since_1970: i64, expected: Option<&str>) {
        let distance = Duration::from_secs(since_1970.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if since_1970 < 0 { epoch - distance } else { epoch + distance };
        assert_eq!(date(time).as_deref(), expected);
    }

    #[test]
    fn dates() {
        check_date(0, Some("1970-01-01"));
        check_date(1_787_443_199, Some("2026-08-22"));
        check_date(1_787_443_200, Some("2026-08-23"));
        check_date(253_402_300_799, Some("9999-12-31"));
        check_date(253_402_300_800, None);
        check_date(-1, None);
    }

    #[test]
    fn a_long_list_is_cut() {
        let missing: Vec<String> = (0..5).map(|index| format!("{index}.bin: missing")).collect();
        assert_eq!(listed(&missing[..1]), "0.bin: missing");
        assert_eq!(listed(&missing[..3]), "0.bin: missing; 1.bin: missing; 2.bin: missing");
        assert_eq!(listed(&missing), "0.bin: missing; 1.bin: missing; 2.bin: missing; and 2 more");
    }
}
