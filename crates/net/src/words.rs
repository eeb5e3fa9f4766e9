//! What a server says when it refuses. No clock, no I/O.

use std::fmt;

use serde::Deserialize;
use url_parse::{ForeignText, Secrets, fit_for_message};

use crate::error::Hop;

/// By which of these a server's operators find a request, the best first.
const REQUEST_IDS: [&str; 3] = ["x-request-id", "x-amzn-trace-id", "x-amz-cf-id"];

/// What a server said about a refusal, fit for a message; shown after our own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerWords {
    /// The server's message.
    pub message: Option<ForeignText>,
    /// The identifier by which the server's operators find the request.
    pub request_id: Option<ForeignText>,
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

/// The words of a body of this type: of JSON the field `error` or `message`, of a web page its title and text, of other text
/// what is no mark-up. What is no text has none.
fn words_in(content_type: &str, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Json {
        error: Option<String>,
        message: Option<String>,
    }
    let text = String::from_utf8_lossy(body);
    match media_type(content_type).to_ascii_lowercase().as_str() {
        kind if kind == "application/json" || kind.ends_with("+json") => {
            let words =
                serde_json::from_slice(body).ok().and_then(|Json { error, message }| error.or(message));
            Some(words.unwrap_or_else(|| text.into_owned()))
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

    #[track_caller]
    fn check(headers: &[(&str, &str)], body: &str, message: Option<&str>, id: Option<&str>) {
        let header = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let words = ServerWords::read(Hop::Hub, header, body.as_bytes(), &Secrets::default());
        let shown = |text: &Option<ForeignText>| text.as_ref().map(ToString::to_string);
        assert_eq!((shown(&words.message).as_deref(), shown(&words.request_id).as_deref()), (message, id));
    }

    #[test]
    fn where_the_words_are() {
        let json = ("content-type", "application/json; charset=utf-8");
        let text = ("content-type", "text/plain");
        check(&[("x-error-message", "No."), json], r#"{"error":"Never."}"#, Some("No."), None);
        check(&[json], r#"{"error":"Invalid rev id: x"}"#, Some("Invalid rev id: x"), None);
        check(&[json], r#"{"words":"other"}"#, Some(r#"{"words":"other"}"#), None);
        let lfs = ("content-type", "application/vnd.git-lfs+json");
        check(&[lfs], r#"{"message":"Not here.","request_id":"1"}"#, Some("Not here."), None);
        check(&[lfs], r#"{"error":null,"message":"Not here."}"#, Some("Not here."), None);
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

    proptest! {
        #[test]
        fn no_body_panics(kind in "text/html|text/plain|application/json|", body in "[\\s\\S]{0,60}|(<|>|title|style|/|a){0,30}") {
            ServerWords::read(Hop::Hub, |_| Some(&kind), body.as_bytes(), &Secrets::default());
        }
    }
}
