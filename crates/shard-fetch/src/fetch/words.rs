//! What a host says when it refuses, made fit for a message.

use reqwest::Response;
use reqwest::header::HeaderMap;
use tokio::time::{Duration, timeout};
use url_parse::{Excerpt, Url};

use crate::error::HostWords;

/// How much of the body of a refusal is read.
const MAX_BYTES: usize = 4096;

/// Values shorter than this are no secrets, and words of a message may contain them by chance.
const MIN_SECRET_BYTES: usize = 6;

/// The words in the body of a refusal; empty when there are none, or when they do not come in time.
/// `headers` are those of the request.
pub(super) async fn read(mut response: Response, headers: &HeaderMap, limit: Duration) -> HostWords {
    let url = response.url().clone();
    let mut body = Vec::new();
    let reading = async {
        while body.len() < MAX_BYTES
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    // A body that does not come in time is as good as none.
    let _in_time = timeout(limit, reading).await;
    body.truncate(MAX_BYTES);
    clean(&String::from_utf8_lossy(&body), &url, headers)
}

/// The text without mark-up, without what was secret in the request, and on one line.
fn clean(body: &str, url: &Url, headers: &HeaderMap) -> HostWords {
    let mut text = without_tags(body);
    for secret in secrets(url, headers) {
        text = text.replace(&secret, "…");
    }
    let words: Vec<_> = text.split_whitespace().map(without_query).collect();
    HostWords((!words.is_empty()).then(|| Excerpt::of(&words.join(" "))))
}

/// What of a request must not be shown, longest first: its query as a whole, then the values in it, as they
/// were sent and decoded; the values of its headers, and the words in those.
fn secrets(url: &Url, headers: &HeaderMap) -> Vec<String> {
    let query = url.query().unwrap_or_default();
    let raw_values = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
    let mut secrets: Vec<String> = std::iter::once(query).chain(raw_values).map(str::to_owned).collect();
    secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    for value in headers.values().filter_map(|value| value.to_str().ok()) {
        secrets.push(value.to_owned());
        secrets.extend(value.split_whitespace().map(str::to_owned));
    }
    secrets.retain(|secret| secret.len() >= MIN_SECRET_BYTES);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Any other URL in the text may be signed too.
fn without_query(word: &str) -> String {
    match word.split_once('?') {
        Some((before, _)) if before.contains("://") => format!("{before}?…"),
        _ => word.to_owned(),
    }
}

fn without_tags(text: &str) -> String {
    let mut in_tag = false;
    text.chars()
        .map(|c| match c {
            '<' => {
                in_tag = true;
                ' '
            }
            '>' if in_tag => {
                in_tag = false;
                ' '
            }
            _ if in_tag => ' ',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://cdn.example/a/b?Expires=1790000000&Signature=ab%2Bcd~efgh&Key-Pair-Id=K12345";

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer hf_token".parse().unwrap());
        assert_eq!(clean(body, &URL.parse().unwrap(), &headers).to_string(), expected);
    }

    #[test]
    fn plain_words() {
        check("", "");
        check(" \n ", "");
        check("Auth failed:\n  invalid range\u{7}", "; it says: Auth failed: invalid range\\u{7}");
        check(&"x".repeat(500), &format!("; it says: {}…", "x".repeat(160)));
    }

    #[test]
    fn markup_is_left_out() {
        check(
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
            "; it says: AccessDenied Request has expired",
        );
        check("a < b", "; it says: a");
    }

    #[test]
    fn secrets_of_the_request_are_left_out() {
        check(
            "Signature ab%2Bcd~efgh or ab+cd~efgh is bad for K12345",
            "; it says: Signature … or … is bad for …",
        );
        check(&format!("no {URL}, sorry"), "; it says: no https://cdn.example/a/b?… sorry");
        check("token hf_token is bad; Bearer hf_token", "; it says: token … is bad; …");
        check("see https://other.example/x?sig=1", "; it says: see https://other.example/x?…");
        check("what? why", "; it says: what? why");
    }
}
