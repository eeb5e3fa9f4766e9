use proptest::prelude::*;

use super::*;

#[test]
fn parts_and_text_agree() {
    let id = ModelId::new("mlc-ai", "Llama").unwrap();
    assert_eq!((id.user(), id.repo(), id.to_string().as_str()), ("mlc-ai", "Llama", "mlc-ai/Llama"));
    assert_eq!("mlc-ai/Llama".parse(), Ok(id));
}

/// What is wrong with the text is what is wrong with the parts.
#[track_caller]
fn check(user: &str, repo: &str, expected: ModelProblem) {
    for platform in [Platform::Windows, Platform::Other] {
        assert_eq!(ModelId::checked(user, repo, platform), Err(expected), "{user:?} {repo:?}");
    }
    let Err(Error::ModelId { problem, .. }) = ModelId::new(user, repo) else { panic!("{user:?} {repo:?}") };
    assert_eq!(problem, expected);
}

#[test]
fn a_part_never_holds_a_separator() {
    let of = |part, problem| ModelProblem::Name { part, problem };
    check("", "repo", ModelProblem::Missing(Part::User));
    check("user", "", ModelProblem::Missing(Part::Repo));
    check("a/b", "repo", of(Part::User, NameProblem::Character('/')));
    check("user", "a/b", of(Part::Repo, NameProblem::Character('/')));
    check("user", "a@b", of(Part::Repo, NameProblem::Character('@')));
    check("user", "..", of(Part::Repo, NameProblem::Dots));
    check("user", "...", of(Part::Repo, NameProblem::LeadingDot));
    // A user of that name can exist; an address of a clone ends so in the repository only.
    assert!(ModelId::new("user.git", "repo").is_ok());
}

#[test]
fn texts_that_are_no_name() {
    for (text, expected) in [
        ("", ModelProblem::Missing(Part::User)),
        ("user", ModelProblem::Missing(Part::Repo)),
        ("user/", ModelProblem::Missing(Part::Repo)),
        ("/repo", ModelProblem::EmptySegment),
        ("user/repo/", ModelProblem::TrailingSlash),
        ("user/repo/x", ModelProblem::ExtraSegment),
    ] {
        assert_eq!(ModelId::parse_on(text, Platform::Other), Err(expected), "{text:?}");
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
    fn what_windows_takes_all_take(user: String, repo in "[a-zA-Z1.-]{0,5}") {
        if ModelId::checked(&user, &repo, Platform::Windows).is_ok() {
            prop_assert!(ModelId::checked(&user, &repo, Platform::Other).is_ok());
        }
    }
}
