//! The explanation that a server gives when it refuses. No clock, no I/O.

use std::fmt;

use serde::Deserialize;
use url_parse::{ForeignText, Secrets, fit_for_message};

use crate::error::Hop;

/// Headers that identify a request for a server's operators, the best first.
const REQUEST_IDS: [&str; 3] = ["x-request-id", "x-amzn-trace-id", "x-amz-cf-id"];

/// A server's explanation of a refusal, fit for a message; shown after our own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerWords {
    /// The server's message.
    pub message: Option<ForeignText>,
    /// The identifier of the request for the server's operators.
    pub request_id: Option<ForeignText>,
    /// The server's role.
    pub speaker: Hop,
}

impl ServerWords {
    /// For a hub that gave no explanation.
    pub fn none() -> Self {
        Self { message: None, request_id: None, speaker: Hop::Hub }
    }

    /// Reads the explanation from a response's headers and body. `header` returns a header's value if
    /// it exists and is text.
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

/// The explanation in a body of this type: the field `error` or `message` of JSON, the title and text
/// of a web page, or other text that is not mark-up. Binary data has none. Web pages are recognized
/// under other types too.
fn words_in(content_type: &str, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Json {
        error: Option<String>,
        message: Option<String>,
    }
    let text = String::from_utf8_lossy(body);
    let kind = media_type(content_type).to_ascii_lowercase();
    let is_json = kind == "application/json" || kind.ends_with("+json");
    if ["text/html", "application/xhtml+xml"].contains(&&*kind) || begins_as_page(&text) {
        Some(page(&text))
    } else if is_json {
        let words = serde_json::from_slice(body).ok().and_then(|Json { error, message }| error.or(message));
        Some(words.unwrap_or_else(|| text.into_owned()))
    } else if kind.is_empty() || kind.starts_with("text/") || kind.ends_with("xml") {
        Some(MarkUp::read(&text).text)
    } else {
        None
    }
}

fn begins_as_page(text: &str) -> bool {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    ["<!doctype html", "<html"].iter().any(|begin| begins(start, begin))
}

fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// The type in a `Content-Type`, without its parameters.
pub fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn page(html: &str) -> String {
    let MarkUp { title, text } = MarkUp::read(html);
    match (title.trim(), text.trim()) {
        ("", text) => text.to_owned(),
        (title, "") => format!("a web page, \"{title}\""),
        (title, text) => format!("a web page, \"{title}\": {text}"),
    }
}

/// Elements whose content is not displayed.
const UNSEEN: [&str; 4] = ["script", "style", "svg", "template"];
const ENTITIES: [(&str, &str); 6] =
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];

/// The visible text of HTML or XML.
#[derive(Default)]
struct MarkUp {
    title: String,
    text: String,
}

impl MarkUp {
    /// One pass, so that the work is proportional to the text. An unclosed tag extends to the end.
    fn read(markup: &str) -> Self {
        let mut seen = Self::default();
        let mut rest = markup;
        while let Some((before, tag)) = rest.split_once('<') {
            seen.text.extend([before, " "]);
            rest = seen.skip(tag);
        }
        seen.text.push_str(rest);
        let decoded = |text: String| ENTITIES.iter().fold(text, |text, (name, c)| text.replace(name, c));
        Self { title: decoded(seen.title), text: decoded(seen.text) }
    }

    /// What follows a tag that begins here, and the element's name if its content is not text.
    fn skip<'a>(&mut self, tag: &'a str) -> &'a str {
        let after = |text: &'a str, end: &str| text.split_once(end).map_or("", |(_, after)| after);
        if let Some(comment) = tag.strip_prefix("!--") {
            return after(comment, "-->");
        }
        let inside = after(tag, ">");
        let is_named = |name: &&&str| {
            begins(tag, name)
                && tag.get(name.len()..).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        let Some(name) = UNSEEN.iter().chain(&["title"]).find(is_named) else { return inside };
        let end = inside
            .match_indices("</")
            .find(|(at, _)| inside.get(at + 2..).is_some_and(|tag| begins(tag, name)));
        let (content, behind) = inside.split_at(end.map_or(inside.len(), |(at, _)| at));
        if *name == "title" && self.title.is_empty() {
            content.clone_into(&mut self.title);
        }
        after(behind, ">")
    }
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
    fn json_web_pages_and_plain_text_have_an_explanation() {
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
    fn a_web_page_is_reduced_to_its_text() {
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
            ("<!-- <p>a --><svg><title>icon</title></svg>b&nbsp;&lt;&amp;lt;".to_owned(), "b <&lt;"),
            ("<titles>a</titles><scripted>b".to_owned(), "a b"),
        ] {
            check(&[html], &page, Some(words), None);
        }
        for page in ["<title", "<title>", "<style>a{}", "<!--", ""] {
            check(&[html], page, None, None);
        }
        for kind in ["text/plain", "application/json", "application/octet-stream", ""] {
            let page = format!("\u{feff}\n<!DOCTYPE html><html>{style}<title>Blocked</title>Ask IT");
            check(&[("content-type", kind)], &page, Some("a web page, \"Blocked\": Ask IT"), None);
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
    fn the_explanation_names_its_speaker() {
        let words =
            |speaker| ServerWords { message: Some("no".into()), request_id: Some("7".into()), speaker };
        assert_eq!(words(Hop::Hub).to_string(), "; the hub says: no (request 7)");
        assert_eq!(words(Hop::DataHost).to_string(), "; it says: no (request 7)");
        assert_eq!(ServerWords::none().to_string(), "");
    }

    proptest! {
        #[test]
        fn no_body_panics_the_parser(kind in "text/html|text/plain|application/json|", body in "[\\s\\S]{0,60}|(<|>|title|style|/|a|é|!--){0,30}") {
            ServerWords::read(Hop::Hub, |_| Some(&kind), body.as_bytes(), &Secrets::default());
        }
    }
}
