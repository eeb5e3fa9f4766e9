//! Reports the environment setting by setting: where each value comes from, and what is wrong with it.
//!
//! [`Settings::from_env`](super::Settings::from_env) stops at the first unusable value. This continues,
//! and also checks the named folders.

mod folders;
mod servers;
mod setting;
mod stores;

use url_parse::duration;

pub use self::setting::{Finding, Setting, Severity, Source};
use super::values::{
    Lookup, idle_timeout, is_denied, is_truthy, not_empty, policy, process_environment, switch,
    user_agent_origin,
};
use super::variables::{
    HF_HUB_DISABLE_PROGRESS_BARS, HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_OFFLINE, HF_HUB_USER_AGENT_ORIGIN,
    MLC_DOWNLOAD_CACHE_POLICY, MLC_WEIGHTS_REQUIRE_PROOF, NO_COLOR,
};

/// Every setting with its current value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The settings: folders, then servers, then how programs present themselves.
    pub settings: Vec<Setting>,
}

impl Report {
    /// Reads the process's environment and checks the folders that it names. Writes nothing and uses no
    /// network. Never fails: problems are in the findings.
    pub fn from_env() -> Self {
        Self::from_lookup(&process_environment)
    }

    /// Like [`from_env`](Self::from_env), with any source of variables.
    pub fn from_lookup(lookup: Lookup<'_>) -> Self {
        let lookup: Lookup<'_> = &not_empty(lookup);
        let mut settings = folders::settings(lookup);
        settings.extend([
            policy_setting(lookup),
            flag("offline", HF_HUB_OFFLINE, lookup),
            require_proof(lookup),
        ]);
        settings.extend(servers::settings(lookup));
        settings.extend(stores::settings(lookup));
        settings.extend([
            time_out(lookup),
            origin(lookup),
            flag("no_progress_bars", HF_HUB_DISABLE_PROGRESS_BARS, lookup),
            no_color(lookup),
        ]);
        Self { settings }
    }

    /// Whether every value is usable.
    pub fn is_usable(&self) -> bool {
        self.errors() == 0
    }

    /// The number of unusable settings.
    pub fn errors(&self) -> usize {
        let is_bad =
            |setting: &&Setting| setting.findings.iter().any(|finding| finding.severity == Severity::Error);
        self.settings.iter().filter(is_bad).count()
    }
}

fn policy_setting(lookup: Lookup<'_>) -> Setting {
    let setting = |value| Setting::of_variable("policy", MLC_DOWNLOAD_CACHE_POLICY, lookup, value);
    match policy(&|name| lookup(name).filter(|_| name != HF_HUB_OFFLINE)) {
        Err(error) => setting(None).with_error(&error),
        Ok(asked) => match policy(lookup) {
            Ok(policy) if policy != asked => setting(Some(policy.to_string())).with(
                Severity::Note,
                format!("{HF_HUB_OFFLINE} makes it OFF; otherwise it would be {asked}"),
            ),
            _ => setting(Some(asked.to_string())),
        },
    }
}

fn require_proof(lookup: Lookup<'_>) -> Setting {
    let setting = |value| Setting::of_variable("require_proof", MLC_WEIGHTS_REQUIRE_PROOF, lookup, value);
    match switch(lookup, MLC_WEIGHTS_REQUIRE_PROOF) {
        Ok(is_set) => setting(Some(yes_or_no(is_set))),
        Err(error) => setting(None).with_error(&error),
    }
}

/// A switch that other programs read too.
fn flag(name: &'static str, variable: &'static str, lookup: Lookup<'_>) -> Setting {
    let value = lookup(variable);
    let is_set = value.as_deref().is_some_and(is_truthy);
    let setting = Setting::of_variable(name, variable, lookup, Some(yes_or_no(is_set)));
    match value {
        Some(value) if !is_set && !is_denied(&value) => setting.with(
            Severity::Warning,
            format!(
                "{variable}=`{}` means no; for yes write 1, ON, YES or TRUE",
                url_parse::Excerpt::of(&value.to_string_lossy())
            ),
        ),
        _ => setting,
    }
}

fn no_color(lookup: Lookup<'_>) -> Setting {
    Setting::of_variable("no_color", NO_COLOR, lookup, Some(yes_or_no(lookup(NO_COLOR).is_some())))
}

fn yes_or_no(is_so: bool) -> String {
    (if is_so { "yes" } else { "no" }).to_owned()
}

fn time_out(lookup: Lookup<'_>) -> Setting {
    let setting = |value| Setting::of_variable("idle_timeout", HF_HUB_DOWNLOAD_TIMEOUT, lookup, value);
    match idle_timeout(lookup) {
        Ok(timeout) => setting(Some(duration(timeout.unwrap_or(DEFAULT_IDLE_TIMEOUT)))),
        Err(error) => setting(None).with_error(&error),
    }
}

/// The downloader's default.
const DEFAULT_IDLE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

fn origin(lookup: Lookup<'_>) -> Setting {
    let setting = |value| Setting::of_variable("user_agent_origin", HF_HUB_USER_AGENT_ORIGIN, lookup, value);
    match user_agent_origin(lookup) {
        Ok(origin) => setting(origin),
        Err(error) => setting(None).with_error(&error),
    }
}

#[cfg(test)]
mod tests;
