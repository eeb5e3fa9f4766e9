use std::error::Error as _;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::*;
use crate::platform::Platform;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn model() -> ModelId {
    ModelId::new("mlc-ai", "Llama_3.1").unwrap()
}

#[track_caller]
fn good(text: &str, shown: &str, git: &str) -> Endpoint {
    let endpoint: Endpoint = text.parse().unwrap();
    assert_eq!((endpoint.as_str(), endpoint.to_string().as_str()), (shown, shown));
    assert_eq!(endpoint.git_url(&model()).as_str(), git);
    assert_eq!(endpoint.lfs_batch_url(&model()).as_str(), format!("{git}.git/info/lfs/objects/batch"));
    assert_eq!(endpoint.model_page(&model()).as_str(), git);
    assert_eq!(shown.parse(), Ok(endpoint.clone()));
    endpoint
}

#[test]
fn addresses_are_normalized() {
    let default =
        good("https://huggingface.co", "https://huggingface.co", "https://huggingface.co/mlc-ai/Llama_3.1");
    assert_eq!(default, Endpoint::default());
    assert!(!default.is_loopback());
    assert_eq!(
        good("https://huggingface.co/", "https://huggingface.co", "https://huggingface.co/mlc-ai/Llama_3.1"),
        default
    );
    assert_eq!(
        good(
            "HTTPS://HuggingFace.co:443//",
            "https://huggingface.co",
            "https://huggingface.co/mlc-ai/Llama_3.1"
        ),
        default
    );
    let local =
        good("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/mlc-ai/Llama_3.1");
    assert!(local.is_loopback());
    assert_eq!(local.origin().to_string(), "http://127.0.0.1:8080");
    good("https://host/hf/mirror/", "https://host/hf/mirror", "https://host/hf/mirror/mlc-ai/Llama_3.1");
    good("https://host/a%20b", "https://host/a%20b", "https://host/a%20b/mlc-ai/Llama_3.1");
    good("http://[::1]:3000/x", "http://[::1]:3000/x", "http://[::1]:3000/x/mlc-ai/Llama_3.1");
}

const SCHEME: &str = "it does not start with `https://` or `http://`";
const UNPARSABLE: &str = "it is not a valid URL";
const USER_INFO: &str = "it contains a user name or a password; the access token is set separately";
const QUERY: &str = "it has a query (`?…`)";

#[track_caller]
fn bad(text: &str, expected: &str, at: impl Into<Option<usize>>) {
    let error = text.parse::<Endpoint>().unwrap_err();
    let message = error.to_string();
    assert!(!message.contains("secret"), "{message}");
    assert_eq!(error.source().is_some(), expected == UNPARSABLE, "{message}");
    let Error::Endpoint { problem, .. } = error else { panic!("{message}") };
    assert_eq!((problem.as_str(), problem.position()), (expected, at.into()), "{text:?}");
}

#[test]
fn texts_that_are_no_address() {
    bad("", SCHEME, None);
    bad("huggingface.co", SCHEME, None);
    bad("ftp://host", SCHEME, None);
    bad("HF://user/repo", SCHEME, None);
    bad("https:host", SCHEME, None);
    bad("file:///etc", SCHEME, None);
    bad("https://", UNPARSABLE, None);
    bad("https:///host", UNPARSABLE, None);
    bad("https://host:99999", UNPARSABLE, None);
    bad("https://ho<st", UNPARSABLE, None);
    bad(" https://host", "it has the character ' '", 0);
    bad("https://host\n", "it has the character '\\n'", 12);
    bad("https://ho\tst", "it has the character '\\t'", 10);
    bad(r"https://host\x", "it has the character '\\\\'", 12);
    bad("https://ho\u{ad}st", r"it has the invisible character \u{ad}", 10);
    bad("https://host/\u{202e}x", r"it has the invisible character \u{202e}", 13);
    bad("https://user:secret@host", USER_INFO, 8);
    bad("https://secret@host/x", USER_INFO, 8);
    bad("https://:secret@host/x", USER_INFO, 8);
    bad("https://user:sec/secret@host", UNPARSABLE, None);
    bad("https://host?token=secret", QUERY, 12);
    bad("https://host/?", QUERY, 13);
    bad("https://host#secret", "it has a fragment (`#…`)", 12);
}

