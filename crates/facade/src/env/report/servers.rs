//! The hub, the credentials, and the proxies.

use std::path::Path;

use hf_transport::Token;
use url_parse::{Endpoint, Excerpt, shown};

use super::setting::{Setting, Severity, Source, by};
use crate::env::certificates::CertificateFiles;
use crate::env::token;
use crate::env::values::{
    ALL_PROXY, EitherCase, HTTP_PROXY, HTTPS_PROXY, Lookup, NO_PROXY, endpoint, no_proxy, proxy,
};
use crate::env::variables::{
    HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HUGGING_FACE_HUB_TOKEN, SSL_CERT_DIR, SSL_CERT_FILE,
};
use crate::words::failure;

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
    let Some(token) = token else { return without_token(lookup) };
    let source = if token.is_explicit() {
        first_with_a_token(lookup).unwrap_or(named)
    } else {
        token::default_file(lookup).map_or(Source::Default, Source::File)
    };
    let setting = Setting::new("token", Some("set (not shown)".to_owned()), source);
    match hub {
        Some(hub) if !token.is_for(hub) => setting.with(
            Severity::Note,
            format!("is not sent to {hub}: it belongs to another hub, and only {HF_TOKEN} overrides that"),
        ),
        Some(hub) if token.is_exposed_at(hub) => {
            setting.with(Severity::Warning, format!("is sent to {hub} unencrypted: that is not https"))
        }
        _ => setting,
    }
}

/// There may be a file from a login that is not used.
fn without_token(lookup: Lookup<'_>) -> Setting {
    let setting = Setting::new("token", None, Source::Default);
    match token::default_file(lookup).map(|file| (token::in_file_of_a_login(&file), file)) {
        Some((Err(error), file)) => {
            let message = format!(
                "the token that a login has saved in {} is not used: {}",
                shown(&file),
                failure(&error)
            );
            setting.with(Severity::Warning, message)
        }
        _ => setting,
    }
}

/// A blank value counts as missing.
fn first_with_a_token(lookup: Lookup<'_>) -> Option<Source> {
    let holds =
        |name: &&&'static str| lookup(name).is_some_and(|value| Token::new(&value.to_string_lossy()).is_ok());
    [HF_TOKEN, HUGGING_FACE_HUB_TOKEN]
        .iter()
        .find(holds)
        .map(|name| Source::Variable(name))
        .or_else(|| lookup(HF_TOKEN_PATH).map(|_| Source::Variable(HF_TOKEN_PATH)))
}

/// The proxies that are set, each checked separately so that none hides another's problem.
fn proxies(lookup: Lookup<'_>) -> [Setting; 4] {
    let setting = |name, variables: EitherCase| {
        let setting = |value| Setting::new(name, value, by(&variables, lookup));
        match proxy(variables, lookup) {
            Ok(proxy) => setting(proxy.map(|proxy| proxy.to_string())),
            Err(error) => setting(None).with_error(&error),
        }
    };
    [
        setting("http_proxy", HTTP_PROXY),
        setting("https_proxy", HTTPS_PROXY),
        setting("all_proxy", ALL_PROXY),
        without_proxy(lookup),
    ]
}

fn without_proxy(lookup: Lookup<'_>) -> Setting {
    let value = NO_PROXY.iter().find_map(|name| lookup(name));
    let value = value.map(|value| Excerpt::of(&value.to_string_lossy()).to_string());
    let setting = Setting::new("no_proxy", value, by(&NO_PROXY, lookup));
    match no_proxy(lookup) {
        Err(error) => setting.with_error(&error),
        Ok(hosts) => hosts.not_understood().iter().fold(setting, |setting, entry| {
            setting.with(Severity::Warning, format!("`{entry}` names no host and is ignored"))
        }),
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
