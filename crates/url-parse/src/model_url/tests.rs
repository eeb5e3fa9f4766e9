use proptest::prelude::*;

use super::*;
use crate::error::{NameProblem, Part, RevisionProblem};

#[track_caller]
fn good(text: &str, user: &str, repo: &str) {
    let url: ModelUrl = text.parse().unwrap();
    assert_eq!((url.id().user(), url.id().repo()), (user, repo), "{text}");
    assert_eq!(url.to_string(), format!("HF://{user}/{repo}"));
}

#[test]
fn both_prefixes() {
    good("HF://mlc-ai/Llama-3-8B", "mlc-ai", "Llama-3-8B");
    good("https://huggingface.co/mlc-ai/Llama-3-8B", "mlc-ai", "Llama-3-8B");
    good("HF://a/b", "a", "b");
    good("HF://_user/_repo-1.5_q4f16", "_user", "_repo-1.5_q4f16");
    good("HF://User/Repo", "User", "Repo");
    good("HF://1/2..3", "1", "2..3");
    good(&format!("HF://{}/{}", "u".repeat(96), "r".repeat(96)), &"u".repeat(96), &"r".repeat(96));
}

/// `hint` is the suggested `user/repo`, with its revision, or nothing.
#[track_caller]
fn bad(text: &str, expected: ModelProblem, hint: &str) {
    let error = text.parse::<ModelUrl>().unwrap_err();
    let message = error.to_string();
    let Error::ModelUrl { problem, suggestion, .. } = error else { panic!("{error:?}") };
    assert_eq!(problem, expected, "{text:?}");
    assert_eq!(suggestion.map(|url| url.model().to_string()).unwrap_or_default(), hint, "{text:?}");
    let tail = if hint.is_empty() { String::new() } else { format!("; did you mean `HF://{hint}`?") };
    assert!(message.ends_with(&format!("; expected `HF://user/repo`{tail}")), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

const fn user(problem: NameProblem) -> ModelProblem {
    ModelProblem::Name { part: Part::User, problem }
}

const fn repo(problem: NameProblem) -> ModelProblem {
    ModelProblem::Name { part: Part::Repo, problem }
}

#[test]
fn wrong_prefix() {
    bad("", ModelProblem::Empty, "");
    bad(" \n", ModelProblem::Empty, "");
    bad("user/repo", ModelProblem::Prefix, "user/repo");
    bad("repo", ModelProblem::Prefix, "");
    bad("/user/repo", ModelProblem::Prefix, "");
    bad("./user/repo", ModelProblem::Prefix, "");
    bad("../user/repo", ModelProblem::Prefix, "");
    bad("~/models", ModelProblem::Prefix, "");
    bad(r"C:\models\llama", ModelProblem::Prefix, "");
    bad("hf://user/repo", ModelProblem::PrefixCase, "user/repo");
    bad("Hf://user/repo", ModelProblem::PrefixCase, "user/repo");
    bad("HTTPS://huggingface.co/user/repo", ModelProblem::PrefixCase, "user/repo");
    bad("https://HuggingFace.co/user/repo", ModelProblem::PrefixCase, "user/repo");
    bad("HF:/user/repo", ModelProblem::Prefix, "");
    bad("HF:user/repo", ModelProblem::Prefix, "");
    bad("http://huggingface.co/user/repo", ModelProblem::Prefix, "user/repo");
    bad("https://www.huggingface.co/user/repo", ModelProblem::Prefix, "user/repo");
    bad("huggingface.co/user/repo", ModelProblem::Prefix, "user/repo");
    bad("hf.co/user/repo", ModelProblem::Prefix, "user/repo");
    bad("https://hf.co/user/repo", ModelProblem::Prefix, "user/repo");
    bad("git@hf.co:user/repo.git", ModelProblem::Prefix, "user/repo");
    bad("https://bob:hf_secret@huggingface.co/user/repo", ModelProblem::Prefix, "user/repo");
    bad("https://example.org/user/repo", ModelProblem::Prefix, "");
    bad("https://huggingface.co.example.org/user/repo", ModelProblem::Prefix, "");
    bad("https://huggingface.co", ModelProblem::Prefix, "");
    bad("ftp://huggingface.co/user/repo", ModelProblem::Prefix, "");
    bad("é://user/repo", ModelProblem::Prefix, "");
}

#[test]
fn wrong_number_of_segments() {
    bad("HF://", ModelProblem::Missing(Part::User), "");
    bad("https://huggingface.co/", ModelProblem::Missing(Part::User), "");
    bad("HF://user", ModelProblem::Missing(Part::Repo), "");
    bad("HF://user/", ModelProblem::Missing(Part::Repo), "");
    bad("HF:///", ModelProblem::Missing(Part::Repo), "");
    bad("HF:///repo", ModelProblem::EmptySegment, "");
    bad("HF://user//repo", ModelProblem::EmptySegment, "user/repo");
    bad("HF:///user/repo", ModelProblem::EmptySegment, "user/repo");
    bad("HF://user/repo//", ModelProblem::EmptySegment, "user/repo");
    bad("HF://user/repo/", ModelProblem::TrailingSlash, "user/repo");
    bad("https://huggingface.co/user/repo/", ModelProblem::TrailingSlash, "user/repo");
    bad("HF://user/repo/model", ModelProblem::ExtraSegment, "");
    bad("https://huggingface.co/user/repo/tree/main", ModelProblem::ExtraSegment, "user/repo");
    bad(
        "https://huggingface.co/user/repo/resolve/main/tensor-cache.json",
        ModelProblem::ExtraSegment,
        "user/repo",
    );
    bad("https://huggingface.co/user/repo/blob/main/README.md?x=1#y", ModelProblem::Query, "user/repo");
    bad("HF://huggingface.co/user/repo", ModelProblem::ExtraSegment, "user/repo");
    bad("https://huggingface.co/datasets/user/repo", ModelProblem::ExtraSegment, "");
}

#[test]
fn wrong_names() {
    bad("HF://../repo", user(NameProblem::Dots), "");
    bad("HF://user/..", repo(NameProblem::Dots), "");
    bad("HF://./repo", user(NameProblem::Dots), "");
    bad("HF://user/../repo", ModelProblem::ExtraSegment, "");
    bad("HF://.user/repo", user(NameProblem::LeadingDot), "");
    bad("HF://user/.repo", repo(NameProblem::LeadingDot), "");
    bad("HF://-user/repo", user(NameProblem::LeadingDash), "");
    bad("HF://user/--upload-pack=x", repo(NameProblem::Character('=')), "");
    bad("HF://user/-repo", repo(NameProblem::LeadingDash), "");
    bad("HF://us er/repo", user(NameProblem::Character(' ')), "");
    bad("HF://user/re%70o", repo(NameProblem::Character('%')), "");
    bad("HF://user/re\\po", repo(NameProblem::Character('\\')), "");
    bad("HF://user/re\0po", repo(NameProblem::Character('\0')), "");
    bad("HF://user/rép", repo(NameProblem::Character('é')), "");
    bad("HF://user/模型", repo(NameProblem::Character('模')), "");
    bad("HF://user:pw/repo", user(NameProblem::Character(':')), "");
    bad("HF://user/repo~1", repo(NameProblem::Character('~')), "");
    bad("HF://user/repo+x", repo(NameProblem::Character('+')), "");
    bad("HF://user/repo.git", repo(NameProblem::GitSuffix), "user/repo");
    bad("https://huggingface.co/user/repo.GIT", repo(NameProblem::GitSuffix), "user/repo");
    bad(&format!("HF://{}/repo", "u".repeat(97)), user(NameProblem::TooLong { bytes: 97 }), "");
    bad(&format!("HF://user/{}", "r".repeat(100_000)), repo(NameProblem::TooLong { bytes: 100_000 }), "");
}

#[test]
fn what_surrounds_the_names() {
    bad(" HF://user/repo", ModelProblem::SurroundingSpace, "user/repo");
    bad("HF://user/repo\n", ModelProblem::SurroundingSpace, "user/repo");
    bad("\u{a0}HF://user/repo", ModelProblem::SurroundingSpace, "user/repo");
    bad("HF://user/repo?", ModelProblem::Query, "user/repo");
    bad("HF://user/repo?download=true", ModelProblem::Query, "user/repo");
    bad("HF://user/repo#files", ModelProblem::Fragment, "user/repo");
    bad("HF://user/repo#a?b", ModelProblem::Fragment, "user/repo");
    bad("HF://user/repo@v1?download=true", ModelProblem::Query, "user/repo@v1");
    bad("HF://user/repo#a@b", ModelProblem::Fragment, "user/repo");
}

#[test]
fn revisions() {
    for prefix in PREFIXES {
        for revision in
            ["main", "v1", "refs/pr/1", "0123456789abcdef0123456789abcdef01234567", "fix#7", "a@b"]
        {
            let url: ModelUrl = format!("{prefix}user/repo@{revision}").parse().unwrap();
            assert_eq!(url.id().to_string(), "user/repo");
            assert_eq!(url.revision().map(Revision::as_str), Some(revision));
            assert_eq!(url.to_string(), format!("HF://user/repo@{revision}"));
        }
    }
    bad("HF://user/repo@", ModelProblem::Revision(RevisionProblem::Empty), "user/repo");
    bad("HF://user/repo@-x", ModelProblem::Revision(RevisionProblem::LeadingDash), "");
    bad("HF://user/repo@v1/", ModelProblem::Revision(RevisionProblem::EmptyComponent), "");
    bad("HF://@/repo", user(NameProblem::Character('@')), "");
    bad("HF://user@v1/repo", user(NameProblem::Character('@')), "");
    bad("hf://user/repo@v1", ModelProblem::PrefixCase, "user/repo@v1");
    bad("https://huggingface.co/user/repo/tree/v1", ModelProblem::ExtraSegment, "user/repo@v1");
    bad("https://huggingface.co/user/repo/resolve/v1/a/b.json", ModelProblem::ExtraSegment, "user/repo@v1");
    bad("https://huggingface.co/user/repo/tree/v1@x", ModelProblem::ExtraSegment, "");
}

#[test]
fn windows_rules_hold_on_windows_only() {
    for (text, expected) in [
        ("HF://nul/repo", user(NameProblem::DeviceName)),
        ("HF://user/COM1.bin", repo(NameProblem::DeviceName)),
        ("HF://user/repo.", repo(NameProblem::TrailingDot)),
    ] {
        assert_eq!(ModelUrl::parse_on(text, Platform::Windows), Err(expected), "{text}");
        assert!(ModelUrl::parse_on(text, Platform::Other).is_ok(), "{text}");
    }
}

#[test]
fn messages_read_well_and_keep_secrets() {
    let message = |text: &str| text.parse::<ModelUrl>().unwrap_err().to_string();
    assert_eq!(
        message("hf://mlc-ai/Llama"),
        "`hf://mlc-ai/Llama` is not a model URL: its prefix is not written exactly `HF://` or \
         `https://huggingface.co/`; expected `HF://user/repo`; did you mean `HF://mlc-ai/Llama`?"
    );
    assert_eq!(
        message("HF://mlc ai/Llama"),
        "`HF://mlc ai/Llama` is not a model URL: the user has the character ' ', where only letters, digits, `-`, \
         `_` and `.` may stand; expected `HF://user/repo`"
    );
    assert_eq!(
        message("HF://mlc-ai/Llama@v1^"),
        "`HF://mlc-ai/Llama@v1^` is not a model URL: its revision cannot be used: it has the character '^'; expected \
         `HF://user/repo`"
    );
    assert!(message(&format!("HF://user/{}", "r".repeat(100_000))).len() < 400);
    assert!(!message("https://bob:hf_secret@huggingface.co/user/repo").contains("hf_secret"));
    assert!(!message("HF://user/repo?token=hf_secret").contains("hf_secret"));
}

#[test]
fn looks_like_a_url() {
    for text in
        ["HF://user/repo", "hf://x", "https://huggingface.co/user/repo", "HTTPS://x", "ftp://x", " HF://a/b"]
    {
        assert!(ModelUrl::looks_like(text), "{text}");
    }
    for text in
        ["", "models/llama", "/models/llama", r"C:\models", "user/repo", "HF:", "huggingface.co/user/repo"]
    {
        assert!(!ModelUrl::looks_like(text), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), prefix in "(HF://|hf://|https://huggingface.co/|git@hf.co:)?") {
        let _: Result<ModelUrl, _> = text.parse();
        let _: Result<ModelUrl, _> = format!("{prefix}{text}").parse();
    }

    #[test]
    fn a_guess_is_a_model_url_and_display_parses_back(text in "[ ]?(HF://|hf://|http://|https://)?(www\\.)?(huggingface\\.co/|hf\\.co/)?[a-zA-Z.@-]{0,6}(/[a-z.@?#-]{0,6}){0,4}") {
        let url = match text.parse::<ModelUrl>() {
            Ok(url) => Some(url),
            Err(Error::ModelUrl { suggestion, .. }) => suggestion,
            Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        if let Some(url) = url {
            prop_assert_eq!(url.to_string().parse::<ModelUrl>(), Ok(url.clone()));
            prop_assert_eq!(format!("https://huggingface.co/{}", url.model()).parse::<ModelUrl>(), Ok(url));
        }
    }

    #[test]
    fn a_parsed_name_is_one_plain_component(text in "HF://[ -~]{1,12}/[ -~]{1,12}") {
        if let Ok(url) = text.parse::<ModelUrl>() {
            for name in [url.id().user(), url.id().repo()] {
                let components: Vec<_> = std::path::Path::new(name).components().collect();
                prop_assert_eq!(components, vec![std::path::Component::Normal(name.as_ref())]);
            }
        }
    }
}
