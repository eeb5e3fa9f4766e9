//! Which answers are worth another try.

/// Whether an answer with this status may be another one in a moment: 408, 429, 500, 502, 503, 504, as the
/// hub's own clients have it. Anything else means what it says.
pub const fn is_transient_status(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_six_are_transient() {
        let transient: Vec<u16> = (0..=u16::MAX).filter(|status| is_transient_status(*status)).collect();
        assert_eq!(transient, [408, 429, 500, 502, 503, 504]);
    }
}
