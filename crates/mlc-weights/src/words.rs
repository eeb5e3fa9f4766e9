//! Words that progress and errors share.

use std::time::{Duration, SystemTime};

use facade::PassedOver;

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

/// A size with the unit that fits: powers of 1000, as networks and disks are sold.
#[expect(clippy::cast_precision_loss, reason = "a few digits for a person")]
pub(crate) fn size(bytes: u64) -> String {
    let (unit, divisor, digits) = unit(bytes);
    // One digit more than in a pair: here it is all there is.
    let digits = if divisor > 1.0 { 2 } else { digits };
    format!("{:.digits$} {unit}", bytes as f64 / divisor)
}

/// How much there is of something, with one unit for both.
#[expect(clippy::cast_precision_loss, reason = "a few digits for a person")]
pub(crate) fn of_size(part: u64, whole: u64) -> String {
    let (unit, divisor, digits) = unit(whole);
    let (part, whole) = (part as f64 / divisor, whole as f64 / divisor);
    format!("{part:.digits$} of {whole:.digits$} {unit}")
}

/// The unit that fits, how many bytes it is, and how many digits a changing number has.
fn unit(bytes: u64) -> (&'static str, f64, usize) {
    match bytes {
        0..1_000 => ("B", 1.0, 0),
        1_000..1_000_000 => ("kB", 1e3, 1),
        1_000_000..1_000_000_000 => ("MB", 1e6, 1),
        1_000_000_000..1_000_000_000_000 => ("GB", 1e9, 2),
        _ => ("TB", 1e12, 2),
    }
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
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    if since.as_secs() >= YEAR_10000 {
        return None;
    }
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.split('T').next().map(str::to_owned)
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
        assert_eq!([0, 999, 65_536, 7_550_000_000].map(size), ["0 B", "999 B", "65.54 kB", "7.55 GB"]);
        assert_eq!(seconds(Duration::from_millis(1_234)), "1.2 s");
    }

    #[test]
    fn parts_of_sizes() {
        assert_eq!(of_size(0, 0), "0 of 0 B");
        assert_eq!(of_size(12, 999), "12 of 999 B");
        assert_eq!(of_size(500, 1_000), "0.5 of 1.0 kB");
        assert_eq!(of_size(312_400_000, 869_100_000), "312.4 of 869.1 MB");
        assert_eq!(of_size(1, 12_345_000_000), "0.00 of 12.35 GB");
        assert_eq!(of_size(2_000_000_000_000, 2_000_000_000_000), "2.00 of 2.00 TB");
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
