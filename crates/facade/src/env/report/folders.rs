//! The cache's folders.

use std::io;
use std::path::{Path, PathBuf};

use cache_layout::{CacheConfig, CacheLayout};

use super::setting::{Setting, Severity, Source, by};
use crate::env::values::{Lookup, home, read_only};
use crate::env::variables::{
    HOME, LOCALAPPDATA, MLC_LLM_HOME, MLC_LLM_READONLY_WEIGHT_CACHE, MLC_TEMP_DIR, XDG_CACHE_HOME,
};

/// The folder in a home that contains its models.
const MODELS: &str = "model_weights";

pub(super) fn settings(lookup: Lookup<'_>) -> Vec<Setting> {
    let mut settings = vec![home_setting(lookup)];
    settings.extend(tiers(lookup));
    settings.push(scratch(lookup));
    settings
}

fn home_setting(lookup: Lookup<'_>) -> Setting {
    let variables =
        if cfg!(windows) { &[MLC_LLM_HOME, LOCALAPPDATA][..] } else { &[MLC_LLM_HOME, XDG_CACHE_HOME, HOME] };
    let setting = |value| Setting::new("home", value, by(variables, lookup));
    let path = match home(lookup) {
        Ok(path) => path,
        Err(error) => return setting(None).with_error(&error),
    };
    let setting = setting(Some(url_parse::shown(&path)));
    let layout = match CacheLayout::new(CacheConfig::new(&path)) {
        Ok(layout) => layout,
        Err(error) => return setting.with_error(&error.into()),
    };
    let setting = match layout.check_writable() {
        Err(error) => return setting.with_error(&error.into()),
        Ok(()) if path.exists() => setting,
        Ok(()) => setting.with(Severity::Note, "does not exist yet; it is created when it is needed"),
    };
    match relative(&path) {
        Some(finding) => setting.with(Severity::Warning, finding),
        None => setting,
    }
}

/// One setting per tier, or one that says that there are none.
fn tiers(lookup: Lookup<'_>) -> Vec<Setting> {
    let source = by(&[MLC_LLM_READONLY_WEIGHT_CACHE], lookup);
    let tiers: Vec<Setting> = read_only(lookup).iter().map(|path| tier(path, source.clone())).collect();
    if tiers.is_empty() { vec![Setting::new("read_only_tier", None, source)] } else { tiers }
}

fn tier(path: &Path, source: Source) -> Setting {
    let setting = Setting::new("read_only_tier", Some(url_parse::shown(path)), source);
    match tier_finding(path).or_else(|| relative(path)) {
        Some(finding) => setting.with(Severity::Warning, finding),
        None => setting,
    }
}

/// No problem here prevents a download: such a tier is just skipped.
fn tier_finding(path: &Path) -> Option<String> {
    match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some("does not exist".to_owned()),
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(_) if path.join("hf").is_dir() => None,
        Ok(_) => Some(match below_or_above(path) {
            Some(meant) => format!("contains no models, but {} does", url_parse::shown(&meant)),
            None => "contains no models: there is no folder `hf` in it".to_owned(),
        }),
    }
}

/// The tier that was probably meant, if this is a home or a folder in a tier.
fn below_or_above(path: &Path) -> Option<PathBuf> {
    let below = path.join(MODELS);
    if below.join("hf").is_dir() {
        return Some(below);
    }
    path.ancestors().take(4).find(|folder| folder.ends_with("hf")).and_then(Path::parent).map(Path::to_owned)
}

fn scratch(lookup: Lookup<'_>) -> Setting {
    let path = lookup(MLC_TEMP_DIR).map(PathBuf::from);
    let setting = Setting::of_variable(
        "scratch",
        MLC_TEMP_DIR,
        lookup,
        path.as_ref().map(|path| url_parse::shown(path)),
    );
    let Some(path) = path else { return setting };
    match std::fs::metadata(&path) {
        Ok(found) if !found.is_dir() => setting.with(Severity::Error, "is not a directory"),
        Ok(_) => match cache_layout::may_create_in(&path) {
            Ok(()) => setting,
            Err(error) => setting.with(Severity::Error, format!("nothing can be created in it: {error}")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            setting.with(Severity::Note, "does not exist yet; it is created when it is needed")
        }
        Err(error) => setting.with(Severity::Error, format!("cannot be accessed: {error}")),
    }
}

fn relative(path: &Path) -> Option<String> {
    (!path.is_absolute())
        .then(|| "is relative: which folder it means depends on where a program is started".to_owned())
}
