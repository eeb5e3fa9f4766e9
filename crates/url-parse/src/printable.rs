//! Characters that names may not have and messages may not show.

use std::borrow::Cow;
use std::path::Path;

/// `text` with every character escaped that could control a terminal, forge a line or mislead a reader,
/// as in `\u{1b}`. Nothing is cut.
///
/// ```
/// assert_eq!(url_parse::printable("gpj.\u{202e}exe\u{1b}[2J"), "gpj.\\u{202e}exe\\u{1b}[2J");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(is_unprintable) {
        let shown = text.chars().map(|c| if is_unprintable(c) { escape(c) } else { c.to_string() });
        Cow::Owned(shown.collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A local path as messages and logs show it: whole, and made [`printable`]. Another user of the
/// machine may have chosen its name.
pub fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

/// The escape sequence for a character.
pub(crate) fn escape(c: char) -> String {
    // Rust's own escapes leave a few invisible letters unchanged.
    if is_invisible(c) { c.escape_unicode().collect() } else { c.escape_debug().collect() }
}

/// Whether `c` is a control character, ends a line, has no width, shows as blank, or changes the order
/// of others.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Whether `c` has no width, shows as blank, ends a line, or changes the order of others: Unicode's
/// "default ignorable" characters, its annotations, and line and paragraph separators. HFS+ ignores
/// some of these in names.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_deceptive_characters_are_escaped() {
        assert!(matches!(printable("a \"plain\" – 模型 \\ name"), Cow::Borrowed(_)));
        let escaped = "a\\u{1b}[2J\\n\\u{9b}\\u{202e}\\u{2028}\\u{3164}\\u{fe0f}\\u{e0001}b";
        assert_eq!(printable("a\u{1b}[2J\n\u{9b}\u{202e}\u{2028}\u{3164}\u{fe0f}\u{e0001}b"), escaped);
        assert_eq!(printable(escaped), escaped);
        assert_eq!(shown("/tmp/a\nerror: b".as_ref()), "/tmp/a\\nerror: b");
    }
}
