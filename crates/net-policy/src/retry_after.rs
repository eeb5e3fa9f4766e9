//! The `Retry-After` header.

use std::time::{Duration, SystemTime};

use crate::server_wait::MAX_WAIT;

/// The wait in a `Retry-After` header, which is a number of seconds or an HTTP date (RFC 9110, section
/// 10.2.3): at most [`MAX_WAIT`], zero for a date that has passed, `None` for anything else.
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // What overflows is over the cap as well.
        return Some(value.parse().map_or(MAX_WAIT, Duration::from_secs).min(MAX_WAIT));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: &str, seconds: Option<u64>) {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
    }

    #[test]
    fn seconds() {
        check("0", Some(0));
        check("55", Some(55));
        check(" 55 ", Some(55));
        check("0055", Some(55));
        check("300", Some(300));
        check("301", Some(300));
        check("99999999999999999999999999", Some(300));
    }

    #[test]
    fn dates() {
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sunday, 06-Nov-94 08:50:37 GMT", Some(60));
        check("Sun Nov  6 08:50:37 1994", Some(60));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
        check("Sat, 05 Nov 1994 08:49:37 GMT", Some(0));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(300));
    }

    #[test]
    fn garbage() {
        for value in
            ["", " ", "soon", "-1", "+1", "1.5", "1s", "٣", "Sun, 99 Nov 1994 08:49:37 GMT", "06 Nov 1994"]
        {
            check(value, None);
        }
    }

    proptest! {
        #[test]
        fn no_value_panics_or_is_over_the_cap(value in "[ -~]{0,40}|[0-9]{0,30}", now in 0_u64..400_000_000_000) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            if let Some(wait) = parse_retry_after(&value, now) {
                prop_assert!(wait <= MAX_WAIT);
            }
        }
    }
}
