//! Durations for people to read.

use std::time::Duration;

/// A duration, rounded: tenths below one second, then whole seconds, then its two largest units.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(url_parse::duration(Duration::from_millis(430)), "0.4 s");
/// assert_eq!(url_parse::duration(Duration::from_millis(8_600)), "9 s");
/// assert_eq!(url_parse::duration(Duration::from_secs(200)), "3 min 20 s");
/// assert_eq!(url_parse::duration(Duration::from_secs(7500)), "2 h 5 min");
/// ```
pub fn duration(duration: Duration) -> String {
    let tenths = duration.saturating_add(Duration::from_millis(50)).as_millis() / 100;
    if (1..10).contains(&tenths) {
        return format!("0.{tenths} s");
    }
    match duration.saturating_add(Duration::from_millis(500)).as_secs() {
        whole @ 0..60 => format!("{whole} s"),
        whole @ 60..3600 => of_two(whole / 60, "min", whole % 60, "s"),
        whole => of_two(whole / 3600, "h", whole % 3600 / 60, "min"),
    }
}

fn of_two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}
