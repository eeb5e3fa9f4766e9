//! What to do about a failure, for a person at a terminal. The libraries' messages say what happened.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use facade::env::Settings;
use facade::errors::{
    CacheError, DiskError, FetchError, HubError, NameError, NetError, Obstacle, ProofProblem, StoreError,
};
use facade::{Error, ErrorKind};

use crate::words::elapsed;

/// A line to stand below the message and its causes.
pub(crate) fn about(error: &Error) -> Option<String> {
    let settings = Settings::from_env().ok();
    by_variant(error)
        .or_else(|| in_the_way(error).map(str::to_owned))
        .or_else(|| hub(error))
        .or_else(|| folder(error, settings.as_ref()))
        .or_else(|| by_property(error).map(str::to_owned))
        .or_else(|| network(error, settings.as_ref()))
}

/// The same for a model that could not be removed: no other cache would help.
pub(crate) fn about_removal(error: &Error) -> Option<String> {
    if is_forbidden(error) {
        return Some("run this as a user who can write there".to_owned());
    }
    about(error)
}

fn by_variant(error: &Error) -> Option<String> {
    Some(match error {
        Error::Name(NameError::ModelUrl { problem, .. }) => {
            let model = problem.elsewhere()?;
            format!("to use that hub, set HF_ENDPOINT={} and write `{}`", model.hub, model.url)
        }
        Error::NoHome => "set MLC_LLM_HOME to a folder for the models".to_owned(),
        Error::NoStore => "set MLC_WEIGHTS_STORE, or give --store".to_owned(),
        Error::Private { .. } => {
            "if everyone who can read the store may read it, give --allow-private".to_owned()
        }
        Error::WrongInStore { model, .. } => {
            format!(
                "to repair it, run `mlc-weights store push --replace {model}` where the hub can be reached"
            )
        }
        Error::NotInStore { model, .. } => format!(
            "check the name; to put it there, run `mlc-weights store push {model}` where the hub can be reached"
        ),
        Error::CommitNotNamed { model, .. } if !error.seems_offline() => format!(
            "to do without the hub, name the commit ({}@COMMIT), or let the store resolve names (MLC_WEIGHTS_STORE_MODE=refs)",
            model.id()
        ),
        Error::Unproven { model, problem, read_only_tier, .. } => match problem {
            ProofProblem::NoReceipt | ProofProblem::OlderReceipt | ProofProblem::OtherCommit => {
                match read_only_tier {
                    Some(tier) => format!(
                        "to download it, remove {} from MLC_LLM_READONLY_WEIGHT_CACHE",
                        tier.display()
                    ),
                    None => format!("run `mlc-weights download --force {model}`"),
                }
            }
            ProofProblem::NoGit => "set HF_ENDPOINT to a hub that serves git".to_owned(),
            ProofProblem::GitWithheld => "try again later, or set HF_ENDPOINT to another hub".to_owned(),
            _ => return None,
        },
        Error::Cache(CacheError::Replaced { .. }) => "run the same command again".to_owned(),
        Error::Cache(CacheError::Occupied { .. }) => "give --to a new or empty folder".to_owned(),
        Error::Cache(CacheError::InsideCache { .. }) => "give --to a folder outside the cache".to_owned(),
        Error::Cache(CacheError::UnusableTarget { .. }) => {
            "give --to a folder that you can write to".to_owned()
        }
        Error::Cache(CacheError::OtherFileSystem { .. }) => {
            "omit --link, or choose a folder on the same disk as the cache".to_owned()
        }
        Error::Cache(CacheError::InUse { .. }) => "try again when that download has ended".to_owned(),
        Error::Store(StoreError::NoFolder { .. }) => {
            "create it, or mount its disk; it is never created automatically".to_owned()
        }
        Error::Store(StoreError::NotListable { .. } | StoreError::TooMany { .. }) => {
            "name the models; `store verify` and `store copy` then need no list".to_owned()
        }
        Error::Store(StoreError::NoCredentials { .. }) => {
            "set them, or give this machine an identity".to_owned()
        }
        Error::Store(StoreError::WrongClock { .. }) => "set this machine's clock".to_owned(),
        Error::Store(StoreError::LaterFormat { .. }) => "update mlc-weights".to_owned(),
        Error::Unusable { source: FetchError::OldManifest { .. }, .. } => {
            "its author must convert it again, with a current MLC-LLM".to_owned()
        }
        _ => return None,
    })
}