#[test]
fn resolve_urls_are_encoded_segment_by_segment() {
    let resolve = |endpoint: &str, path: &str| {
        let endpoint: Endpoint = endpoint.parse().unwrap();
        let path = RepoPath::parse_on(path, Platform::Other).unwrap();
        let url = endpoint.resolve_url(&model(), &COMMIT.parse().unwrap(), &path);
        assert_eq!((url.query(), url.fragment()), (None, None));
        url.as_str().strip_prefix(endpoint.as_str()).unwrap().replace(COMMIT, "C")
    };
    for (path, encoded) in [
        ("params_shard_0.bin", "params_shard_0.bin"),
        ("sub/dir/shard #3+%41.bin", "sub/dir/shard%20%233%2B%2541.bin"),
        ("a?b", "a%3Fb"),
        ("[x]^|{y}", "%5Bx%5D%5E%7C%7By%7D"),
        ("模/é", "%E6%A8%A1/%C3%A9"),
        ("a~b-c_d.e", "a~b-c_d.e"),
        ("%2e%2e/x", "%252e%252e/x"),
        ("a;b=c&d@e:f", "a%3Bb%3Dc%26d%40e%3Af"),
        ("...", "..."),
    ] {
        for endpoint in ["https://huggingface.co", "http://127.0.0.1:1/a%20prefix"] {
            assert_eq!(resolve(endpoint, path), format!("/mlc-ai/Llama_3.1/resolve/C/{encoded}"), "{path}");
        }
    }
}

#[test]
fn the_api_is_below_the_endpoint() {
    let endpoint: Endpoint = "http://127.0.0.1:1/prefix/".parse().unwrap();
    let revision = |text: &str| endpoint.revision_url(&model(), Some(&text.parse().unwrap())).to_string();
    let base = "http://127.0.0.1:1/prefix/api/models/mlc-ai/Llama_3.1";
    assert_eq!(endpoint.revision_url(&model(), None).as_str(), base);
    assert_eq!(revision("0123456"), format!("{base}/revision/0123456"));
    assert_eq!(revision("refs/pr/1"), format!("{base}/revision/refs%2Fpr%2F1"));
    assert_eq!(revision("a%#é"), format!("{base}/revision/a%25%23%C3%A9"));
    let tree = endpoint.tree_url(&model(), &COMMIT.parse().unwrap());
    assert_eq!(tree.as_str(), format!("{base}/tree/{COMMIT}?recursive=true"));
}

proptest! {
    #[test]
    fn a_resolve_url_parses_back_to_the_same_segments(
        path in "([ #%?+\\[\\]a-z0-9.~&=;@é模-]{1,8})(/[ #%?+\\[\\]A-Z.!$'()*,|^`{}é-]{1,8}){0,3}",
        prefix in "(/[a-z]{1,3}){0,2}",
    ) {
        let Ok(path) = path.parse::<RepoPath>() else { return Ok(()) };
        let endpoint: Endpoint = format!("https://hub.example:8443{prefix}").parse().unwrap();
        let built = endpoint.resolve_url(&model(), &COMMIT.parse().unwrap(), &path);
        let url = Url::parse(built.as_str()).unwrap();
        prop_assert_eq!(&url, &built);
        prop_assert_eq!(Origin::of(&url), Some(endpoint.origin().clone()));
        let decoded: Vec<String> = url.path_segments().unwrap()
            .map(|segment| percent_decode_str(segment).decode_utf8().unwrap().into_owned())
            .collect();
        let expected: Vec<&str> = prefix.split('/').skip(1)
            .chain(["mlc-ai", "Llama_3.1", "resolve", COMMIT])
            .chain(path.components())
            .collect();
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn no_text_panics_and_accepted_text_parses_back(text in "(https?://)?[ -~é]{0,16}") {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}

#[test]
fn the_model_of_an_address() {
    for base in ["https://hub", "http://127.0.0.1:8080/mirror/hf/"] {
        let endpoint: Endpoint = base.parse().unwrap();
        let model = ModelId::new("user", "repo.x").unwrap();
        let url = endpoint.git_url(&model);
        assert_eq!(endpoint.model_at(&url), Some(model.clone()));
        assert_eq!(endpoint.model_at(&format!("{url}.git?query").parse().unwrap()), Some(model.clone()));
        for revision in [None, Some("a/b".parse().unwrap())] {
            let url = endpoint.revision_url(&model, revision.as_ref());
            assert_eq!(endpoint.model_at(&url), Some(model.clone()), "{url}");
        }
        for other in [
            format!("{url}/info"),
            format!("{endpoint}/api/models/user"),
            endpoint.to_string(),
            format!("{endpoint}/user"),
            format!("{endpoint}x/a/b"),
        ] {
            assert_eq!(endpoint.model_at(&other.parse().unwrap()), None, "{other}");
        }
        assert_eq!(endpoint.model_at(&"https://elsewhere/user/repo".parse().unwrap()), None);
    }
}
