//! What a hub says when it refuses, made fit for a message.

use reqwest::header::{self, HeaderMap};
use serde::Deserialize;

use crate::Token;
use crate::client::header_text;
use crate::shown::HubWords;

/// As much of a server's words as a message shows.
const MAX_WORDS: usize = 300;
/// By which of these the hub's operators find a request, the best first.
const REQUEST_IDS: [&str; 3] = ["x-request-id", "x-amzn-trace-id", "x-amz-cf-id"];

/// The hub's message from its header, else from the body, and the identifier of the request. The token that went with
/// the request is not among the words, whoever put it there.
pub(crate) fn hub_words(headers: &HeaderMap, body: &[u8], token: Option<&Token>) -> HubWords {
    let message = match header_text(headers, "x-error-message") {
        Some(words) => Some(words.to_owned()),
        None => words_in(header_text(headers, header::CONTENT_TYPE).unwrap_or_default(), body),
    };
    let request_id = REQUEST_IDS.into_iter().find_map(|name| header_text(headers, name));
    let fit = |words: &str| fit_for_message(words, token);
    HubWords { message: message.as_deref().and_then(fit), request_id: request_id.and_then(fit) }
}

/// The words of a body of this type: of a text all, of JSON the field `error`, of a web page its title.
fn words_in(content_type: &str, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Json {
        error: String,
    }
    let text = || String::from_utf8_lossy(body).into_owned();
    match content_type.split(';').next().unwrap_or_default().trim() {
        "text/plain" => Some(text()),
        "application/json" => serde_json::from_slice(body).ok().map(|Json { error }| error),
        "text/html" => title(&text()),
        _ => None,
    }
}

fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower.get(start..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find('<')?;
    Some(format!("a web page, \"{}\"", page.get(start..end)?.trim()))
}

/// A server's words on one line, cut to a length fit for a message, without the token and the queries of URLs, which
/// may be signatures; `None` when nothing is left.
pub(crate) fn fit_for_message(words: &str, token: Option<&Token>) -> Option<String> {
    let words = match token {
        Some(token) => token.taken_out_of(words),
        None => words.to_owned(),
    };
    let words: Vec<&str> = words.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).map(without_query).collect();
    let line: String = words.join(" ").chars().take(MAX_WORDS).collect();
    (!line.is_empty()).then_some(line)
}

fn without_query(word: &str) -> String {
    match word.split_once('?') {
        Some((before, after)) if before.contains("://") && !after.is_empty() => format!("{before}?…"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], body: &str, message: Option<&str>, id: Option<&str>) {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let words = hub_words(&headers, body.as_bytes(), None);
        assert_eq!((words.message.as_deref(), words.request_id.as_deref()), (message, id));
    }

    #[test]
    fn where_the_words_are() {
        let json = ("content-type", "application/json; charset=utf-8");
        let (text, html) = (("content-type", "text/plain"), ("content-type", "text/html; charset=utf-8"));
        check(&[("x-error-message", "No."), json], r#"{"error":"Never."}"#, Some("No."), None);
        check(&[json], r#"{"error":"Invalid rev id: x"}"#, Some("Invalid rev id: x"), None);
        check(&[json], r#"{"message":"other"}"#, None, None);
        check(&[json], "{", None, None);
        check(&[text], "Down for\r\nmaintenance.\n", Some("Down for maintenance."), None);
        let page = "<!doctype html><HTML><head><Title class=x> Sign in </title>";
        check(&[html], page, Some("a web page, \"Sign in\""), None);
        for page in ["<title", "<title>", "no page", ""] {
            check(&[html], page, None, None);
        }
        check(&[("content-type", "application/xml")], "<Error/>", None, None);
        check(&[], "text", None, None);
    }

    #[test]
    fn the_identifier_of_the_request() {
        let ids = [("x-amz-cf-id", "c"), ("x-amzn-trace-id", "b"), ("x-request-id", "a")];
        check(&ids, "", None, Some("a"));
        check(&ids[..2], "", None, Some("b"));
        check(&ids[..1], "", None, Some("c"));
    }

    #[test]
    fn words_are_one_short_line() {
        let fit = |words: &str| fit_for_message(words, None);
        assert_eq!(fit(&("x".repeat(1000) + "\u{7}\nline")).unwrap().len(), MAX_WORDS);
        assert_eq!(fit("two\r\nlines\u{1b}[31m").unwrap(), "two lines [31m");
        assert_eq!(fit(" \n"), None);
        assert_eq!(fit("why? at https://hub/x?Signature=y now").unwrap(), "why? at https://hub/x?… now");
    }

    #[test]
    fn an_echo_of_the_token_is_taken_out() {
        let token = Token::new("hf_secret").unwrap().unwrap();
        let words = fit_for_message("unknown token hf_secret (Bearer hf_secret)", Some(&token)).unwrap();
        assert_eq!(words, "unknown token … (Bearer …)");
    }
}
