//! The environment's settings: the only place of the workspace that reads environment variables.
//!
//! A library embedded in an application takes everything through [`Builder`](crate::Builder) and needs
//! nothing of this. [`Settings::from_env`] is for programs that follow the conventions of MLC-LLM and of the
//! Hugging Face hub's clients.

mod certificates;
mod report;
mod token;
mod variables;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use cache_layout::CachePolicy;
use hf_transport::{ProxySettings, Token};
use url_parse::Endpoint;

use crate::Error;

pub use self::certificates::CertificateFiles;
pub use self::report::{Finding, Report, Setting, Severity, Source};
pub use self::variables::*;

/// What the environment sets, parsed and checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// [`MLC_LLM_HOME`] or its default.
    pub home: PathBuf,
    /// [`MLC_LLM_READONLY_WEIGHT_CACHE`], without its empty entries.
    pub read_only: Vec<PathBuf>,
    /// [`MLC_DOWNLOAD_CACHE_POLICY`], [`HF_HUB_OFFLINE`] taken into account.
    pub policy: CachePolicy,
    /// [`MLC_TEMP_DIR`].
    pub temp_dir: Option<PathBuf>,
    /// [`HF_ENDPOINT`].
    pub endpoint: Endpoint,
    /// [`HF_TOKEN`], else [`HUGGING_FACE_HUB_TOKEN`], else the content of [`HF_TOKEN_PATH`], else the token that a
    /// login has left in [`HF_HOME`].
    pub token: Option<Token>,
    /// [`HF_HUB_DOWNLOAD_TIMEOUT`].
    pub idle_timeout: Option<Duration>,
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in lower case or upper.
    pub proxy: ProxySettings,
    /// [`SSL_CERT_FILE`] and [`SSL_CERT_DIR`].
    pub certificates: CertificateFiles,
    /// [`HF_HUB_USER_AGENT_ORIGIN`].
    pub user_agent_origin: Option<String>,
}

/// How a program should present itself, by the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presentation {
    /// No progress bars ([`HF_HUB_DISABLE_PROGRESS_BARS`]).
    pub no_progress_bars: bool,
    /// No colour ([`NO_COLOR`]).
    pub no_color: bool,
    /// Nothing that moves the cursor ([`TERM`]).
    pub dumb_terminal: bool,
}

/// Where variables are looked up: the process's environment, or a test's table.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// [`Error::Variable`] for a value that cannot be used, [`Error::NoHome`] when nothing says where the
    /// cache is. An empty value counts as not set.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(&process_environment)
    }

    /// The same for any source of variables.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, Error> {
        let lookup: Lookup<'_> = &|name| lookup(name).filter(|value| !value.is_empty());
        Ok(Self {
            home: home(lookup)?,
            read_only: read_only(lookup),
            policy: policy(lookup)?,
            temp_dir: lookup(MLC_TEMP_DIR).map(PathBuf::from),
            endpoint: endpoint(lookup)?,
            token: token::token(lookup)?,
            idle_timeout: idle_timeout(lookup)?,
            proxy: proxy(lookup),
            certificates: CertificateFiles::from_lookup(lookup),
            user_agent_origin: user_agent_origin(lookup)?,
        })
    }
}

impl Presentation {
    /// Reads the process's environment; there is no wrong value.
    pub fn from_env() -> Self {
        Self {
            no_progress_bars: process_environment(HF_HUB_DISABLE_PROGRESS_BARS)
                .is_some_and(|value| is_truthy(&value)),
            no_color: process_environment(NO_COLOR).is_some_and(|value| !value.is_empty()),
            dumb_terminal: process_environment(TERM).is_some_and(|value| value == "dumb"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn home(lookup: Lookup<'_>) -> Result<PathBuf, Error> {
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

fn read_only(lookup: Lookup<'_>) -> Vec<PathBuf> {
    let Some(list) = lookup(MLC_LLM_READONLY_WEIGHT_CACHE) else { return Vec::new() };
    std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect()
}

fn policy(lookup: Lookup<'_>) -> Result<CachePolicy, Error> {
    let policy = match text(lookup, MLC_DOWNLOAD_CACHE_POLICY)? {
        Some(value) => value.parse().map_err(|source| unusable(MLC_DOWNLOAD_CACHE_POLICY, &value, source))?,
        None => CachePolicy::default(),
    };
    let offline = lookup(HF_HUB_OFFLINE).is_some_and(|value| is_truthy(&value));
    Ok(match policy {
        CachePolicy::On | CachePolicy::Redo if offline => CachePolicy::Off,
        policy => policy,
    })
}

fn endpoint(lookup: Lookup<'_>) -> Result<Endpoint, Error> {
    match text(lookup, HF_ENDPOINT)? {
        // The parser's message leaves out what may be a password, and so must this one.
        Some(value) => value.parse().map_err(|source| secret_unusable(HF_ENDPOINT, source)),
        None => Ok(Endpoint::default()),
    }
}

fn idle_timeout(lookup: Lookup<'_>) -> Result<Option<Duration>, Error> {
    let Some(value) = text(lookup, HF_HUB_DOWNLOAD_TIMEOUT)? else { return Ok(None) };
    match value.trim().parse() {
        Ok(seconds) if (1..=86_400).contains(&seconds) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(unusable(HF_HUB_DOWNLOAD_TIMEOUT, &value, "it is not a number of seconds from 1 to 86400")),
    }
}

fn user_agent_origin(lookup: Lookup<'_>) -> Result<Option<String>, Error> {
    let Some(value) = text(lookup, HF_HUB_USER_AGENT_ORIGIN)? else { return Ok(None) };
    match value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        true => Ok(Some(value)),
        false => Err(unusable(HF_HUB_USER_AGENT_ORIGIN, &value, "it cannot be sent in an HTTP header")),
    }
}

/// Lower case first, as most programs do.
fn proxy(lookup: Lookup<'_>) -> ProxySettings {
    let either = |lower: &str, upper: &str| {
        lookup(lower).or_else(|| lookup(upper)).map(|value| value.to_string_lossy().into_owned())
    };
    ProxySettings {
        http: either("http_proxy", "HTTP_PROXY"),
        https: either("https_proxy", "HTTPS_PROXY"),
        all: either("all_proxy", "ALL_PROXY"),
        no_proxy: either("no_proxy", "NO_PROXY"),
    }
}

fn text(lookup: Lookup<'_>, name: &'static str) -> Result<Option<String>, Error> {
    lookup(name)
        .map(OsString::into_string)
        .transpose()
        .map_err(|value| unusable(name, &value.to_string_lossy(), "it is not UTF-8"))
}

fn is_truthy(value: &OsStr) -> bool {
    ["1", "ON", "YES", "TRUE"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn unusable(
    name: &'static str,
    value: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let value = value.escape_debug().take(200).collect();
    Error::Variable { name, value: Some(value), source: source.into() }
}

fn secret_unusable(name: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Variable { name, value: None, source: source.into() }
}

#[cfg(test)]
mod tests;
