use proptest::prelude::*;

use super::*;

#[track_caller]
fn good(text: &str, revision: Option<&str>) {
    let model: ModelRef = text.parse().unwrap();
    assert_eq!(model.id().to_string(), "user/repo");
    assert_eq!(model.revision().map(Revision::as_str), revision, "{text}");
    assert_eq!(model.to_string(), text);
}

#[test]
fn with_and_without_a_revision() {
    good("user/repo", None);
    for revision in
        ["main", "v1.0", "refs/pr/1", "feature/new-head", "a@b", "0123456", "Ünïcode", "50%", "issue#7"]
    {
        good(&format!("user/repo@{revision}"), Some(revision));
    }
}

#[track_caller]
fn bad(text: &str, expected: &str) {
    let Err(Error::ModelRef { problem, .. }) = text.parse::<ModelRef>() else { panic!("{text}") };
    assert_eq!(problem.as_str(), expected, "{text}");
}

#[test]
fn invalid_references_are_refused() {
    bad("", "the user is missing");
    bad("user@main", "the repository is missing");
    bad("user/@main", "the repository is missing");
    bad(
        "user@main/repo",
        "the user has the character '@'; only letters, digits, `-`, `_` and `.` are allowed",
    );
    bad("user/repo/more@main", "there is something after the repository");
    bad("user/repo@", "its revision cannot be used: it is empty");
    bad("user/repo@/main", "its revision cannot be used: it has an empty component");
    bad("user/repo@..", "its revision cannot be used: it has a component that starts with `.`");
    bad("user/repo@a b", "its revision cannot be used: it has the character ' '");
    assert_eq!(
        "user/repo@a..b".parse::<ModelRef>().unwrap_err().to_string(),
        "`user/repo@a..b` is not the name of a model: its revision cannot be used: it has `..`; expected \
         `user/repo` or `user/repo@revision`"
    );
}

proptest! {
    #[test]
    fn no_text_panics_and_a_valid_one_is_displayed_unchanged(text in "([a-z]{1,3}/[a-z]{1,3})?[ -~é]{0,12}") {
        if let Ok(model) = text.parse::<ModelRef>() {
            prop_assert_eq!(model.to_string(), text);
        }
    }

    #[test]
    fn every_revision_can_follow(revision in "[ -~é]{1,12}") {
        let text = format!("user/repo@{revision}");
        match revision.parse::<Revision>() {
            Ok(revision) => {
                let model = ModelRef::new("user/repo".parse().unwrap(), Some(revision));
                prop_assert_eq!(text.parse(), Ok(model));
            }
            Err(_) => prop_assert!(text.parse::<ModelRef>().is_err(), "{}", text),
        }
    }
}
