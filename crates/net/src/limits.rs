//! The limits that a server reports: `RateLimit`, `Retry-After`, and how long to wait.
//! No clock, no I/O.

use std::cmp::Reverse;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use crate::error::Error;

/// The longest wait that a server can impose: 300 s, the length of the hub's own windows. After a
/// longer `Retry-After` the server is asked again then, and may repeat itself.
pub const MAX_WAIT: Duration = Duration::from_secs(300);

/// The content of a `RateLimit` header (draft-ietf-httpapi-ratelimit-headers-09), as the hub sends it
/// with every response: `"resolvers";r=2998;t=172`.
///
/// Parsing is lenient: spaces, other parameters and missing quotes do not matter. Of several limits in
/// one header, the one with the fewest requests left counts, and among these the one that lasts
/// longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests left in the window.
    pub remaining: u64,
    /// Time until the window ends, at most [`MAX_WAIT`].
    pub reset: Duration,
}

impl FromStr for RateLimit {
    type Err = Error;

    fn from_str(header: &str) -> Result<Self, Error> {
        header
            .split(',')
            .filter_map(parse_one)
            .min_by_key(|limit| (limit.remaining, Reverse(limit.reset)))
            .ok_or_else(|| Error::rate_limit(header))
    }
}

fn parse_one(item: &str) -> Option<RateLimit> {
    let parameter = |name: &str| {
        item.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| number(value.trim()))?
        })
    };
    Some(RateLimit { remaining: parameter("r")?, reset: Duration::from_secs(parameter("t")?).min(MAX_WAIT) })
}

/// A number too large for the type counts as the largest value.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The wait in a `Retry-After` header, which is a number of seconds or an HTTP date (RFC 9110, section
/// 10.2.3): at most [`MAX_WAIT`], zero for a date that has passed, `None` for anything else.
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that overflows exceeds the cap too.
        return Some(value.parse().map_or(MAX_WAIT, Duration::from_secs).min(MAX_WAIT));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(MAX_WAIT))
}

/// How long a server asks the client to wait, from a response's headers.
#[derive(Clone, Copy, Debug)]
pub struct ServerWait;

