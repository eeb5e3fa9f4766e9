use proptest::prelude::*;

use super::*;

#[test]
fn an_id_from_parts_equals_a_parsed_one() {
    let id = ModelId::new("mlc-ai", "Llama").unwrap();
    assert_eq!((id.user(), id.repo(), id.to_string().as_str()), ("mlc-ai", "Llama", "mlc-ai/Llama"));
    assert_eq!("mlc-ai/Llama".parse(), Ok(id));
}

/// Checks the parts and the text, which must have the same problem.
#[track_caller]
fn check(user: &str, repo: &str, expected: &str) {
    for platform in [Platform::Windows, Platform::Other] {
        let problem = ModelId::checked(user, repo, platform).unwrap_err();
        assert_eq!(problem.as_str(), expected, "{user:?} {repo:?}");
    }
    let Err(Error::ModelId { problem, .. }) = ModelId::new(user, repo) else { panic!("{user:?} {repo:?}") };
    assert_eq!(problem.as_str(), expected);
}

#[test]
fn a_part_never_holds_a_separator() {
    let has = |part, c: char| {
        format!("{part} has the character {c:?}; only letters, digits, `-`, `_` and `.` are allowed")
    };
    check("", "repo", "the user is missing");
    check("user", "", "the repository is missing");
    check("a/b", "repo", &has("the user", '/'));
    check("user", "a/b", &has("the repository", '/'));
    check("user", "a@b", &has("the repository", '@'));
    check("user", "..", "the repository is `.` or `..`");
    check("user", "...", "the repository starts with `.`");
    // A user may have such a name; only a repository in a clone's address ends so.
    assert!(ModelId::new("user.git", "repo").is_ok());
}

#[test]
fn a_problem_of_a_part_has_its_place_in_the_text() {
    for (user, repo, at) in [("", "repo", None), ("a/b", "repo", Some(1)), ("user", "a@b", Some(6))] {
        let problem = ModelId::checked(user, repo, Platform::Other).unwrap_err();
        assert_eq!(problem.position(), at, "{problem}");
    }
}

#[test]
fn texts_that_are_no_name() {
    for (text, expected) in [
        ("", "the user is missing"),
        ("user", "the repository is missing"),
        ("user/", "the repository is missing"),
        ("/repo", "it has an empty segment"),
        ("user/repo/", "it ends in a slash"),
        ("user/repo/x", "there is something after the repository"),
    ] {
        let problem = ModelId::parse_on(text, Platform::Other).unwrap_err();
        assert_eq!(problem.as_str(), expected, "{text:?}");
    }
    assert_eq!(
        "user".parse::<ModelId>().unwrap_err().to_string(),
        "`user` is not the name of a model: the repository is missing; expected `user/repo`"
    );
}

proptest! {
    #[test]
    fn display_parses_back(user in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}", repo in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}") {
        if let Ok(id) = ModelId::checked(&user, &repo, Platform::Other) {
            prop_assert_eq!(ModelId::parse_on(&id.to_string(), Platform::Other), Ok(id));
        } else {
            prop_assert!(repo.to_ascii_lowercase().ends_with(".git"));
        }
    }

    #[test]
    fn names_that_windows_accepts_are_accepted_everywhere(user: String, repo in "[a-zA-Z1.-]{0,5}") {
        if ModelId::checked(&user, &repo, Platform::Windows).is_ok() {
            prop_assert!(ModelId::checked(&user, &repo, Platform::Other).is_ok());
        }
    }
}
