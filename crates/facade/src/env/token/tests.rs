use std::error::Error as _;

use tempfile::TempDir;
use url_parse::Endpoint;

use super::*;
use crate::ErrorKind;

/// A home folder, and variables in which `~` stands for it.
struct User {
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl User {
    #[expect(clippy::disallowed_methods, reason = "tests have no folder of their own to begin with")]
    fn with(variables: &[(&'static str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut variables: Vec<_> =
            variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let name = if cfg!(windows) { USERPROFILE } else { HOME };
        variables.push((name, home.path().to_str().unwrap().to_owned()));
        Self { home, variables }
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn lookup(&self, name: &str) -> Option<OsString> {
        let value = self.variables.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
        value.filter(|value: &OsString| !value.is_empty())
    }

    fn token(&self) -> Result<Option<Token>, Error> {
        token(&|name| self.lookup(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FoundToken {
    Nothing,
    Chosen,
    ByItself,
}

#[track_caller]
fn check(user: &User, expected: FoundToken) {
    let found = match user.token().unwrap() {
        None => FoundToken::Nothing,
        Some(token) if token.is_explicit() => FoundToken::Chosen,
        Some(token) => {
            assert!(token.is_for(&Endpoint::default()));
            FoundToken::ByItself
        }
    };
    assert_eq!(found, expected, "{:?}", user.variables);
}

#[test]
fn a_token_that_the_user_set_counts_as_chosen() {
    let logged_in = |variables: &[(&'static str, &str)]| {
        User::with(variables).file(".cache/huggingface/token", "hf_login").file("mine", "hf_mine\n")
    };
    check(&logged_in(&[(HF_TOKEN, "hf_1")]), FoundToken::Chosen);
    check(&logged_in(&[(HF_TOKEN, " "), (HUGGING_FACE_HUB_TOKEN, "hf_2")]), FoundToken::Chosen);
    check(&logged_in(&[(HF_TOKEN_PATH, "~/mine")]), FoundToken::Chosen);
    check(&logged_in(&[(HF_TOKEN_PATH, "~/mine"), (HF_HUB_DISABLE_IMPLICIT_TOKEN, "1")]), FoundToken::Chosen);
    check(&logged_in(&[]), FoundToken::ByItself);
    for value in ["1", "on", "YES", "True"] {
        check(&logged_in(&[(HF_HUB_DISABLE_IMPLICIT_TOKEN, value)]), FoundToken::Nothing);
    }
    check(&logged_in(&[(HF_HUB_DISABLE_IMPLICIT_TOKEN, "0")]), FoundToken::ByItself);
}

#[test]
fn a_blank_file_is_no_token() {
    check(&User::with(&[(HF_TOKEN_PATH, "~/mine")]).file("mine", "\r\n"), FoundToken::Nothing);
    check(&User::with(&[]).file(".cache/huggingface/token", ""), FoundToken::Nothing);
}

#[test]
fn the_token_of_a_login_is_found() {
    check(&User::with(&[]), FoundToken::Nothing);
    check(&User::with(&[(HF_HOME, "~/hf")]).file("hf/token", "hf_x"), FoundToken::ByItself);
    check(&User::with(&[(HF_HOME, "~/hf")]).file(".cache/huggingface/token", "hf_x"), FoundToken::Nothing);
    let xdg = [(XDG_CACHE_HOME, "~/xdg")];
    check(&User::with(&xdg).file("xdg/huggingface/token", "hf_x"), FoundToken::ByItself);
    let variable = [(HF_HOME, "$MINE/${DEEP}"), ("MINE", "~"), ("DEEP", "hf")];
    let user = User::with(&variable);
    let home = user.home.path().to_str().unwrap().to_owned();
    let variables = [(HF_HOME, "$MINE/${DEEP}"), ("MINE", &home), ("DEEP", "hf")];
    let user = User { variables: User::with(&variables).variables, ..user }.file("hf/token", "hf_x");
    check(&user, FoundToken::ByItself);
}

#[test]
fn an_unusable_login_is_ignored() {
    check(&User::with(&[]).file(".cache/huggingface/token/file", "hf_x"), FoundToken::Nothing);
    check(&User::with(&[]).file(".cache/huggingface/token", "hf_\u{1}"), FoundToken::Nothing);
    check(&User::with(&[]).file(".cache/huggingface/token", &"x".repeat(100_000)), FoundToken::Nothing);
}

#[test]
fn a_named_token_file_must_be_usable() {
    for user in [
        User::with(&[(HF_TOKEN_PATH, "~/mine")]),
        User::with(&[(HF_TOKEN_PATH, "~/mine")]).file("mine/file", "hf_x"),
        User::with(&[(HF_TOKEN_PATH, "~/mine")]).file("mine", "hf_s3\u{1}cret"),
        User::with(&[(HF_TOKEN_PATH, "~/mine")]).file("mine", "\"hf_s3cret\""),
        User::with(&[(HF_TOKEN_PATH, "~/mine")]).file("mine", &"s3\u{1}cret".repeat(100_000)),
    ] {
        let error = user.token().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let path = user.home.path().join("mine");
        assert!(error.to_string().contains(&format!("HF_TOKEN_PATH=`{}`", path.display())), "{error}");
        let shown = format!("{error} {error:?} {}", error.source().unwrap());
        assert!(!shown.contains("cret"), "{shown}");
    }
}

#[test]
fn variables_and_the_home_are_expanded_in_paths() {
    let lookup = |name: &str| match name {
        "HOME" | "USERPROFILE" => Some(OsString::from("/home/me")),
        "A" => Some(OsString::from("/a")),
        "A_1" => Some(OsString::from("one")),
        _ => None,
    };
    for (path, expected) in [
        ("~", "/home/me"),
        ("~/x", "/home/me/x"),
        ("~you/x", "~you/x"),
        ("x/~", "x/~"),
        ("$A/$A_1.x", "/a/one.x"),
        ("${A}1/${A_1}", "/a1/one"),
        ("$B/${B}/$", "$B/${B}/$"),
        ("$$A", "$/a"),
        ("${A", "${A"),
        ("plain", "plain"),
    ] {
        assert_eq!(expanded(&OsString::from(path), &lookup), PathBuf::from(expected), "{path}");
    }
}
