use proptest::prelude::*;

use super::*;

const EMPTY: &str = "it is empty";
const SURROUNDING_SPACE: &str = "it has white space around it";
const PREFIX: &str = "it starts with neither `HF://` nor `https://huggingface.co/`";
const PREFIX_CASE: &str = "its prefix is not written exactly `HF://` or `https://huggingface.co/`";
const QUERY: &str = "it has a query (`?…`)";
const FRAGMENT: &str = "it has a fragment (`#…`)";
const NO_USER: &str = "the user is missing";
const NO_REPO: &str = "the repository is missing";
const EMPTY_SEGMENT: &str = "it has an empty segment";
const TRAILING_SLASH: &str = "it ends in a slash";
const EXTRA_SEGMENT: &str = "there is something after the repository";

#[track_caller]
fn good(text: &str, user: &str, repo: &str) {
    let url: ModelUrl = text.parse().unwrap();
    assert_eq!((url.id().user(), url.id().repo()), (user, repo), "{text}");
    assert_eq!(url.to_string(), format!("HF://{user}/{repo}"));
}

#[test]
fn both_prefixes_name_a_model() {
    good("HF://mlc-ai/Llama-3-8B", "mlc-ai", "Llama-3-8B");
    good("https://huggingface.co/mlc-ai/Llama-3-8B", "mlc-ai", "Llama-3-8B");
    good("HF://a/b", "a", "b");
    good("HF://_user/_repo-1.5_q4f16", "_user", "_repo-1.5_q4f16");
    good("HF://User/Repo", "User", "Repo");
    good("HF://1/2..3", "1", "2..3");
    good(&format!("HF://{}/{}", "u".repeat(96), "r".repeat(96)), &"u".repeat(96), &"r".repeat(96));
}

