//! Durations for people to read.

use std::time::Duration;

/// A duration in its two largest units.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(url_parse::duration(Duration::from_millis(1_234)), "1.2 s");
/// assert_eq!(url_parse::duration(Duration::from_secs(42)), "42 s");
/// assert_eq!(url_parse::duration(Duration::from_secs(200)), "3 min 20 s");
/// assert_eq!(url_parse::duration(Duration::from_secs(7500)), "2 h 5 min");
/// ```
pub fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        whole @ 10..60 => format!("{whole} s"),
        whole @ 60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}
