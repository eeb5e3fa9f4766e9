//! Foreign text in messages: what a server says when it refuses, and anything else that was not written here.
//! No clock, no I/O.

use std::cmp::Reverse;
use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::error::Hop;

/// As many characters of foreign text as a message shows.
const MAX_CHARS: usize = 300;
/// Shorter values are no secrets, and words of a message may contain them by chance.
const MIN_SECRET_BYTES: usize = 6;
/// By which of these a server's operators find a request, the best first.
const REQUEST_IDS: [&str; 3] = ["x-request-id", "x-amzn-trace-id", "x-amz-cf-id"];

/// What of a request must not be shown, whoever repeats it.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The URL's query as a whole and the values in it, as they were sent and decoded; the values of `headers`,
    /// and the words in those.
    pub fn of<'a>(url: &Url, headers: impl IntoIterator<Item = &'a str>) -> Self {
        let query = url.query().unwrap_or_default();
        let raw = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        let mut secrets: Vec<String> = std::iter::once(query).chain(raw).map(str::to_owned).collect();
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        for value in headers {
            secrets.push(value.to_owned());
            // `Bearer` and `Basic` are words that a server may use.
            secrets.extend(value.split_whitespace().filter(|word| !is_scheme(word)).map(str::to_owned));
        }
        secrets.retain(|secret| secret.len() >= MIN_SECRET_BYTES);
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        Self(secrets)
    }

    fn taken_out_of(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| text.replace(secret, "…"))
    }
}

/// Only how many there are.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// Foreign text as a message may show it: one line, bounded, without control characters and characters that hide
/// or reorder others, without the request's secrets, and without queries, users and passwords of any URL in it.
/// `None` when nothing is left.
pub fn fit_for_message(text: &str, secrets: &Secrets) -> Option<String> {
    let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let open = secrets.taken_out_of(visible);
    let words: Vec<String> = open
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .map(without_credentials)
        .collect();
    let line = words.join(" ");
    let cut = line.char_indices().nth(MAX_CHARS).map(|(end, _)| end);
    match cut {
        _ if line.is_empty() => None,
        None => Some(line),
        Some(end) => Some(format!("{}…", line.get(..end)?)),
    }
}

/// Characters that take no room, or change the order of others.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A URL's query may be a signature, and what stands before `@` a password.
fn without_credentials(word: &str) -> String {
    let (scheme, rest) = match word.find("://") {
        Some(at) => word.split_at(at + 3),
        None => ("", word),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((before, after)) if !scheme.is_empty() && !after.is_empty() => (before, "?…"),
        _ => (rest, ""),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let user_info = authority.rsplit_once('@').map(|(user_info, _)| user_info);
    match user_info.filter(|user_info| !scheme.is_empty() || user_info.contains(':')) {
        Some(user_info) => format!("{scheme}…{}{query}", rest.get(user_info.len()..).unwrap_or_default()),
        None => format!("{scheme}{rest}{query}"),
    }
}

/// What a server said about a refusal, fit for a message; shown after our own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerWords {
    /// The server's message.
    pub message: Option<String>,
    /// The identifier by which the server's operators find the request.
    pub request_id: Option<String>,
    /// Who says it.
    pub speaker: Hop,
}

impl ServerWords {
    /// Those of a hub that said nothing.
    pub fn none() -> Self {
        Self { message: None, request_id: None, speaker: Hop::Hub }
    }

    /// The words in an answer's headers and body. `header` gives the value of a header that is there and is text.
    pub fn read<'a>(
        speaker: Hop,
        header: impl Fn(&str) -> Option<&'a str>,
        body: &[u8],
        secrets: &Secrets,
    ) -> Self {
        let message = match header("x-error-message") {
            Some(words) => Some(words.to_owned()),
            None => words_in(header("content-type").unwrap_or_default(), body),
        };
        let fit = |words: &str| fit_for_message(words, secrets);
        Self {
            message: message.as_deref().and_then(fit),
            request_id: REQUEST_IDS.into_iter().find_map(header).and_then(fit),
            speaker,
        }
    }
}

