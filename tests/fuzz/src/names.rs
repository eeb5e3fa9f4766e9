//! Names: whatever is accepted is written as it was read, and safe in paths and messages.
//!
//! What must be refused is specified here independently of the parsers, as git and Unicode define it.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use url_parse::{CommitId, Endpoint, ModelRef, ModelUrl, Platform, RepoPath, Revision};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    same::<ModelUrl>(text);
    same::<ModelRef>(text);
    same::<Endpoint>(text);
    for platform in [Platform::here(), Platform::Other, Platform::Windows] {
        if let Ok(path) = RepoPath::parse_on(text, platform) {
            assert_eq!(path.as_str(), text);
            check_path(path.as_str());
            assert!(path.to_string().chars().count() <= 200, "{path}");
        }
    }
    if let Ok(revision) = text.parse::<Revision>() {
        assert_eq!(revision.as_str(), text);
        check_characters(text);
    }
    if let Ok(commit) = text.parse::<CommitId>() {
        assert_eq!(commit.to_string(), text.to_ascii_lowercase());
    }
}

fn same<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(name) = text.parse::<T>() {
        let shown = name.to_string();
        check_characters(&shown);
        assert!(shown.parse::<T>().is_ok_and(|again| again == name), "{name:?}");
    }
}

fn check_path(path: &str) {
    check_characters(path);
    assert!(!path.contains('\\'), "{path:?}");
    for part in path.split('/') {
        assert!(!matches!(part, "" | "." | ".."), "{path:?}");
        assert!(!is_git_on_hfs(part) && !is_git_on_ntfs(part), "{path:?}");
    }
}

fn check_characters(name: &str) {
    assert!(!name.contains(|c: char| c.is_control() || is_bidirectional(c) || is_zero_width(c)), "{name:?}");
}

/// Unicode's `Bidi_Control`.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_zero_width(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// git's `is_hfs_dotgit`: HFS+ ignores these characters.
fn is_git_on_hfs(part: &str) -> bool {
    let is_ignored = |c: &char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let name: String = part.chars().filter(|c| !is_ignored(c)).collect();
    name.eq_ignore_ascii_case(".git")
}

/// git's `is_ntfs_dotgit`: trailing dots and spaces are ignored, as is anything after a colon.
fn is_git_on_ntfs(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    let rest = part.strip_prefix(".git").or_else(|| part.strip_prefix("git~1"));
    rest.is_some_and(|rest| rest.trim_start_matches([' ', '.']).chars().next().is_none_or(|c| c == ':'))
}
