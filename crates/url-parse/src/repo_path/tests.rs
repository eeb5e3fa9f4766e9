use std::path::Component;

use proptest::prelude::*;

use super::*;

#[test]
fn paths_that_stay_inside() {
    for (text, components) in [
        ("tensor-cache.json", vec!["tensor-cache.json"]),
        ("sub/dir/shard #3+%41.bin", vec!["sub", "dir", "shard #3+%41.bin"]),
        (".gitattributes", vec![".gitattributes"]),
        ("a/.gitignore", vec!["a", ".gitignore"]),
        ("...", vec!["..."]),
        ("a..b/..c", vec!["a..b", "..c"]),
        ("-x", vec!["-x"]),
        ("模型/é.bin", vec!["模型", "é.bin"]),
    ] {
        let path = RepoPath::parse_on(text, Platform::Other).unwrap();
        assert_eq!((path.as_str(), path.to_string().as_str()), (text, text));
        assert_eq!(path.components().collect::<Vec<_>>(), components);
        assert_eq!(path.file_name(), *components.last().unwrap());
        assert_eq!(
            path.under(Path::new("root")),
            components.iter().fold(PathBuf::from("root"), |at, name| at.join(name))
        );
    }
}

#[track_caller]
fn check(text: &str, elsewhere: Option<(&str, Option<usize>)>, on_windows: Option<(&str, Option<usize>)>) {
    for (platform, expected) in [(Platform::Other, elsewhere), (Platform::Windows, on_windows)] {
        let problem = problem(text, platform);
        let found = problem.as_ref().map(|problem| (problem.as_str(), problem.position()));
        assert_eq!(found, expected, "{text:?}");
    }
}

#[track_caller]
fn bad(text: &str, expected: &str, at: impl Into<Option<usize>>) {
    let everywhere = Some((expected, at.into()));
    check(text, everywhere, everywhere);
    let message = text.parse::<RepoPath>().unwrap_err().to_string();
    assert!(message.contains("is not a path inside a repository: "), "{message}");
}

#[test]
fn paths_that_are_refused_everywhere() {
    let (absolute, dots) = ("it is absolute", "it has a component `.` or `..`");
    let backslash = "it has a backslash";
    let (empty, git) = ("it has an empty component", "it leads into a `.git` folder");
    bad("", "it is empty", None);
    bad("/", absolute, 0);
    bad("/etc/passwd", absolute, 0);
    bad("//host/share", absolute, 0);
    bad("..", dots, 0);
    bad("../x", dots, 0);
    bad("a/../b", dots, 2);
    bad("a/..", dots, 2);
    bad(".", dots, 0);
    bad("a/./b", dots, 2);
    bad("./a", dots, 0);
    bad("a//b", empty, 2);
    bad("a/", empty, 2);
    bad(r"a\b", backslash, 1);
    bad(r"..\a", backslash, 2);
    bad(r"\\host\share", backslash, 0);
    bad("a\0b", r"it has the control character '\0'", 1);
    bad("a\n", r"it has the control character '\n'", 1);
    bad("a\u{1b}[0m", r"it has the control character '\u{1b}'", 1);
    bad("\u{85}", r"it has the control character '\u{85}'", 0);
    bad(".git", git, 0);
    bad(".GIT/config", git, 0);
    bad("a/.Git/hooks/x", git, 2);
    bad("a\u{2028}b", r"it has the invisible character \u{2028}", 1);
    let long = "it has a component of 256 bytes, more than 255";
    bad(&"a".repeat(256), long, 0);
    bad(&format!("a/{}", "é".repeat(128)), long, 2);
    bad(&"a/".repeat(2049), "it is 4098 bytes long, more than 4096", None);
}

#[test]
fn every_spelling_of_the_git_folder_is_refused_everywhere() {
    for name in [
        // NTFS drops trailing dots and spaces, and takes text after a colon for a stream.
        ".git ",
        ".git.",
        ".GIT . .",
        ".git::$INDEX_ALLOCATION",
        ".git:x",
        ".git .:x",
        // Its short names on NTFS.
        "git~1",
        "GIT~1",
        "git~2",
        "git~1. ",
        "GIT~1:x",
    ] {
        bad(name, "it leads into a `.git` folder", 0);
        bad(&format!("a/{name}/hooks"), "it leads into a `.git` folder", 2);
    }
    // HFS+ ignores these.
    for c in "\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202e}\u{206a}\u{206f}\u{feff}".chars() {
        bad(&format!(".g{c}it"), &format!("it has the invisible character {}", c.escape_unicode()), 2);
    }
    for name in
        ["git", "git~", "git~x", "git~1x", ".gita", ".git~1", ".git-x", ".gitignore", "a.git", "x:.git"]
    {
        check(name, None, (name == "x:.git").then_some((COLON, Some(1))));
    }
}

const COLON: &str = "it has the character ':', which Windows does not allow in a file name";

#[test]
fn names_that_deceive_the_eye_are_refused_everywhere() {
    for c in [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202e}',
        '\u{2029}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fffb}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0fff}',
    ] {
        let words = format!("it has the invisible character {}", c.escape_unicode());
        bad(&format!("a/gpj{c}.exe"), &words, 5);
    }
}

#[test]
fn paths_that_are_refused_on_windows_only() {
    let device = "it has a component that is the name of a device on Windows";
    let trailing = "it has a component that ends in a dot or a space, which Windows drops";
    let character =
        |c: char| format!("it has the character {c:?}, which Windows does not allow in a file name");
    for (text, on_windows, at) in [
        ("nul", device, 0),
        ("a/COM1.bin", device, 2),
        ("a./b", trailing, 1),
        ("a ", trailing, 1),
        ("...", trailing, 2),
        ("aux.md", device, 0),
        ("a:b.png", COLON, 1),
        ("C:", COLON, 1),
        ("c:/x", COLON, 1),
        ("a/b:stream", &character(':'), 3),
        ("a?", &character('?'), 1),
        ("a/C:", &character(':'), 3),
    ] {
        check(text, None, Some((on_windows, Some(at))));
    }
    check(&format!("{}/b", "a".repeat(255)), None, None);
}

proptest! {
    #[test]
    fn accepted_paths_never_leave_the_root(text in "([a-zA-Z.:/\\\\ %#é\u{0}-]|\\.\\./){0,16}") {
        if let Ok(path) = text.parse::<RepoPath>() {
            let root = Path::new("/root/of all");
            let full = path.under(root);
            let below = full.strip_prefix(root).unwrap();
            prop_assert_eq!(below.components().count(), path.components().count());
            prop_assert!(below.components().all(|component| matches!(component, Component::Normal(_))));
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn no_text_panics(text: String) {
        let _: Result<RepoPath, _> = text.parse();
        let _ = problem(&text, Platform::Windows);
    }

    #[test]
    fn names_that_windows_accepts_are_accepted_everywhere(text in "[ -~]{0,10}") {
        if problem(&text, Platform::Windows).is_none() {
            prop_assert_eq!(problem(&text, Platform::Other), None);
        }
    }
}

#[test]
fn a_message_shows_the_beginning_of_a_long_path() {
    let text = "é/".repeat(200) + "é";
    let path: RepoPath = text.parse().unwrap();
    assert_eq!(path.to_string(), "é/".repeat(80) + "…");
    assert_eq!(path.as_str(), text);
    let short: RepoPath = "e\u{301}/é".parse().unwrap();
    assert_eq!(short.to_string(), short.as_str());
}