/// What to do about something in the cache that is not what belongs there.
fn in_the_way(error: &Error) -> Option<&'static str> {
    let Error::Cache(error) = error else { return None };
    Some(match error {
        CacheError::DanglingLink { .. } => "create what it points to, or remove it",
        CacheError::PrivateLink { .. } | CacheError::NotAFile { .. } => "remove it",
        CacheError::ForeignLink { .. } => {
            "replace it with a link of your own, or set MLC_LLM_HOME to another folder"
        }
        CacheError::EntryIsLink { .. } => "point it to a complete model, or remove it",
        CacheError::EntryIsNotADirectory { .. } => "move it away",
        _ => return None,
    })
}

/// What a hub's refusal asks for.
fn hub(error: &Error) -> Option<String> {
    Some(match refusal(error)? {
        HubError::MissingOrPrivate { door, .. } if door.token.is_some() => {
            format!("check the name, and whether the token's account can open {}", door.page)
        }
        HubError::MissingOrPrivate { door, .. } => format!(
            "check the name; if you can open {} when you are logged in, set HF_TOKEN to a token of that account",
            door.page
        ),
        HubError::Gated { door, .. } if door.token.is_some() => {
            format!("request access at {} with the token's account", door.page)
        }
        HubError::Gated { door, .. } => {
            format!("request access at {}, then set HF_TOKEN to a token of that account", door.page)
        }
        HubError::BadToken { .. } => "renew it or remove it; public models need none".to_owned(),
        HubError::RateLimited { wait, has_token, .. } => rate_limit(*wait, *has_token),
        HubError::NoShortCommits { .. } => "give all 40 digits of the commit".to_owned(),
        HubError::NoMetadata { .. } => "check the model's name and HF_ENDPOINT".to_owned(),
        _ => return None,
    })
}

/// When to try again, and what raises the limit.
fn rate_limit(wait: Option<Duration>, has_token: bool) -> String {
    let wait = wait.map_or("wait a while".to_owned(), |wait| format!("wait {}", elapsed(wait)));
    let token = if has_token { "" } else { "; an access token (HF_TOKEN) raises the limit" };
    format!("{wait}, then run the same command again to resume{token}")
}

fn refusal(error: &Error) -> Option<&HubError> {
    match error {
        Error::Hub(error)
        | Error::MetadataGaveUp { source: error, .. }
        | Error::Private { source: error, .. } => Some(error),
        error => facade::causes(error).find_map(|cause| cause.downcast_ref()),
    }
}

/// What names a folder that is at fault.
enum NamedBy {
    TempDir,
    ReadOnlyTier(PathBuf),
    Home(PathBuf),
    /// An option, or the address of a store.
    CommandLine,
}

impl NamedBy {
    /// Where the settings are in doubt, it is the cache's home.
    fn of(path: &Path, settings: &Settings) -> Self {
        let Settings { home, read_only, temp_dir, .. } = settings;
        if temp_dir.as_ref().is_some_and(|folder| is_in(path, folder)) {
            return Self::TempDir;
        }
        if let Some(tier) = read_only.iter().find(|tier| is_in(path, tier)) {
            return Self::ReadOnlyTier(tier.clone());
        }
        // It may be a folder in which the home was to be created.
        if is_in(path, home) || is_in(home, path) { Self::Home(home.clone()) } else { Self::CommandLine }
    }
}

/// What helps where the system does not let a folder be used, or its disk is full.
fn folder(error: &Error, settings: Option<&Settings>) -> Option<String> {
    let (is_full, is_forbidden) = (error.is_out_of_space(), is_forbidden(error));
    let place = path_at_fault(error).zip(settings).map(|(path, settings)| NamedBy::of(path, settings));
    Some(match place {
        Some(NamedBy::TempDir) if is_full => {
            "make room there, or set MLC_TEMP_DIR to a folder on another disk".to_owned()
        }
        Some(NamedBy::TempDir) => {
            "set MLC_TEMP_DIR to a folder that you can write to, or unset it".to_owned()
        }
        Some(NamedBy::CommandLine) if is_full => {
            "make room on that disk, or choose a folder on another one".to_owned()
        }
        _ if is_full => {
            "make room (`mlc-weights prune` may help), or set MLC_LLM_HOME to a folder on another disk"
                .to_owned()
        }
        Some(NamedBy::ReadOnlyTier(tier)) if is_forbidden => {
            format!("make it readable, or remove {} from MLC_LLM_READONLY_WEIGHT_CACHE", tier.display())
        }
        Some(NamedBy::Home(home)) if is_forbidden => {
            let models = home.join("model_weights");
            let keep = models.is_dir().then(|| {
                format!(
                    "; to keep using the models in this one, add {} to MLC_LLM_READONLY_WEIGHT_CACHE",
                    models.display()
                )
            });
            format!("set MLC_LLM_HOME to a folder that you can write to{}", keep.unwrap_or_default())
        }
        _ => return None,
    })
}

