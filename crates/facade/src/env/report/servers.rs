//! The hub, what is shown to it, and the way there.

use std::path::Path;

use hf_transport::Token;
use net::{ProxySettings, RedactedUrl, check_proxies};

use url_parse::{Endpoint, Url, shown};

use super::setting::{Setting, Severity, Source, by};
use crate::env::certificates::CertificateFiles;
use crate::env::token;
use crate::env::values::{Lookup, endpoint, proxy};
use crate::env::variables::{
    HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HUGGING_FACE_HUB_TOKEN, SSL_CERT_DIR, SSL_CERT_FILE,
};
use crate::error::words;

pub(super) fn settings(lookup: Lookup<'_>) -> Vec<Setting> {
    let hub = endpoint(lookup);
    let endpoint_setting = |value| Setting::of_variable("endpoint", HF_ENDPOINT, lookup, value);
    let mut settings = match &hub {
        Ok(hub) => vec![endpoint_setting(Some(hub.to_string())), token_setting(lookup, Some(hub))],
        Err(error) => vec![endpoint_setting(None).with_error(error), token_setting(lookup, None)],
    };
    settings.extend(proxies(lookup));
    settings.extend(certificates(lookup));
    settings
}

fn token_setting(lookup: Lookup<'_>, hub: Option<&Endpoint>) -> Setting {
    let named = by(&[HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH], lookup);
    let token = match token::token(lookup) {
        Ok(token) => token,
        Err(error) => return Setting::new("token", None, named).with_error(&error),
    };
    let Some(token) = token else { return Setting::new("token", None, Source::Default) };
    let source = if token.is_explicit() {
        first_with_a_token(lookup).unwrap_or(named)
    } else {
        token::default_file(lookup).map_or(Source::Default, Source::File)
    };
    let setting = Setting::new("token", Some("set (not shown)".to_owned()), source);
    match hub {
        Some(hub) if !token.is_for(hub) => setting.with(
            Severity::Note,
            format!("is not sent to {hub}: it belongs to another hub; to send it, set {HF_TOKEN}"),
        ),
        Some(hub) if token.is_exposed_at(hub) => {
            setting.with(Severity::Warning, format!("can be read on its way to {hub}: that is not https"))
        }
        _ => setting,
    }
}

/// A blank value counts as none.
fn first_with_a_token(lookup: Lookup<'_>) -> Option<Source> {
    let holds = |name: &&&'static str| {
        lookup(name).is_some_and(|value| matches!(Token::new(&value.to_string_lossy()), Ok(Some(_))))
    };
    [HF_TOKEN, HUGGING_FACE_HUB_TOKEN]
        .iter()
        .find(holds)
        .map(|name| Source::Variable(name))
        .or_else(|| lookup(HF_TOKEN_PATH).map(|_| Source::Variable(HF_TOKEN_PATH)))
}

/// The proxies that are set. Each is looked at by itself, so that none hides what is wrong with another.
fn proxies(lookup: Lookup<'_>) -> Vec<Setting> {
    let ProxySettings { http, https, all, no_proxy } = proxy(lookup);
    let none = || ProxySettings { no_proxy: no_proxy.clone(), ..ProxySettings::default() };
    let checked = |name, variables: [&'static str; 2], value: &Option<String>, only: ProxySettings| {
        let shown = value.as_deref().map(without_credentials);
        let setting = Setting::new(name, shown, by(&variables, lookup));
        match check_proxies(&only) {
            Ok(()) => setting,
            Err(error) => setting.with(Severity::Error, words(&error)),
        }
    };
    let only_http = ProxySettings { http: http.clone(), ..none() };
    let only_https = ProxySettings { https: https.clone(), ..none() };
    let only_all = ProxySettings { all: all.clone(), ..none() };
    let exceptions = by(&["no_proxy", "NO_PROXY"], lookup);
    vec![
        checked("http_proxy", ["http_proxy", "HTTP_PROXY"], &http, only_http),
        checked("https_proxy", ["https_proxy", "HTTPS_PROXY"], &https, only_https),
        checked("all_proxy", ["all_proxy", "ALL_PROXY"], &all, only_all),
        Setting::new("no_proxy", no_proxy, exceptions),
    ]
}

/// A proxy without its user name and password.
fn without_credentials(proxy: &str) -> String {
    match Url::parse(proxy) {
        Ok(url) if !url.cannot_be_a_base() => RedactedUrl(&url).to_string(),
        // `host:port`, or something that is no URL at all.
        _ => match proxy.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => proxy.to_owned(),
        },
    }
}

fn certificates(lookup: Lookup<'_>) -> Vec<Setting> {
    let files = CertificateFiles::from_lookup(lookup);
    let mut settings: Vec<Setting> = Vec::new();
    let mut check = |name, path: &Path, only: CertificateFiles, variable| {
        let setting = Setting::new(name, Some(shown(path)), Source::Variable(variable));
        settings.push(match only.load() {
            Ok(_) => setting,
            Err(error) => setting.with_error(&error),
        });
    };
    if let Some(file) = files.file {
        check(
            "certificate_file",
            &file.clone(),
            CertificateFiles { file: Some(file), folders: Vec::new() },
            SSL_CERT_FILE,
        );
    }
    for folder in files.folders {
        check(
            "certificate_folder",
            &folder.clone(),
            CertificateFiles { file: None, folders: vec![folder] },
            SSL_CERT_DIR,
        );
    }
    settings
}
