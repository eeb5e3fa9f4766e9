//! Words that progress and errors share.

use std::time::SystemTime;

use facade::Tier;

pub(crate) use facade::words::{
    attempt, duration as elapsed, event, files, listed, moment, not_whole, of_size, size,
};

/// A number of things, whose plural ends in an s.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// The day of a time, in UTC, if its year has four digits: the clock that made it may have been anyhow.
pub(crate) fn date(time: SystemTime) -> Option<String> {
    moment(time)?.split('T').next().map(str::to_owned)
}

/// What stands above the models of a tier.
pub(crate) fn tier(tier: &Tier) -> String {
    let note = if tier.is_read_only() { " (read-only)" } else { "" };
    format!("{}{note}", tier.path().display())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "name")), ["0 names", "1 name", "2 names"]);
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
}
