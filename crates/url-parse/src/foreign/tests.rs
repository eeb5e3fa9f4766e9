use proptest::prelude::*;

use super::*;

const URL: &str = "https://cdn.example/a/b?Expires=1790000000&Signature=ab%2Bcd~efgh&Key-Pair-Id=K12345";

fn secrets() -> Secrets {
    Secrets::of(&URL.parse().unwrap(), ["Bearer hf_token"])
}

#[test]
fn words_are_one_short_line() {
    let fit = |words: &str| fit_for_message(words, &Secrets::default()).map(|text| text.to_string());
    assert_eq!(fit(&"x".repeat(1000)).unwrap(), format!("{}…", "x".repeat(MAX_CHARS)));
    assert_eq!(fit(&"é".repeat(MAX_CHARS)).unwrap(), "é".repeat(MAX_CHARS));
    assert_eq!(fit("two\r\nlines\u{1b}[31m\u{9b}1m\u{7}").unwrap(), "two lines [31m 1m");
    assert_eq!(fit("gpj.\u{202e}exe \u{200b}\u{feff}x").unwrap(), "gpj.exe x");
    assert_eq!(fit(" \n\u{200b}"), None);
}

#[test]
fn secrets_are_left_out() {
    for (words, shown) in [
        ("Signature ab%2Bcd~efgh or ab+cd~efgh is bad for K12345", "Signature … or … is bad for …"),
        (&format!("no {URL}, sorry"), "no https://cdn.example/a/b?… sorry"),
        ("token hf_token is bad; Bearer hf_token", "token … is bad; …"),
        ("hf_\u{200b}token", "…"),
        ("a bearer token", "a bearer token"),
        ("see https://other.example/x?sig=1", "see https://other.example/x?…"),
        ("at https://bob:pw@host/x, or bob:pw@host", "at https://…@host/x, or …@host"),
        ("https://pw@host/a@b", "https://…@host/a@b"),
        ("mail me@host.example? why", "mail me@host.example? why"),
        ("(bob:pw@host) remote=a/bob:pw@host bob:pw@", "…@host) …@host …@"),
        ("https://a,https://bob:pw@b", "https://a,https://…@b"),
        ("https://bob:p/w@host/x bob:p/w@host", "https://…@host/x …@host"),
        ("see https://other.example/x#sig", "see https://other.example/x#…"),
        ("no http://host:8080/a/b@main or host:8080/a@b", "no http://host:8080/a/b@main or host:8080/a@b"),
    ] {
        assert_eq!(fit_for_message(words, &secrets()).as_ref().map(ForeignText::as_str), Some(shown));
    }
    assert_eq!(format!("{:?}", Secrets::of(&URL.parse().unwrap(), [])), "Secrets(7)");
}

#[test]
fn the_password_of_a_login_is_a_secret() {
    // user:hf_token
    let secrets = Secrets::of(&URL.parse().unwrap(), ["Basic dXNlcjpoZl90b2tlbg=="]);
    let shown = |words: &str| fit_for_message(words, &secrets).unwrap().to_string();
    assert_eq!(shown("hf_token is bad, dXNlcjpoZl90b2tlbg== too"), "… is bad, … too");
    for odd in ["Basic ====", "Basic bm8gY29sb24=", "Basic", "Bearer dXNlcjpoZl90b2tlbg=="] {
        let secrets = Secrets::of(&URL.parse().unwrap(), [odd]);
        assert_eq!(fit_for_message("a token", &secrets).unwrap().as_str(), "a token", "{odd}");
    }
}

#[test]
fn an_error_keeps_its_causes_as_words() {
    let inner = std::io::Error::other("line\nfeed\u{1b}[2J hf_token");
    let error = crate::DiskError::new("read", "f".as_ref(), inner);
    let foreign = ForeignError::of(&error, &secrets());
    assert_eq!(foreign.to_string(), "cannot read f");
    assert_eq!(foreign.source().unwrap().to_string(), "line feed [2J …");
    assert!(foreign.source().unwrap().source().is_none());
    let silent = ForeignError::of(&std::io::Error::other("\n"), &secrets());
    assert_eq!(silent.to_string(), "it does not say why");
}

proptest! {
    #[test]
    fn any_text_becomes_fit_for_a_message(text in "\\PC{0,40}|[\\s\\S]{0,400}|(https?://|@|:|\\?|S3CRET1|/| ){0,12}") {
        let secrets = Secrets::of(&"https://h/?x=S3CRET1".parse().unwrap(), []);
        if let Some(text) = fit_for_message(&text, &secrets) {
            let line = text.as_str();
            prop_assert!(line.chars().count() <= MAX_CHARS + 1);
            prop_assert!(!line.contains("S3CRET1"), "{}", line);
            prop_assert!(!line.chars().any(crate::printable::is_unprintable), "{:?}", line);
        }
    }

    #[test]
    fn no_password_is_shown(
        before in "(https?://|a|/|,|\\?|#|=|@|:|\\(| ){0,8}",
        after in "(https?://|a|/|,|\\?|#|=|@|:|\\)| ){0,8}",
    ) {
        let text = format!("{before}bob:S3CRET1@{after}");
        let shown = fit_for_message(&text, &Secrets::default()).unwrap();
        prop_assert!(!shown.as_str().contains("S3CRET1"), "{} in {}", shown, text);
    }
}
