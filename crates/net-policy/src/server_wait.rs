//! How long a server asks to be left alone.

use std::time::{Duration, SystemTime};

use crate::rate_limit::RateLimit;
use crate::retry_after::parse_retry_after;

/// The longest wait that a server can ask for: 300 s, the length of the hub's own windows. A server that
/// asks for more is tried again, and may ask again.
pub const MAX_WAIT: Duration = Duration::from_secs(300);

/// How long a server asks to be left alone, from its answer's headers.
#[derive(Clone, Copy, Debug)]
pub struct ServerWait;

impl ServerWait {
    /// The wait that an answer with this status and these headers asks for, at most [`MAX_WAIT`]. A 429 with
    /// nothing left in `RateLimit` says when its window ends, in whole seconds, so one more is waited; else a
    /// 429 or 503 may have a `Retry-After`. `now` is what a date is compared with.
    pub fn from_headers(
        rate_limit: Option<&str>,
        retry_after: Option<&str>,
        status: u16,
        now: SystemTime,
    ) -> Option<Duration> {
        let window_end = || {
            let limit: RateLimit = rate_limit?.parse().ok()?;
            (limit.remaining == 0).then(|| limit.reset.saturating_add(Duration::from_secs(1)).min(MAX_WAIT))
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
    use super::*;

    #[track_caller]
    fn check(status: u16, rate_limit: Option<&str>, retry_after: Option<&str>, seconds: Option<u64>) {
        let wait = ServerWait::from_headers(rate_limit, retry_after, status, SystemTime::UNIX_EPOCH);
        assert_eq!(wait, seconds.map(Duration::from_secs));
    }

    #[test]
    fn the_window_comes_before_retry_after() {
        let (used_up, some_left) = (Some(r#""resolvers";r=0;t=55"#), Some(r#""resolvers";r=2998;t=172"#));
        check(429, used_up, None, Some(56));
        check(429, used_up, Some("7"), Some(56));
        check(429, some_left, Some("7"), Some(7));
        check(429, some_left, None, None);
        check(429, Some("garbage"), Some("7"), Some(7));
        check(429, None, Some("7"), Some(7));
        check(429, None, Some("Thu, 01 Jan 1970 00:01:00 GMT"), Some(60));
        check(429, None, Some("soon"), None);
        check(429, None, None, None);
        check(503, used_up, Some("7"), Some(7));
        check(503, used_up, None, None);
        check(500, used_up, Some("7"), None);
        check(200, used_up, Some("7"), None);
    }

    #[test]
    fn no_wait_is_over_the_cap() {
        check(429, Some(r#""api";r=0;t=299"#), None, Some(300));
        check(429, Some(r#""api";r=0;t=300"#), None, Some(300));
        check(429, Some(r#""api";r=0;t=99999999999999999999"#), None, Some(300));
        check(503, None, Some("86400"), Some(300));
    }
}
