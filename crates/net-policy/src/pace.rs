//! How what is left of a rate limit is spread over what is left of its window.

use std::time::Duration;

/// With so many requests left, or more, none is delayed. It is far more than what is under way at once, and far
/// less than a window of the hub begins with.
const PLENTY: u64 = 32;

/// How long after one request the next should be sent, when so many are left until the window ends after `reset`.
///
/// Zero while there are plenty. Then what is left is spread evenly, so that the last one is sent before the end
/// of the window, and those who have more to ask are not refused. With nothing left it is the whole rest.
pub fn pace(remaining: u64, reset: Duration) -> Duration {
    match u32::try_from(remaining) {
        Ok(remaining) if u64::from(remaining) < PLENTY => reset / (remaining + 1),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(remaining: u64, reset: u64, expected_millis: u64) {
        assert_eq!(pace(remaining, Duration::from_secs(reset)), Duration::from_millis(expected_millis));
    }

    #[test]
    fn what_is_left_is_spread() {
        check(3000, 300, 0);
        check(u64::MAX, 300, 0);
        check(32, 300, 0);
        check(31, 320, 10_000);
        check(9, 300, 30_000);
        check(1, 60, 30_000);
        check(0, 60, 60_000);
        check(5, 0, 0);
        check(0, 0, 0);
    }

    proptest! {
        #[test]
        fn whoever_keeps_to_it_is_never_refused(remaining in 0_u64..100, seconds in 0_u64..=300) {
            let mut left = Duration::from_secs(seconds);
            for remaining in (1..=remaining).rev() {
                let delay = pace(remaining, left);
                prop_assert!(delay <= left);
                left -= delay;
            }
            // The next one comes when the window is over.
            prop_assert_eq!(pace(0, left), left);
        }

        #[test]
        fn fewer_left_means_longer_pauses(remaining in 0_u64..100, millis in 0_u64..300_000) {
            let reset = Duration::from_millis(millis);
            prop_assert!(pace(remaining, reset) >= pace(remaining + 1, reset));
        }
    }
}
