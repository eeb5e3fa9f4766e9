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
        let path: RepoPath = text.parse().unwrap();
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
fn check(text: &str, elsewhere: Option<PathProblem>, on_windows: Option<PathProblem>) {
    assert_eq!(problem(text, Platform::Other), elsewhere, "{text:?}");
    assert_eq!(problem(text, Platform::Windows), on_windows, "{text:?}");
}

#[track_caller]
fn bad(text: &str, everywhere: PathProblem) {
    check(text, Some(everywhere), Some(everywhere));
    let message = text.parse::<RepoPath>().unwrap_err().to_string();
    assert!(message.contains("is not a path inside a repository: "), "{message}");
}

#[test]
fn paths_that_are_refused_everywhere() {
    bad("", PathProblem::Empty);
    bad("/", PathProblem::Absolute);
    bad("/etc/passwd", PathProblem::Absolute);
    bad("//host/share", PathProblem::Absolute);
    bad("..", PathProblem::Dots);
    bad("../x", PathProblem::Dots);
    bad("a/../b", PathProblem::Dots);
    bad("a/..", PathProblem::Dots);
    bad(".", PathProblem::Dots);
    bad("a/./b", PathProblem::Dots);
    bad("./a", PathProblem::Dots);
    bad("a//b", PathProblem::EmptyComponent);
    bad("a/", PathProblem::EmptyComponent);
    bad(r"a\b", PathProblem::Backslash);
    bad(r"..\a", PathProblem::Backslash);
    bad(r"\\host\share", PathProblem::Backslash);
    bad("C:", PathProblem::DriveLetter);
    bad("c:/x", PathProblem::DriveLetter);
    bad("z:x", PathProblem::DriveLetter);
    bad("a\0b", PathProblem::ControlCharacter('\0'));
    bad("a\n", PathProblem::ControlCharacter('\n'));
    bad("a\u{1b}[0m", PathProblem::ControlCharacter('\u{1b}'));
    bad("\u{85}", PathProblem::ControlCharacter('\u{85}'));
    bad(".git", PathProblem::GitFolder);
    bad(".GIT/config", PathProblem::GitFolder);
    bad("a/.Git/hooks/x", PathProblem::GitFolder);
    bad(&"a".repeat(256), PathProblem::ComponentTooLong { bytes: 256 });
    bad(&format!("a/{}", "é".repeat(128)), PathProblem::ComponentTooLong { bytes: 256 });
    bad(&"a/".repeat(2049), PathProblem::TooLong { bytes: 4098 });
}

#[test]
fn paths_that_are_refused_on_windows_only() {
    for (text, on_windows) in [
        ("nul", PathProblem::DeviceName),
        ("a/COM1.bin", PathProblem::DeviceName),
        ("a./b", PathProblem::TrailingDotOrSpace),
        ("a ", PathProblem::TrailingDotOrSpace),
        ("...", PathProblem::TrailingDotOrSpace),
        (".git ", PathProblem::TrailingDotOrSpace),
        ("a/b:stream", PathProblem::WindowsCharacter(':')),
        ("a?", PathProblem::WindowsCharacter('?')),
        ("a/C:", PathProblem::WindowsCharacter(':')),
    ] {
        check(text, None, Some(on_windows));
    }
    check(&format!("{}/b", "a".repeat(255)), None, None);
}

proptest! {
    #[test]
    fn what_is_taken_never_leaves_the_root(text in "([a-zA-Z.:/\\\\ %#é\u{0}-]|\\.\\./){0,16}") {
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
    fn what_windows_takes_all_take(text in "[ -~]{0,10}") {
        if problem(&text, Platform::Windows).is_none() {
            prop_assert_eq!(problem(&text, Platform::Other), None);
        }
    }
}
