use proptest::prelude::*;

use super::*;

#[test]
fn names_that_git_accepts() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    for text in [
        "main",
        "v1.0",
        "refs/pr/1",
        "refs/heads/a/b",
        "feature/x-1",
        "HEAD",
        "a@b",
        "@a",
        "模型",
        "a.lockx",
        "x{",
        commit,
    ] {
        let revision: Revision = text.parse().unwrap();
        assert_eq!((revision.as_str(), revision.to_string().as_str()), (text, text));
        assert_eq!(revision.commit().map(|id| id.to_string()), (text == commit).then(|| commit.to_owned()));
    }
    assert!("z".repeat(255).parse::<Revision>().is_ok());
    assert_eq!(
        commit.to_uppercase().parse::<Revision>().unwrap().commit(),
        None,
        "a branch may be called so"
    );
    let id: CommitId = commit.parse().unwrap();
    assert_eq!(Revision::from(id).commit(), Some(id));
}

#[test]
fn the_beginning_of_a_commit() {
    let digits = "0123456789abcdef0123456789abcdef01234567";
    for (text, expected) in [
        (&digits[..6], false),
        (&digits[..7], true),
        (&digits[..39], true),
        (digits, false),
        ("deadbeef", true),
        ("DEADBEEF", false),
        ("deadbeeg", false),
    ] {
        assert_eq!(text.parse::<Revision>().unwrap().may_be_short_commit(), expected, "{text}");
    }
}

#[track_caller]
fn bad(text: &str, expected: &str, at: impl Into<Option<usize>>) {
    let Err(Error::Revision { problem, .. }) = text.parse::<Revision>() else { panic!("{text:?} was taken") };
    assert_eq!((problem.as_str(), problem.position()), (expected, at.into()), "{text:?}");
}

#[test]
fn names_that_git_refuses() {
    let (empty, dot) = ("it has an empty component", "it has a component that starts with `.`");
    let lock = "it has a component that ends in `.lock`";
    bad("", "it is empty", None);
    bad(&"z".repeat(256), "it is 256 bytes long, more than 255", None);
    bad("-x", "it starts with `-`", 0);
    bad("/a", empty, 0);
    bad("a/", empty, 2);
    bad("a//b", empty, 2);
    bad(".a", dot, 0);
    bad("a/.b", dot, 2);
    bad("a/../b", dot, 2);
    bad("..", dot, 0);
    bad("a.lock", lock, 0);
    bad("a.lock/b", lock, 0);
    bad("a..b", "it has `..`", 1);
    bad("a.", "it ends in `.`", 1);
    bad("a@{1}", "it has `@{`", 1);
    bad("@", "`@` alone is not a name", None);
    for c in [' ', '~', '^', ':', '?', '*', '[', '\\', '\0', '\n', '\u{7f}', '\u{85}'] {
        bad(&format!("a{c}b"), &format!("it has the character {c:?}"), 1);
    }
}

#[test]
fn names_that_deceive_the_eye() {
    for c in ['\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{2028}'] {
        bad(&format!("ma{c}in"), &format!("it has the invisible character {}", c.escape_unicode()), 2);
    }
}

#[test]
fn a_message_names_the_problem_and_the_expected_form() {
    assert_eq!(
        "a@{1}".parse::<Revision>().unwrap_err().to_string(),
        "`a@{1}` is not a revision: it has `@{`; expected a branch, a tag, `refs/…` or a commit"
    );
}

proptest! {
    #[test]
    fn no_text_panics_and_accepted_text_parses_back(text in "[ -~é]{0,12}|.{0,8}") {
        if let Ok(revision) = text.parse::<Revision>() {
            prop_assert_eq!(revision.to_string().parse(), Ok(revision));
        }
    }
}
