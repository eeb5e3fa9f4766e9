//! The hub's refusals as recorded, one row each.

use net::{Hop, Secrets};
use reqwest::header::{HeaderName, HeaderValue};
use url_parse::{ErrorKind, Url};

use super::*;

const MISSING: &[(&str, &str)] =
    &[("www-authenticate", "Bearer realm=\"Authentication required\", charset=\"UTF-8\"")];

fn header_map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let header = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    headers.iter().copied().map(header).collect()
}

fn refused(status: u16, headers: &[(&'static str, &'static str)], body: &str, file: bool) -> Error {
    let headers = header_map(headers);
    let model = ModelId::new("mlc-ai", "Llama").unwrap();
    let path: RepoPath = "params_shard_0.bin".parse().unwrap();
    let endpoint = Endpoint::default();
    let asked = Asked {
        model: &model,
        file: file.then_some(&path),
        revision: "main",
        endpoint: &endpoint,
        token: None,
    };
    let url = Url::parse("https://huggingface.co/mlc-ai/Llama/resolve/main/x?sig=secret").unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    let secrets = Secrets::default();
    let error = asked.classify(Refusal::new(Hop::Hub, url, status, headers, body.as_bytes(), &secrets));
    assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    error
}

#[test]
fn a_missing_repository_and_a_private_one_are_the_same_answer() {
    let anonymous = refused(401, MISSING, "", false);
    let with_token = refused(404, &[("x-error-code", "RepoNotFound")], "", false);
    for error in [anonymous, with_token] {
        assert!(matches!(error, Error::MissingOrPrivate { .. }), "{error:?}");
        assert!(error.to_string().contains("needs a token"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}

/// Any server answers so at an address that it does not know.
#[test]
fn a_bare_404_says_nothing_of_the_repository() {
    let error = refused(404, &[], "", false);
    assert!(matches!(error, Error::UnexpectedStatus { status: 404, .. }), "{error:?}");
    assert!(error.is_not_served());
}

#[track_caller]
fn check_login(headers: &[(&'static str, &'static str)], is_wanted: bool) {
    let headers = header_map(headers);
    assert_eq!(wants_password(StatusCode::UNAUTHORIZED, &headers), is_wanted, "{headers:?}");
    assert!(!wants_password(StatusCode::FORBIDDEN, &headers));
}

#[test]
fn servers_that_want_a_password_are_recognized() {
    check_login(&[("www-authenticate", "Basic realm=\"GitLab\"")], true);
    check_login(&[("lfs-authenticate", "basic realm=\"x\"")], true);
    check_login(&[("www-authenticate", "Bearer realm=\"a\", Basic realm=\"b\"")], true);
    check_login(&[("www-authenticate", "Basic")], true);
    check_login(&[("www-authenticate", "Bearer realm=\"Basic\"")], false);
    check_login(&[("www-authenticate", "Basically")], false);
    check_login(&[], false);
    // A hub says more, and knows the token.
    let basic = ("www-authenticate", "Basic realm=\"Authentication required\"");
    check_login(&[basic, ("x-error-message", "Invalid credentials in Authorization header")], false);
    check_login(&[basic, ("x-error-code", "GatedRepo")], false);
}

#[track_caller]
fn check_bad_token(status: u16, headers: &[(&'static str, &'static str)], expected: bool) {
    let status = StatusCode::from_u16(status).unwrap();
    assert_eq!(is_bad_token(status, &header_map(headers)), expected, "{status} {headers:?}");
}

#[test]
fn responses_to_an_invalid_token_are_recognized() {
    let invalid = ("x-error-message", "Invalid credentials in Authorization header");
    check_bad_token(401, &[], true);
    check_bad_token(401, &[invalid], true);
    check_bad_token(401, &[("x-error-message", "Access is restricted.")], false);
    check_bad_token(401, &[invalid, ("x-error-code", "GatedRepo")], false);
    check_bad_token(403, &[invalid], false);
}

#[test]
fn the_code_decides_before_the_status() {
    let gated = [("x-error-code", "GatedRepo"), ("x-error-message", "Access is restricted.")];
    for status in [401, 403] {
        let error = refused(status, &gated, "", true);
        assert!(matches!(error, Error::Gated { .. }), "{error:?}");
        assert!(error.to_string().contains("https://huggingface.co/mlc-ai/Llama"), "{error}");
        assert!(error.to_string().contains("Access is restricted."), "{error}");
    }
    let revision = [("x-error-code", "RevisionNotFound")];
    assert!(matches!(refused(404, &revision, "", true), Error::RevisionNotFound { .. }));
    let entry = [("x-error-code", "EntryNotFound"), ("x-request-id", "Root=1-2")];
    let error = refused(404, &entry, "", true);
    assert!(matches!(error, Error::FileNotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("Root=1-2"), "{error}");
    assert!(matches!(refused(404, &entry, "", false), Error::MissingOrPrivate { .. }));
}

#[test]
fn words_tell_a_bad_token_and_a_disabled_repository() {
    let bad = [("x-error-message", "Invalid credentials in Authorization header")];
    assert!(matches!(refused(401, &bad, "", false), Error::BadToken { .. }));
    let disabled = [("content-type", "text/plain")];
    let error = refused(403, &disabled, "Access to this resource is disabled.", false);
    assert!(matches!(error, Error::Disabled { .. }), "{error:?}");
}

#[test]
fn limits_and_outages_are_transient_and_carry_the_wait() {
    let limited = refused(429, &[("ratelimit", "\"resolvers\";r=0;t=54")], "", true);
    assert!(matches!(limited, Error::RateLimited { .. }), "{limited:?}");
    assert_eq!(limited.server_wait().map(|wait| wait.as_secs()), Some(54));
    for status in [408, 500, 502, 503, 504] {
        let error = refused(status, &[], "", true);
        assert!(error.is_transient(), "{status}: {error:?}");
    }
    for status in [400, 403, 410, 418] {
        let error = refused(status, &[], "", true);
        assert!(matches!(error, Error::UnexpectedStatus { .. }), "{status}: {error:?}");
        assert!(!error.is_transient());
    }
}