/// `hint` is the suggested `user/repo`, with its revision, or empty.
#[track_caller]
fn bad(text: &str, expected: &str, hint: &str) {
    let error = text.parse::<ModelUrl>().unwrap_err();
    let message = error.to_string();
    let Error::ModelUrl { problem, .. } = error else { panic!("{error:?}") };
    assert_eq!(problem.as_str(), expected, "{text:?}");
    assert_eq!(suggested(&problem).map(|url| url.model().to_string()).unwrap_or_default(), hint, "{text:?}");
    let tail = if hint.is_empty() { String::new() } else { format!("; did you mean `HF://{hint}`?") };
    assert!(message.ends_with(&format!("; expected `HF://user/repo`{tail}")), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

fn suggested(problem: &Problem) -> Option<ModelUrl> {
    problem.suggestion().map(|text| text.parse().unwrap())
}

fn user_has(c: char) -> String {
    format!("the user has the character {c:?}; only letters, digits, `-`, `_` and `.` are allowed")
}

fn repo_has(c: char) -> String {
    user_has(c).replace("the user", "the repository")
}

#[test]
fn a_wrong_prefix_is_refused_with_a_suggestion() {
    bad("", EMPTY, "");
    bad(" \n", EMPTY, "");
    bad("user/repo", PREFIX, "user/repo");
    bad("repo", PREFIX, "");
    bad("/user/repo", PREFIX, "");
    bad("./user/repo", PREFIX, "");
    bad("../user/repo", PREFIX, "");
    bad("~/models", PREFIX, "");
    bad(r"C:\models\llama", PREFIX, "");
    bad("hf://user/repo", PREFIX_CASE, "user/repo");
    bad("Hf://user/repo", PREFIX_CASE, "user/repo");
    bad("HTTPS://huggingface.co/user/repo", PREFIX_CASE, "user/repo");
    bad("https://HuggingFace.co/user/repo", PREFIX_CASE, "user/repo");
    bad("HF:/user/repo", PREFIX, "");
    bad("HF:user/repo", PREFIX, "");
    bad("http://huggingface.co/user/repo", PREFIX, "user/repo");
    bad("https://www.huggingface.co/user/repo", PREFIX, "user/repo");
    bad("huggingface.co/user/repo", PREFIX, "user/repo");
    bad("hf.co/user/repo", PREFIX, "user/repo");
    bad("https://hf.co/user/repo", PREFIX, "user/repo");
    bad("git@hf.co:user/repo.git", PREFIX, "user/repo");
    bad("https://bob:hf_secret@huggingface.co/user/repo", PREFIX, "user/repo");
    bad("https://huggingface.co", PREFIX, "");
    bad("ftp://huggingface.co/user/repo", PREFIX, "");
    bad("é://user/repo", PREFIX, "");
}

#[test]
fn the_address_of_another_hub_says_which_and_advises_nothing() {
    for (text, hub, url) in [
        ("https://hf-mirror.com/u/r", "https://hf-mirror.com", "HF://u/r"),
        ("https://Hub.Example:443/u/r@v1", "https://hub.example", "HF://u/r@v1"),
        ("http://10.0.0.1:8080/u/r/", "http://10.0.0.1:8080", "HF://u/r"),
        ("https://hub.example/u/r/tree/main", "https://hub.example", "HF://u/r"),
        ("https://hub.example/u/r/tree/v1?x#y", "https://hub.example", "HF://u/r@v1"),
        ("https://hub.example/u/r.git", "https://hub.example", "HF://u/r"),
        ("https://huggingface.co.example.org/u/r", "https://huggingface.co.example.org", "HF://u/r"),
    ] {
        bad(text, &format!("it is the address of a model at another hub, {hub}"), "");
        let Err(Error::ModelUrl { problem, .. }) = text.parse::<ModelUrl>() else { panic!("{text}") };
        let model = problem.elsewhere().unwrap();
        assert_eq!((model.hub.as_str(), model.url.as_str()), (hub, url));
        assert!(model.hub.parse::<Endpoint>().is_ok() && model.url.parse::<ModelUrl>().is_ok());
    }
    for text in ["https://hub.example/u", "https://hub.example/deep/u/r", "https://me:s3cret@hub.example/u/r"]
    {
        bad(text, PREFIX, "");
    }
}

#[test]
fn a_model_at_the_hub_that_is_set() {
    for (hub, text, model) in [
        ("https://hub.example", "https://hub.example/u/r", "u/r"),
        ("https://hub.example/", "https://hub.example/u/r@refs/pr/1", "u/r@refs/pr/1"),
        ("http://hub.example:8080/hf/", "http://hub.example:8080/hf/u/r@v1", "u/r@v1"),
        ("https://hub.example", "HTTPS://HUB.example:443/u/r", "u/r"),
        ("https://hub.example", "HF://u/r", "u/r"),
        ("https://hub.example", "https://huggingface.co/u/r", "u/r"),
    ] {
        let url = ModelUrl::parse_at(text, &hub.parse().unwrap()).unwrap();
        assert_eq!(url.model().to_string(), model, "{text}");
    }
    for (hub, text, words) in [
        ("https://hub.example/hf", "https://hub.example/u/r", "at another hub, https://hub.example;"),
        ("https://hub.example", "http://hub.example/u/r", "at another hub, http://hub.example;"),
        ("https://hub.example", "https://hub.example/u/r/tree/v1", "did you mean `HF://u/r@v1`?"),
        ("https://hub.example", "https://hub.example//u/r", "did you mean `HF://u/r`?"),
        ("https://hub.example", "https://hub.example/u", "the repository is missing"),
        ("https://hub.example", "https://hub.example/u/r?s3cret", "it has a query"),
    ] {
        let message = ModelUrl::parse_at(text, &hub.parse().unwrap()).unwrap_err().to_string();
        assert!(message.contains(words) && !message.contains("s3cret"), "{message}");
    }
}

#[test]
fn wrong_number_of_segments() {
    bad("HF://", NO_USER, "");
    bad("https://huggingface.co/", NO_USER, "");
    bad("HF://user", NO_REPO, "");
    bad("HF://user/", NO_REPO, "");
    bad("HF:///", NO_REPO, "");
    bad("HF:///repo", EMPTY_SEGMENT, "");
    bad("HF://user//repo", EMPTY_SEGMENT, "user/repo");
    bad("HF:///user/repo", EMPTY_SEGMENT, "user/repo");
    bad("HF://user/repo//", EMPTY_SEGMENT, "user/repo");
    bad("HF://user/repo/", TRAILING_SLASH, "user/repo");
    bad("https://huggingface.co/user/repo/", TRAILING_SLASH, "user/repo");
    bad("HF://user/repo/model", EXTRA_SEGMENT, "");
    bad("https://huggingface.co/user/repo/tree/main", EXTRA_SEGMENT, "user/repo");
    bad("https://huggingface.co/user/repo/resolve/main/tensor-cache.json", EXTRA_SEGMENT, "user/repo");
    bad("https://huggingface.co/user/repo/blob/main/README.md?x=1#y", QUERY, "user/repo");
    bad("HF://huggingface.co/user/repo", EXTRA_SEGMENT, "user/repo");
    bad("https://huggingface.co/datasets/user/repo", EXTRA_SEGMENT, "");
}

#[test]
fn invalid_names_are_refused() {
    bad("HF://../repo", "the user is `.` or `..`", "");
    bad("HF://user/..", "the repository is `.` or `..`", "");
    bad("HF://./repo", "the user is `.` or `..`", "");
    bad("HF://user/../repo", EXTRA_SEGMENT, "");
    bad("HF://.user/repo", "the user starts with `.`", "");
    bad("HF://user/.repo", "the repository starts with `.`", "");
    bad("HF://-user/repo", "the user starts with `-`", "");
    bad("HF://user/--upload-pack=x", &repo_has('='), "");
    bad("HF://user/-repo", "the repository starts with `-`", "");
    bad("HF://us er/repo", &user_has(' '), "");
    bad("HF://user/re%70o", &repo_has('%'), "");
    bad("HF://user/re\\po", &repo_has('\\'), "");
    bad("HF://user/re\0po", &repo_has('\0'), "");
    bad("HF://user/rép", &repo_has('é'), "");
    bad("HF://user/模型", &repo_has('模'), "");
    bad("HF://user:pw/repo", &user_has(':'), "");
    bad("HF://user/repo~1", &repo_has('~'), "");
    bad("HF://user/repo+x", &repo_has('+'), "");
    bad("HF://user/repo.git", "the repository ends in `.git`", "user/repo");
    bad("https://huggingface.co/user/repo.GIT", "the repository ends in `.git`", "user/repo");
    bad(&format!("HF://{}/repo", "u".repeat(97)), "the user is 97 bytes long, more than 96", "");
    bad(
        &format!("HF://user/{}", "r".repeat(100_000)),
        "the repository is 100000 bytes long, more than 96",
        "",
    );
}

#[test]
fn text_around_the_names_is_refused() {
    bad(" HF://user/repo", SURROUNDING_SPACE, "user/repo");
    bad("HF://user/repo\n", SURROUNDING_SPACE, "user/repo");
    bad("\u{a0}HF://user/repo", SURROUNDING_SPACE, "user/repo");
    bad("HF://user/repo?", QUERY, "user/repo");
    bad("HF://user/repo?download=true", QUERY, "user/repo");
    bad("HF://user/repo#files", FRAGMENT, "user/repo");
    bad("HF://user/repo#a?b", FRAGMENT, "user/repo");
    bad("HF://user/repo@v1?download=true", QUERY, "user/repo@v1");
    bad("HF://user/repo#a@b", FRAGMENT, "user/repo");
}

#[test]
fn a_revision_follows_an_at_sign() {
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
    bad("HF://user/repo@", "its revision cannot be used: it is empty", "user/repo");
    bad("HF://user/repo@-x", "its revision cannot be used: it starts with `-`", "");
    bad("HF://user/repo@v1/", "its revision cannot be used: it has an empty component", "");
    bad("HF://@/repo", &user_has('@'), "");
    bad("HF://user@v1/repo", &user_has('@'), "");
    bad("hf://user/repo@v1", PREFIX_CASE, "user/repo@v1");
    bad("https://huggingface.co/user/repo/tree/v1", EXTRA_SEGMENT, "user/repo@v1");
    bad("https://huggingface.co/user/repo/resolve/v1/a/b.json", EXTRA_SEGMENT, "user/repo@v1");
    bad("https://huggingface.co/user/repo/tree/v1@x", EXTRA_SEGMENT, "");
}

#[test]
fn problems_have_a_position() {
    for (text, at) in [
        ("", None),
        (" HF://user/repo", Some(0)),
        ("HF://user/repo\u{a0}\n", Some(14)),
        ("user/repo", None),
        ("hf://user/repo", None),
        ("HF://", Some(5)),
        ("HF://user/", Some(10)),
        ("HF:///repo", Some(5)),
        ("HF://user//repo", Some(10)),
        ("HF://user/repo/", Some(14)),
        ("HF://user/repo/model", Some(14)),
        ("HF://us er/repo", Some(7)),
        ("https://huggingface.co/user/rép", Some(29)),
        ("HF://user/..", Some(10)),
        ("HF://user/-repo", Some(10)),
        ("HF://user/repo.git", Some(14)),
        ("HF://user/repo?x", Some(14)),
        ("HF://user/repo#a?b", Some(14)),
        ("HF://user/repo@v1?x", Some(17)),
        ("HF://user/repo@", Some(15)),
        ("HF://user/repo@a/b^", Some(18)),
        ("HF://user/repo@a//b", Some(17)),
    ] {
        let Err(Error::ModelUrl { problem, .. }) = text.parse::<ModelUrl>() else { panic!("{text:?}") };
        assert_eq!(problem.position(), at, "{text:?}: {problem}");
    }
}

#[test]
fn windows_rules_hold_on_windows_only() {
    for (text, expected) in [
        ("HF://nul/repo", "the user is the name of a device on Windows"),
        ("HF://user/COM1.bin", "the repository is the name of a device on Windows"),
        ("HF://user/repo.", "the repository ends in `.`, which Windows drops"),
    ] {
        let problem = ModelUrl::parse_on(text, Platform::Windows).unwrap_err();
        assert_eq!(problem.as_str(), expected, "{text}");
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
        "`HF://mlc ai/Llama` is not a model URL: the user has the character ' '; only letters, digits, `-`, \
         `_` and `.` are allowed; expected `HF://user/repo`"
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
fn a_text_with_a_scheme_looks_like_a_url() {
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
            Err(Error::ModelUrl { problem, .. }) => suggested(&problem),
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
