//! Untrusted text in messages.

use std::fmt;

use crate::printable::escape;

/// Untrusted text made fit for one line of a message: unprintable characters are escaped, and text
/// longer than [`Excerpt::MAX_CHARS`] characters is cut and ends in `…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Excerpt(Box<str>);

impl Excerpt {
    /// The longest excerpt, in characters.
    pub const MAX_CHARS: usize = 160;

    /// The text, escaped and cut.
    pub fn of(text: &str) -> Self {
        let (kept, mark) = Self::cut(text);
        Self((kept.chars().map(shown).collect::<String>() + mark).into())
    }

    /// The part of a text that is shown, and `…` if it was cut.
    pub(crate) fn cut(text: &str) -> (&str, &'static str) {
        let kept = text.char_indices().nth(Self::MAX_CHARS).and_then(|(end, _)| text.get(..end));
        kept.map_or((text, ""), |kept| (kept, "…"))
    }

    /// Text that should have been a URL: user info, query and fragment, which may be secret, are shown
    /// as `…`. Works on text that no URL parser would accept.
    pub fn of_url(text: &str) -> Self {
        let text = without_tail(text);
        let (scheme, rest) = split_scheme(&text);
        let authority = rest.split(['/', '\\']).next().unwrap_or_default();
        match authority.rsplit_once('@') {
            Some((user_info, _)) if !scheme.trim_start().eq_ignore_ascii_case("hf://") => {
                Self::of(&format!("{scheme}…{}", rest.strip_prefix(user_info).unwrap_or_default()))
            }
            _ => Self::of(&text),
        }
    }

    /// Like [`Excerpt::of_url`], for text where `@` is not allowed at all: everything before the last
    /// one is hidden.
    pub(crate) fn of_endpoint(text: &str) -> Self {
        match text.rsplit_once('@') {
            Some((before, host_on)) => {
                Self::of(&format!("{}…@{}", split_scheme(before).0, without_tail(host_on)))
            }
            None => Self::of_url(text),
        }
    }

    /// The escaped text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Excerpt {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` with its query or fragment replaced by `…`.
fn without_tail(text: &str) -> String {
    match text.split_once(['?', '#']) {
        Some((visible, _)) => {
            let mark = text.get(visible.len()..).and_then(|tail| tail.chars().next());
            visible.chars().chain(mark).chain(['…']).collect()
        }
        None => text.to_owned(),
    }
}

/// `https://` and the rest; without a scheme the first part is empty. As lenient as URL parsers are:
/// spaces and control characters may come first, and the slashes may be one, none or backslashes.
fn split_scheme(text: &str) -> (&str, &str) {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control());
    let after = start.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c));
    match after.strip_prefix(':') {
        Some(rest) if after.len() < start.len() => {
            let rest = rest.trim_start_matches(['/', '\\']);
            (text.strip_suffix(rest).unwrap_or_default(), rest)
        }
        _ => ("", text),
    }
}

/// `"` and `'` are not escaped, since messages quote with backticks.
fn shown(c: char) -> String {
    if matches!(c, '"' | '\'') { c.to_string() } else { escape(c) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_cut() {
        assert_eq!(Excerpt::of("plain – 模型 \"q\" 'r'").as_str(), "plain – 模型 \"q\" 'r'");
        assert_eq!(Excerpt::of("a\nb\u{1b}[31m\0").as_str(), "a\\nb\\u{1b}[31m\\0");
        assert_eq!(Excerpt::of("\u{202e}txt\u{2028}\u{3164}").as_str(), "\\u{202e}txt\\u{2028}\\u{3164}");
        assert_eq!(Excerpt::of(&"x".repeat(160)).as_str(), "x".repeat(160));
        assert_eq!(Excerpt::of(&"é".repeat(161)).as_str(), "é".repeat(160) + "…");
    }

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(Excerpt::of_url(text).as_str(), shown);
    }

    #[test]
    fn secrets_of_a_url_are_hidden() {
        check("https://huggingface.co/user/repo", "https://huggingface.co/user/repo");
        check("https://bob:hf_secret@huggingface.co/user/repo", "https://…@huggingface.co/user/repo");
        check("https://hf_secret@huggingface.co", "https://…@huggingface.co");
        check("https://a@b:hf_secret@host/x", "https://…@host/x");
        check("https:hf_secret@host/x", "https:…@host/x");
        check("https:\\\\hf_secret@host\\x", "https:\\\\\\\\…@host\\\\x");
        check("bob:hf_secret@host/x", "bob:…@host/x");
        check("https://host/x?token=hf_secret", "https://host/x?…");
        check("https://host/x#hf_secret", "https://host/x#…");
        check("https://hf_a@host?hf_b#hf_c", "https://…@host?…");
        check(" https://hf_secret@host/x", " https://…@host/x");
        check("\0https://hf_secret@host/x", "\\0https://…@host/x");
        check("git@hf.co:user/repo", "…@hf.co:user/repo");
    }

    #[test]
    fn a_revision_is_no_secret() {
        check("HF://user/repo@main", "HF://user/repo@main");
        check("HF://user@main/repo", "HF://user@main/repo");
        check(" hf://user@main/repo", " hf://user@main/repo");
        check("https://huggingface.co/user/repo@main", "https://huggingface.co/user/repo@main");
    }

    #[test]
    fn an_endpoint_shows_nothing_before_the_last_at_sign() {
        let shown = |text| Excerpt::of_endpoint(text).as_str().to_owned();
        assert_eq!(shown("https://u:pa/ss@host/x"), "https://…@host/x");
        assert_eq!(shown("https://u:pa?ss@host/x"), "https://…@host/x");
        assert_eq!(shown("https://u:pa#ss@host/x?t=1"), "https://…@host/x?…");
        assert_eq!(shown("https://host/x?t=1"), "https://host/x?…");
    }
}
