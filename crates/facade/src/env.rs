//! The environment's settings: the only place in the workspace that reads environment variables.
//!
//! A library embedded in an application gets everything through [`DownloaderBuilder`](crate::DownloaderBuilder) and does
//! not need this. [`Settings::from_env`] is for programs that follow the conventions of MLC-LLM and of
//! the Hugging Face hub's clients.

mod certificates;
mod report;
mod token;
mod values;
mod variables;

use std::path::PathBuf;
use std::time::Duration;

use cache_layout::CachePolicy;
use hf_transport::Token;
use net::ProxySettings;
use url_parse::Endpoint;
use weight_store::{StoreSettings, StoreUrl};

pub use self::certificates::CertificateFiles;
pub use self::report::{Finding, Report, Setting, Severity, Source};
use self::values::{Lookup, is_truthy, not_empty, process_environment};
pub use self::variables::*;
use crate::Error;
use crate::store_mode::StoreMode;

/// The environment's settings, parsed and validated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// [`MLC_LLM_HOME`] or its default.
    pub home: PathBuf,
    /// [`MLC_LLM_READONLY_WEIGHT_CACHE`], without its empty entries.
    pub read_only: Vec<PathBuf>,
    /// [`MLC_DOWNLOAD_CACHE_POLICY`], combined with [`HF_HUB_OFFLINE`].
    pub policy: CachePolicy,
    /// The variable that determines the policy; `None` if none is set.
    pub policy_variable: Option<&'static str>,
    /// [`MLC_WEIGHTS_REQUIRE_PROOF`].
    pub require_proof: bool,
    /// [`MLC_WEIGHTS_STORE`].
    pub stores: Vec<StoreUrl>,
    /// [`MLC_WEIGHTS_STORE_MODE`].
    pub store_mode: StoreMode,
    /// [`MLC_WEIGHTS_STORE_FILL`].
    pub store_fill: bool,
    /// The clouds' own variables; see [`MLC_WEIGHTS_STORE`].
    pub store_settings: StoreSettings,
    /// [`MLC_TEMP_DIR`].
    pub temp_dir: Option<PathBuf>,
    /// [`HF_ENDPOINT`].
    pub endpoint: Endpoint,
    /// [`HF_TOKEN`], else [`HUGGING_FACE_HUB_TOKEN`], else the content of [`HF_TOKEN_PATH`], else the
    /// token that a login left in [`HF_HOME`].
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

/// How a program should present itself, according to the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presentation {
    /// No progress bars ([`HF_HUB_DISABLE_PROGRESS_BARS`]).
    pub no_progress_bars: bool,
    /// No colour ([`NO_COLOR`]).
    pub no_color: bool,
    /// Do not move the cursor ([`TERM`]).
    pub dumb_terminal: bool,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    ///
    /// [`Error::Variable`] for an unusable value, [`Error::NoHome`] if nothing says where the cache is.
    /// An empty value counts as not set.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(&process_environment)
    }

    /// Like [`from_env`](Self::from_env), with any source of variables.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn from_lookup(lookup: Lookup<'_>) -> Result<Self, Error> {
        let lookup: Lookup<'_> = &not_empty(lookup);
        Ok(Self {
            home: values::home(lookup)?,
            read_only: values::read_only(lookup),
            policy: values::policy(lookup)?,
            policy_variable: values::policy_variable(lookup)?,
            require_proof: values::switch(lookup, MLC_WEIGHTS_REQUIRE_PROOF)?,
            stores: values::stores(lookup)?,
            store_mode: values::store_mode(lookup)?,
            store_fill: values::switch(lookup, MLC_WEIGHTS_STORE_FILL)?,
            store_settings: values::store_settings(lookup),
            temp_dir: lookup(MLC_TEMP_DIR).map(PathBuf::from),
            endpoint: values::endpoint(lookup)?,
            token: token::token(lookup)?,
            idle_timeout: values::idle_timeout(lookup)?,
            proxy: values::proxies(lookup)?,
            certificates: CertificateFiles::from_lookup(lookup),
            user_agent_origin: values::user_agent_origin(lookup)?,
        })
    }
}

impl Presentation {
    /// Reads the process's environment; any value is valid.
    pub fn from_env() -> Self {
        Self {
            no_progress_bars: process_environment(HF_HUB_DISABLE_PROGRESS_BARS)
                .is_some_and(|value| is_truthy(&value)),
            no_color: process_environment(NO_COLOR).is_some_and(|value| !value.is_empty()),
            dumb_terminal: process_environment(TERM).is_some_and(|value| value == "dumb"),
        }
    }
}

#[cfg(test)]
mod tests;
