//! Looks variables up, and interprets most of their values.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use cache_layout::CachePolicy;
use net::{NoProxy, ProxySettings, ProxyUrl};
use url_parse::{Endpoint, Excerpt};
use weight_store::{StoreSettings, StoreUrl};

use super::variables::{
    HF_ENDPOINT, HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_OFFLINE, HF_HUB_USER_AGENT_ORIGIN, HOME, LOCALAPPDATA,
    MLC_DOWNLOAD_CACHE_POLICY, MLC_LLM_HOME, MLC_LLM_READONLY_WEIGHT_CACHE, MLC_WEIGHTS_STORE,
    MLC_WEIGHTS_STORE_MODE, XDG_CACHE_HOME,
};
use crate::Error;
use crate::store_mode::StoreMode;

/// A source of variables: the process's environment, or a test's table.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// An empty value counts as not set.
pub(super) fn not_empty(lookup: Lookup<'_>) -> impl Fn(&str) -> Option<OsString> {
    move |name| lookup(name).filter(|value| !value.is_empty())
}

pub(super) fn home(lookup: Lookup<'_>) -> Result<PathBuf, Error> {
    if let Some(home) = lookup(MLC_LLM_HOME) {
        return Ok(home.into());
    }
    let parent = if cfg!(windows) {
        lookup(LOCALAPPDATA).map(PathBuf::from)
    } else {
        let in_home = || lookup(HOME).map(|home| PathBuf::from(home).join(".cache"));
        lookup(XDG_CACHE_HOME).map(PathBuf::from).or_else(in_home)
    };
    parent.map(|parent| parent.join("mlc_llm")).ok_or(Error::NoHome)
}

pub(super) fn read_only(lookup: Lookup<'_>) -> Vec<PathBuf> {
    let Some(list) = lookup(MLC_LLM_READONLY_WEIGHT_CACHE) else { return Vec::new() };
    std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect()
}

pub(super) fn policy(lookup: Lookup<'_>) -> Result<CachePolicy, Error> {
    let policy = asked_policy(lookup)?.unwrap_or_default();
    let offline = lookup(HF_HUB_OFFLINE).is_some_and(|value| is_truthy(&value));
    Ok(match policy {
        CachePolicy::On | CachePolicy::Redo if offline => CachePolicy::Off,
        policy => policy,
    })
}

/// The variable that determines the policy.
pub(super) fn policy_variable(lookup: Lookup<'_>) -> Result<Option<&'static str>, Error> {
    let (asked, policy) = (asked_policy(lookup)?, policy(lookup)?);
    Ok(match asked {
        _ if asked.unwrap_or_default() != policy => Some(HF_HUB_OFFLINE),
        Some(_) => Some(MLC_DOWNLOAD_CACHE_POLICY),
        None => None,
    })
}

fn asked_policy(lookup: Lookup<'_>) -> Result<Option<CachePolicy>, Error> {
    let Some(value) = text(lookup, MLC_DOWNLOAD_CACHE_POLICY)? else { return Ok(None) };
    let policy = value.parse().map_err(|source| unusable(MLC_DOWNLOAD_CACHE_POLICY, &value, source))?;
    Ok(Some(policy))
}

pub(super) fn endpoint(lookup: Lookup<'_>) -> Result<Endpoint, Error> {
    match text(lookup, HF_ENDPOINT)? {
        // The parser's message omits what may be a password, and so must this one.
        Some(value) => value.parse().map_err(|source| secret_unusable(HF_ENDPOINT, source)),
        None => Ok(Endpoint::default()),
    }
}

pub(super) fn stores(lookup: Lookup<'_>) -> Result<Vec<StoreUrl>, Error> {
    let list = text(lookup, MLC_WEIGHTS_STORE)?.unwrap_or_default();
    // The parser's message omits what may be a password, and so must this one.
    let parse = |url: &str| url.parse().map_err(|source| secret_unusable(MLC_WEIGHTS_STORE, source));
    list.split_whitespace().map(parse).collect()
}

pub(super) fn store_mode(lookup: Lookup<'_>) -> Result<StoreMode, Error> {
    match text(lookup, MLC_WEIGHTS_STORE_MODE)? {
        Some(value) => value.parse().map_err(|source| unusable(MLC_WEIGHTS_STORE_MODE, &value, source)),
        None => Ok(StoreMode::default()),
    }
}

/// The clouds' own variables. Their values are checked when a bucket is opened.
pub(super) fn store_settings(lookup: Lookup<'_>) -> StoreSettings {
    let value = |name: &str| Some((name.to_owned(), lookup(name)?.to_string_lossy().into_owned()));
    StoreSettings::default().variables(weight_store::VARIABLES.into_iter().filter_map(value))
}

pub(super) fn idle_timeout(lookup: Lookup<'_>) -> Result<Option<Duration>, Error> {
    let Some(value) = text(lookup, HF_HUB_DOWNLOAD_TIMEOUT)? else { return Ok(None) };
    match value.trim().parse() {
        Ok(seconds) if (1..=86_400).contains(&seconds) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(unusable(HF_HUB_DOWNLOAD_TIMEOUT, &value, "it is not a number of seconds from 1 to 86400")),
    }
}

pub(super) fn user_agent_origin(lookup: Lookup<'_>) -> Result<Option<String>, Error> {
    let Some(value) = text(lookup, HF_HUB_USER_AGENT_ORIGIN)? else { return Ok(None) };
    if value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        Ok(Some(value))
    } else {
        Err(unusable(HF_HUB_USER_AGENT_ORIGIN, &value, "it cannot be sent in an HTTP header"))
    }
}

