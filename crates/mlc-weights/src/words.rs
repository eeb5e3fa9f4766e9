//! Words that progress and errors share.

use std::time::Duration;

use facade::PassedOver;

/// As many missing files as one line lists.
const LISTED: usize = 3;

/// A directory that is not the whole model, and what is wrong with it.
pub(crate) fn not_whole(entry: &PassedOver) -> String {
    match entry.missing() {
        [] => entry.to_string(),
        missing => format!("{} ({})", entry.dir.display(), listed(missing)),
    }
}

fn listed(missing: &[String]) -> String {
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
pub(crate) fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
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
    fn times() {
        let texts = [0, 9_949, 10_000, 59_999, 60_000, 3_599_000, 3_600_000, 90_000_000]
            .map(|milliseconds| elapsed(Duration::from_millis(milliseconds)));
        assert_eq!(
            texts,
            ["0.0 s", "9.9 s", "10 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 0 min"]
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let missing: Vec<String> = (0..5).map(|index| format!("{index}.bin: missing")).collect();
        assert_eq!(listed(&missing[..1]), "0.bin: missing");
        assert_eq!(listed(&missing[..3]), "0.bin: missing; 1.bin: missing; 2.bin: missing");
        assert_eq!(listed(&missing), "0.bin: missing; 1.bin: missing; 2.bin: missing; and 2 more");
    }
}