/// Whether the system does not let this user use a file or folder, or it is not a folder.
fn is_forbidden(error: &Error) -> bool {
    use CacheError::{CreateFolder, EntryIsFixed, NotADirectory};
    let forbids = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    };
    matches!(error, Error::Cache(CreateFolder { .. } | EntryIsFixed { .. } | NotADirectory { .. }))
        || facade::causes(error).any(|cause| cause.downcast_ref::<io::Error>().is_some_and(forbids))
}

/// The file or folder that could not be used.
fn path_at_fault(error: &Error) -> Option<&Path> {
    use CacheError::{CreateFolder, EntryIsFixed, Io, LinkOrCopy, Move, NotADirectory};
    Some(match error {
        Error::Cache(
            CreateFolder { path, .. }
            | EntryIsFixed { path, .. }
            | NotADirectory { path, .. }
            | Io { path, .. }
            | LinkOrCopy { to: path, .. }
            | Move { to: path, .. },
        )
        | Error::Hub(HubError::Scratch { path, .. } | HubError::Disk(DiskError { path, .. }))
        | Error::MetadataGaveUp { source: HubError::Scratch { path, .. }, .. }
        | Error::Fetch(FetchError::NoSpace { path, .. } | FetchError::Disk(DiskError { path, .. }))
        | Error::Store(StoreError::Disk(DiskError { path, .. }))
        | Error::Disk(DiskError { path, .. })
        | Error::NoSpace { home: path, .. }
        | Error::NoSpaceForCopy { to: path, .. } => path,
        _ => return None,
    })
}

/// Whether a path leads into a folder, however either is written.
fn is_in(path: &Path, folder: &Path) -> bool {
    let absolute = std::path::absolute(folder);
    let real = std::fs::canonicalize(folder);
    [absolute, real].into_iter().flatten().any(|folder| path.starts_with(folder))
}

/// Windows' codes for a file that another program has open or has locked.
const HELD_OPEN: [i32; 2] = [32, 33];

fn is_held_open(error: &Error) -> bool {
    let code = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>()?.raw_os_error();
    cfg!(windows) && facade::causes(error).filter_map(code).any(|code| HELD_OPEN.contains(&code))
}

fn by_property(error: &Error) -> Option<&'static str> {
    if is_held_open(error) {
        return Some("close that program, or exclude the cache from virus scans; then try again");
    }
    match error.net_error() {
        Some(NetError::ProxyLogin { .. }) => {
            return Some(
                "write user and password into the proxy's address, as in http://user:password@proxy:3128",
            );
        }
        Some(NetError::Unreachable { obstacle: Obstacle::NoTls, .. }) => {
            return Some("if it serves plain http, write its address with http://");
        }
        _ => {}
    }
    if error.is_proxy_failure() {
        return Some(
            "check that the proxy is running and its address is right (see `mlc-weights env`); run the same command again to resume",
        );
    }
    if error.is_untrusted_certificate() {
        return Some(
            "if your own certificate authority issued it, set SSL_CERT_FILE to the file with that authority's certificate",
        );
    }
    matches!(error, Error::Unsound { .. })
        .then_some("to download the damaged files again: mlc-weights verify --repair MODEL")
}