/// The two spellings of a variable's name: lower case first, as in most programs.
pub(super) type EitherCase = [&'static str; 2];
pub(super) const HTTP_PROXY: EitherCase = ["http_proxy", "HTTP_PROXY"];
pub(super) const HTTPS_PROXY: EitherCase = ["https_proxy", "HTTPS_PROXY"];
pub(super) const ALL_PROXY: EitherCase = ["all_proxy", "ALL_PROXY"];
pub(super) const NO_PROXY: EitherCase = ["no_proxy", "NO_PROXY"];

pub(super) fn proxies(lookup: Lookup<'_>) -> Result<ProxySettings, Error> {
    let mut proxies = ProxySettings::default().no_proxy(no_proxy(lookup)?);
    proxies.http = proxy(HTTP_PROXY, lookup)?;
    proxies.https = proxy(HTTPS_PROXY, lookup)?;
    proxies.all = proxy(ALL_PROXY, lookup)?;
    Ok(proxies)
}

pub(super) fn proxy(names: EitherCase, lookup: Lookup<'_>) -> Result<Option<ProxyUrl>, Error> {
    let Some((name, value)) = either(names, lookup) else { return Ok(None) };
    // The parser's message omits what may be a password, and so must this one.
    let proxy = value.parse::<ProxyUrl>().map_err(|source| secret_unusable(name, source))?;
    Ok(Some(proxy.set_by(name)))
}

pub(super) fn no_proxy(lookup: Lookup<'_>) -> Result<NoProxy, Error> {
    let Some((name, value)) = either(NO_PROXY, lookup) else { return Ok(NoProxy::default()) };
    value.parse().map_err(|source| secret_unusable(name, source))
}

fn either(names: EitherCase, lookup: Lookup<'_>) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, lookup(name)?.to_string_lossy().into_owned())))
}

fn text(lookup: Lookup<'_>, name: &'static str) -> Result<Option<String>, Error> {
    lookup(name)
        .map(OsString::into_string)
        .transpose()
        .map_err(|value| unusable(name, &value.to_string_lossy(), "it is not UTF-8"))
}

/// One of our own switches: yes, no, or an error. Those of other programs are no unless they are yes.
pub(super) fn switch(lookup: Lookup<'_>, name: &'static str) -> Result<bool, Error> {
    match lookup(name) {
        Some(value) if is_truthy(&value) => Ok(true),
        Some(value) if !is_denied(&value) => Err(unusable(
            name,
            &value.to_string_lossy(),
            "expected 1, ON, YES or TRUE, or 0, OFF, NO or FALSE",
        )),
        _ => Ok(false),
    }
}

pub(super) fn is_denied(value: &OsStr) -> bool {
    ["0", "OFF", "NO", "FALSE"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

pub(super) fn is_truthy(value: &OsStr) -> bool {
    ["1", "ON", "YES", "TRUE"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

pub(super) fn unusable(
    name: &'static str,
    value: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Variable { name, value: Some(Excerpt::of(value)), source: source.into() }
}

pub(super) fn secret_unusable(
    name: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Variable { name, value: None, source: source.into() }
}
