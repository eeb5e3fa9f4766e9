//! The `RateLimit` header.

use std::cmp::Reverse;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::server_wait::MAX_WAIT;

/// What a `RateLimit` header says (draft-ietf-httpapi-ratelimit-headers-09), as the hub sends it with every
/// answer: `"resolvers";r=2998;t=172`.
///
/// Read leniently: spaces, other parameters and missing quotes do not matter. Of several limits in one
/// header, the one with the fewest requests left counts, of these the one that lasts longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests left in the window.
    pub remaining: u64,
    /// Until the window ends, at most [`MAX_WAIT`].
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

/// A number that does not fit is as good as the largest that does.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Option<(u64, u64)>) {
        let limit = header.parse::<RateLimit>().ok();
        assert_eq!(limit.map(|limit| (limit.remaining, limit.reset.as_secs())), expected, "{header:?}");
    }

    #[test]
    fn headers() {
        check(r#""resolvers";r=2998;t=172"#, Some((2998, 172)));
        check(r#""api";r=0;t=55"#, Some((0, 55)));
        check(r#" "api" ; r = 0 ; t = 55 "#, Some((0, 55)));
        check("api;R=1;T=2", Some((1, 2)));
        check("r=1;t=2", Some((1, 2)));
        check(r#""api";t=2;pk=:cHsdsRa894==:;r=1"#, Some((1, 2)));
        check(r#""api";r=7;t=301"#, Some((7, 300)));
        check(r#""api";r=99999999999999999999999;t=1"#, Some((u64::MAX, 1)));
        check(r#""api";r=9;t=10, "resolvers";r=3;t=20,"pages";r=3;t=30"#, Some((3, 30)));
        check(r#"garbage, "resolvers";r=3;t=20"#, Some((3, 20)));
    }

    #[test]
    fn garbage() {
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
            check(header, None);
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
        fn no_header_panics_or_is_over_the_cap(header in "[ -~é]{0,40}|(\"a\";)?[rt]=[0-9]{0,25};[rt]=[0-9]{0,25}") {
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
}