impl ServerWait {
    /// The wait that this status and these headers ask for, at most [`MAX_WAIT`]. For a 429 with
    /// nothing left in `RateLimit`, it is the time until the window ends, which is in whole seconds and
    /// may be short by a fraction of one. Otherwise a 429 or 503 may have a `Retry-After`. `now` is
    /// compared with its date.
    pub fn from_headers(
        rate_limit: Option<&str>,
        retry_after: Option<&str>,
        status: u16,
        now: SystemTime,
    ) -> Option<Duration> {
        let window_end = || {
            let limit: RateLimit = rate_limit?.parse().ok()?;
            (limit.remaining == 0).then(|| limit.reset.clamp(Duration::from_secs(1), MAX_WAIT))
        };
        let retry_after = || parse_retry_after(retry_after?, now);
        match status {
            429 => window_end().or_else(retry_after),
            503 => retry_after(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_limit(header: &str, expected: Option<(u64, u64)>) {
        let limit = header.parse::<RateLimit>().ok();
        assert_eq!(limit.map(|limit| (limit.remaining, limit.reset.as_secs())), expected, "{header:?}");
    }

    #[test]
    fn rate_limit_headers_are_read_leniently() {
        check_limit(r#""resolvers";r=2998;t=172"#, Some((2998, 172)));
        check_limit(r#""api";r=0;t=55"#, Some((0, 55)));
        check_limit(r#" "api" ; r = 0 ; t = 55 "#, Some((0, 55)));
        check_limit("api;R=1;T=2", Some((1, 2)));
        check_limit("r=1;t=2", Some((1, 2)));
        check_limit(r#""api";t=2;pk=:cHsdsRa894==:;r=1"#, Some((1, 2)));
        check_limit(r#""api";r=7;t=301"#, Some((7, 300)));
        check_limit(r#""api";r=99999999999999999999999;t=1"#, Some((u64::MAX, 1)));
        check_limit(r#""api";r=9;t=10, "resolvers";r=3;t=20,"pages";r=3;t=30"#, Some((3, 30)));
        check_limit(r#"garbage, "resolvers";r=3;t=20"#, Some((3, 20)));
    }

    #[test]
    fn no_rate_limit_in_garbage() {
        for header in [
            "",
            "garbage",
            r#""api""#,
            r#""api";r=0"#,
            r#""api";t=1"#,
            "r=;t=",
            "r=-1;t=1",
            "r=1.5;t=1",
            "rr=1;tt=1",
            "limit=100, remaining=50, reset=50",
        ] {
            check_limit(header, None);
        }
    }

    #[test]
    fn the_message_is_one_short_line() {
        let message = format!("a\r\n{}", "x".repeat(10_000)).parse::<RateLimit>().unwrap_err().to_string();
        assert!(message.contains(r"`RateLimit: a\r\nxxx"), "{message}");
        assert!(message.len() < 300 && !message.contains('\n'), "{message}");
    }

    proptest! {
        #[test]
        fn no_rate_limit_panics_or_is_over_the_cap(header in "[ -~é]{0,40}|(\"a\";)?[rt]=[0-9]{0,25};[rt]=[0-9]{0,25}") {
            if let Ok(limit) = header.parse::<RateLimit>() {
                prop_assert!(limit.reset <= MAX_WAIT);
            }
        }

        #[test]
        fn the_hub_s_form_is_read(remaining: u64, reset in 0_u64..=300) {
            let limit: RateLimit = format!(r#""resolvers";r={remaining};t={reset}"#).parse().unwrap();
            prop_assert_eq!(limit, RateLimit { remaining, reset: Duration::from_secs(reset) });
        }
    }

    #[track_caller]
    fn check_retry_after(value: &str, seconds: Option<u64>) {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
    }

    #[test]
    fn retry_after_in_seconds() {
        check_retry_after("0", Some(0));
        check_retry_after("55", Some(55));
        check_retry_after(" 55 ", Some(55));
        check_retry_after("0055", Some(55));
        check_retry_after("300", Some(300));
        check_retry_after("301", Some(300));
        check_retry_after("99999999999999999999999999", Some(300));
    }

    #[test]
    fn retry_after_may_be_a_date() {
        check_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", Some(60));
        check_retry_after("Sun Nov  6 08:50:37 1994", Some(60));
        check_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
        check_retry_after("Sat, 05 Nov 1994 08:49:37 GMT", Some(0));
        check_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", Some(300));
    }

    #[test]
    fn no_retry_after_in_garbage() {
        for value in
            ["", " ", "soon", "-1", "+1", "1.5", "1s", "٣", "Sun, 99 Nov 1994 08:49:37 GMT", "06 Nov 1994"]
        {
            check_retry_after(value, None);
        }
    }

    proptest! {
        #[test]
        fn no_retry_after_panics_or_is_over_the_cap(value in "[ -~]{0,40}|[0-9]{0,30}", now in 0_u64..400_000_000_000) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            if let Some(wait) = parse_retry_after(&value, now) {
                prop_assert!(wait <= MAX_WAIT);
            }
        }
    }

    #[track_caller]
    fn check_wait(status: u16, rate_limit: Option<&str>, retry_after: Option<&str>, seconds: Option<u64>) {
        let wait = ServerWait::from_headers(rate_limit, retry_after, status, SystemTime::UNIX_EPOCH);
        assert_eq!(wait, seconds.map(Duration::from_secs));
    }

    #[test]
    fn the_window_comes_before_retry_after() {
        let (used_up, some_left) = (Some(r#""resolvers";r=0;t=55"#), Some(r#""resolvers";r=2998;t=172"#));
        check_wait(429, used_up, None, Some(55));
        check_wait(429, used_up, Some("7"), Some(55));
        check_wait(429, Some(r#""api";r=0;t=0"#), None, Some(1));
        check_wait(429, some_left, Some("7"), Some(7));
        check_wait(429, some_left, None, None);
        check_wait(429, Some("garbage"), Some("7"), Some(7));
        check_wait(429, None, Some("7"), Some(7));
        check_wait(429, None, Some("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        check_wait(429, None, Some("soon"), None);
        check_wait(429, None, None, None);
        check_wait(503, used_up, Some("7"), Some(7));
        check_wait(503, used_up, None, None);
        check_wait(500, used_up, Some("7"), None);
        check_wait(200, used_up, Some("7"), None);
    }

    #[test]
    fn no_wait_is_over_the_cap() {
        check_wait(429, Some(r#""api";r=0;t=300"#), None, Some(300));
        check_wait(429, Some(r#""api";r=0;t=99999999999999999999"#), None, Some(300));
        check_wait(503, None, Some("86400"), Some(300));
    }
}