fn network(error: &Error, settings: Option<&Settings>) -> Option<String> {
    let to_resume = if error.seems_offline() {
        "are you online? To resume"
    } else if error.kind() == ErrorKind::Network {
        "to resume"
    } else {
        return None;
    };
    let server = match error.net_error() {
        Some(NetError::Unreachable { host, .. }) => Some(host.to_string()),
        Some(
            NetError::Transport { url, .. } | NetError::Stalled { url, .. } | NetError::TooSlow { url, .. },
        ) => Some(url.to_string()),
        _ => settings.map(|settings| settings.endpoint.to_string()),
    };
    let is_plain = server.is_some_and(|server| server.starts_with("http://"));
    let proxy = if is_plain { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    Some(format!(
        "{to_resume}, run the same command again; to use a proxy, set {proxy}; to use a mirror, set HF_ENDPOINT"
    ))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use facade::ModelUrl;

    use super::*;

    #[track_caller]
    fn check(error: &Error, words: Option<&str>) {
        let advice = about(error);
        assert!(advice.is_some() == words.is_some(), "{advice:?}");
        assert!(words.is_none_or(|words| advice.unwrap_or_default().contains(words)), "{error}");
    }

    fn disk(path: &str, kind: io::ErrorKind) -> Error {
        DiskError::new("write", path.as_ref(), kind.into()).into()
    }

    #[test]
    fn what_helps_depends_on_what_went_wrong() {
        check(&Error::NoHome, Some("set MLC_LLM_HOME"));
        check(&Error::NoStore, Some("set MLC_WEIGHTS_STORE"));
        check(&Error::ZeroProcesses, None);
        let held = io::Error::from_raw_os_error(32);
        let held = DiskError::new("rename", "a".as_ref(), held).into();
        check(&held, cfg!(windows).then_some("close that program"));
        let url = "https://hub.example/user/repo".parse::<ModelUrl>().unwrap_err();
        check(&url.into(), Some("set HF_ENDPOINT=https://hub.example and write `HF://user/repo`"));
        check(&"HF://user".parse::<ModelUrl>().unwrap_err().into(), None);
    }

    #[test]
    fn the_setting_is_named_that_names_the_folder() {
        let values = |name: &str| {
            Some(match name {
                "MLC_LLM_HOME" => "/home/me/cache",
                "MLC_LLM_READONLY_WEIGHT_CACHE" => "/shared",
                "MLC_TEMP_DIR" => "/home/me/cache/scratch",
                _ => return None,
            })
        };
        let settings = Settings::from_lookup(&|name: &str| values(name).map(OsString::from)).unwrap();
        for (path, if_full, if_forbidden) in [
            ("/home/me/cache/scratch/a", Some("set MLC_TEMP_DIR to"), Some("set MLC_TEMP_DIR to")),
            ("/home/me/cache/a", Some("set MLC_LLM_HOME to"), Some("set MLC_LLM_HOME to")),
            // The home is to be created in it.
            ("/home/me", Some("set MLC_LLM_HOME to"), Some("set MLC_LLM_HOME to")),
            ("/shared/hf/user", Some("make room ("), Some("remove /shared from")),
            ("/mine/model", Some("make room on that disk"), None),
        ] {
            let cases =
                [(io::ErrorKind::StorageFull, if_full), (io::ErrorKind::PermissionDenied, if_forbidden)];
            for (kind, expected) in cases {
                let advice = folder(&disk(path, kind), Some(&settings));
                let is_right = match (&advice, expected) {
                    (Some(advice), Some(words)) => advice.contains(words),
                    (advice, words) => advice.is_none() && words.is_none(),
                };
                assert!(is_right, "{path}, {kind}: {advice:?}");
            }
        }
        assert!(folder(&disk("/home/me/cache/a", io::ErrorKind::NotFound), Some(&settings)).is_none());
    }

    #[test]
    fn models_that_are_not_there_are_not_to_be_kept() {
        #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
        let parent = tempfile::tempdir().unwrap();
        let home = parent.path().join("home");
        let values = |name: &str| (name == "MLC_LLM_HOME").then(|| OsString::from(&home));
        let settings = Settings::from_lookup(&values).unwrap();
        let advice = || {
            let error = DiskError::new("write", &home.join("a"), io::ErrorKind::PermissionDenied.into());
            folder(&error.into(), Some(&settings)).unwrap()
        };
        std::fs::write(&home, "a file").unwrap();
        assert_eq!(advice(), "set MLC_LLM_HOME to a folder that you can write to");
        std::fs::remove_file(&home).unwrap();
        let models = home.join("model_weights");
        std::fs::create_dir_all(&models).unwrap();
        assert!(
            advice()
                .contains(&format!("; to keep using the models in this one, add {} to", models.display()))
        );
    }

    #[test]
    fn another_cache_is_no_help_for_a_removal() {
        let forbidden = disk("/a", io::ErrorKind::PermissionDenied);
        assert!(about_removal(&forbidden).is_some_and(|advice| advice.starts_with("run this as a user")));
        assert_eq!(about_removal(&Error::NoHome), about(&Error::NoHome));
    }

    #[test]
    fn a_limit_says_how_long_to_wait_and_what_raises_it() {
        let words = rate_limit(Some(Duration::from_secs(300)), false);
        assert!(words.starts_with("wait 5 min, then run the same command again"), "{words}");
        assert!(words.ends_with("; an access token (HF_TOKEN) raises the limit"), "{words}");
        let words = rate_limit(None, true);
        assert!(words.starts_with("wait a while, then") && !words.contains("HF_TOKEN"), "{words}");
    }
}
