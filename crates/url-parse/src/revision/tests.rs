use proptest::prelude::*;

use super::*;

#[test]
fn names_that_git_takes() {
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
fn bad(text: &str, expected: RevisionProblem) {
    let Err(Error::Revision { problem, .. }) = text.parse::<Revision>() else { panic!("{text:?} was taken") };
    assert_eq!(problem, expected, "{text:?}");
}

#[test]
fn names_that_git_refuses() {
    bad("", RevisionProblem::Empty);
    bad(&"z".repeat(256), RevisionProblem::TooLong { bytes: 256 });
    bad("-x", RevisionProblem::LeadingDash);
    bad("/a", RevisionProblem::EmptyComponent);
    bad("a/", RevisionProblem::EmptyComponent);
    bad("a//b", RevisionProblem::EmptyComponent);
    bad(".a", RevisionProblem::LeadingDot);
    bad("a/.b", RevisionProblem::LeadingDot);
    bad("a/../b", RevisionProblem::LeadingDot);
    bad("..", RevisionProblem::LeadingDot);
    bad("a.lock", RevisionProblem::LockSuffix);
    bad("a.lock/b", RevisionProblem::LockSuffix);
    bad("a..b", RevisionProblem::DoubleDot);
    bad("a.", RevisionProblem::TrailingDot);
    bad("a@{1}", RevisionProblem::AtBrace);
    bad("@", RevisionProblem::AtAlone);
    for c in [' ', '~', '^', ':', '?', '*', '[', '\\', '\0', '\n', '\u{7f}', '\u{85}'] {
        bad(&format!("a{c}b"), RevisionProblem::Character(c));
    }
}

#[test]
fn messages() {
    assert_eq!(
        "a@{1}".parse::<Revision>().unwrap_err().to_string(),
        "`a@{1}` is not a revision: it has `@{`; expected a branch, a tag, `refs/…` or a commit"
    );
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_taken_parses_back(text in "[ -~é]{0,12}|.{0,8}") {
        if let Ok(revision) = text.parse::<Revision>() {
            prop_assert_eq!(revision.to_string().parse(), Ok(revision));
        }
    }
}
