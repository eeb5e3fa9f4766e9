//! Prefixes and suffixes regardless of case. Only ASCII letters have a case here.

/// The rest of the text, if it begins with the prefix.
pub(crate) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The text before the suffix, if it ends in it.
pub(crate) fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_ignored_at_both_ends() {
        for text in ["ab/c", "AB/c", "Ab/c"] {
            assert_eq!(strip_prefix(text, "aB/"), Some("c"), "{text}");
        }
        for text in ["a.git", "a.GIT", "a.Git"] {
            assert_eq!(strip_suffix(text, ".gIt"), Some("a"), "{text}");
        }
        assert_eq!(strip_prefix("ab", "ab"), Some(""));
        assert_eq!(strip_suffix("ab", "ab"), Some(""));
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in ["", "a", "ac", "é", "aé", "xab"] {
            assert_eq!(strip_prefix(text, "ab"), None, "{text}");
        }
        for text in ["", "b", "cb", "é", "éb", "abx"] {
            assert_eq!(strip_suffix(text, "ab"), None, "{text}");
        }
    }
}