impl fmt::Display for ServerWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(message) = &self.message {
            let speaker = if self.speaker == Hop::Hub { "the hub" } else { "it" };
            write!(f, "; {speaker} says: {message}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

/// The words of a body of this type: of JSON the field `error`, of a web page its title and text, of other text
/// what is no mark-up. What is no text has none.
fn words_in(content_type: &str, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Json {
        error: String,
    }
    let text = String::from_utf8_lossy(body);
    match media_type(content_type).to_ascii_lowercase().as_str() {
        "application/json" => {
            Some(serde_json::from_slice(body).map_or_else(|_| text.into_owned(), |Json { error }| error))
        }
        "text/html" | "application/xhtml+xml" => Some(page(&text)),
        kind if kind.is_empty() || kind.starts_with("text/") || kind.ends_with("xml") => {
            Some(without_tags(&text))
        }
        _ => None,
    }
}

/// The type of a `Content-Type`, without its parameters.
pub fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn page(html: &str) -> String {
    let title = element(html, "title").map(|(_, title, _)| title.trim()).filter(|title| !title.is_empty());
    let text = ["title", "style", "script"].iter().fold(html.to_owned(), |html, name| without(html, name));
    let text = without_tags(&text);
    match (title, text.trim()) {
        (Some(title), "") => format!("a web page, \"{title}\""),
        (Some(title), text) => format!("a web page, \"{title}\": {text}"),
        (None, text) => text.to_owned(),
    }
}

/// What is before, in and after the first element of this name; one that does not end goes on to the end.
fn element<'a>(html: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let lower = html.to_ascii_lowercase();
    let start = lower.find(&format!("<{name}"))?;
    let inside = start + lower.get(start..)?.find('>')? + 1;
    let end_tag = format!("</{name}");
    let end = lower.get(inside..)?.find(&end_tag).map_or(html.len(), |end| inside + end);
    let after = html.get(end..)?.split_once('>').map_or("", |(_, after)| after);
    Some((html.get(..start)?, html.get(inside..end)?, after))
}

fn without(mut html: String, name: &str) -> String {
    while let Some((before, _, after)) = element(&html, name) {
        html = format!("{before} {after}");
    }
    html
}

fn without_tags(text: &str) -> String {
    let mut in_tag = false;
    let outside = |c| {
        in_tag = c == '<' || (in_tag && c != '>');
        if in_tag || c == '>' { ' ' } else { c }
    };
    text.chars().map(outside).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://cdn.example/a/b?Expires=1790000000&Signature=ab%2Bcd~efgh&Key-Pair-Id=K12345";

    fn secrets() -> Secrets {
        Secrets::of(&URL.parse().unwrap(), ["Bearer hf_token"])
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], body: &str, message: Option<&str>, id: Option<&str>) {
        let header = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let words = ServerWords::read(Hop::Hub, header, body.as_bytes(), &Secrets::default());
        assert_eq!((words.message.as_deref(), words.request_id.as_deref()), (message, id));
    }

    #[test]
    fn where_the_words_are() {
        let json = ("content-type", "application/json; charset=utf-8");
        let text = ("content-type", "text/plain");
        check(&[("x-error-message", "No."), json], r#"{"error":"Never."}"#, Some("No."), None);
        check(&[json], r#"{"error":"Invalid rev id: x"}"#, Some("Invalid rev id: x"), None);
        check(&[json], r#"{"message":"other"}"#, Some(r#"{"message":"other"}"#), None);
        check(&[text], "Down for\r\nmaintenance.\n", Some("Down for maintenance."), None);
        check(&[], "text", Some("text"), None);
        check(&[("content-type", "application/octet-stream")], "text", None, None);
        check(&[text], " \n", None, None);
        check(
            &[("content-type", "application/xml")],
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
            Some("AccessDenied Request has expired"),
            None,
        );
        check(&[text], "a < b", Some("a"), None);
    }

    #[test]
    fn web_pages() {
        let html = ("content-type", "Text/HTML; charset=utf-8");
        let style = format!("<style>{}</style>", ".a { color: red }\n".repeat(900));
        for (page, words) in [
            (
                "<!doctype html><HTML><head><Title class=x> Sign in </title>".to_owned(),
                "a web page, \"Sign in\"",
            ),
            (
                format!("<html>{style}<title>Blocked</title><body><script>x()</script><p>Ask\nIT</p></body>"),
                "a web page, \"Blocked\": Ask IT",
            ),
            ("<p>Accept the <b>terms</b></p><script>never ends".to_owned(), "Accept the terms"),
            ("<title></title>no title".to_owned(), "no title"),
        ] {
            check(&[html], &page, Some(words), None);
        }
        for page in ["<title", "<title>", "<style>a{}", ""] {
            check(&[html], page, None, None);
        }
    }

    #[test]
    fn the_identifier_of_the_request() {
        let ids = [("x-amz-cf-id", "c"), ("x-amzn-trace-id", "b"), ("x-request-id", "a")];
        check(&ids, "", None, Some("a"));
        check(&ids[..2], "", None, Some("b"));
        check(&ids[..1], "", None, Some("c"));
    }

    #[test]
    fn who_says_it() {
        let words =
            |speaker| ServerWords { message: Some("no".into()), request_id: Some("7".into()), speaker };
        assert_eq!(words(Hop::Hub).to_string(), "; the hub says: no (request 7)");
        assert_eq!(words(Hop::DataHost).to_string(), "; it says: no (request 7)");
        assert_eq!(ServerWords::none().to_string(), "");
    }

    #[test]
    fn words_are_one_short_line() {
        let fit = |words: &str| fit_for_message(words, &Secrets::default());
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
        ] {
            assert_eq!(fit_for_message(words, &secrets()).as_deref(), Some(shown));
        }
        assert_eq!(format!("{:?}", Secrets::of(&URL.parse().unwrap(), [])), "Secrets(7)");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_fit(text in "\\PC{0,40}|[\\s\\S]{0,400}|(https?://|@|:|\\?|S3CRET1|/| ){0,12}") {
            let secrets = Secrets::of(&"https://h/?x=S3CRET1".parse().unwrap(), []);
            if let Some(line) = fit_for_message(&text, &secrets) {
                prop_assert!(line.chars().count() <= MAX_CHARS + 1);
                prop_assert!(!line.contains("S3CRET1"), "{}", line);
                prop_assert!(!line.chars().any(|c| c.is_control() || is_invisible(c)), "{:?}", line);
            }
        }

        #[test]
        fn no_body_panics(kind in "text/html|text/plain|application/json|", body in "[\\s\\S]{0,60}|(<|>|title|style|/|a){0,30}") {
            ServerWords::read(Hop::Hub, |_| Some(&kind), body.as_bytes(), &Secrets::default());
        }
    }
}
