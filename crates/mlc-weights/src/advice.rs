//! What to do about a failure, for a person at a terminal. The libraries' messages say what is.

use std::time::Duration;

use facade::errors::{CacheError, HubError, NameError, ProofProblem, StoreError};
use facade::{Error, ErrorKind};

use crate::words::elapsed;

/// A line to stand below the message and its causes.
pub(crate) fn about(error: &Error) -> Option<String> {
    by_variant(error).or_else(|| hub(error)).or_else(|| by_property(error).map(str::to_owned))
}

fn by_variant(error: &Error) -> Option<String> {
    Some(match error {
        Error::Name(NameError::ModelUrl { problem, .. }) => {
            let model = problem.elsewhere()?;
            format!("to use that hub, set HF_ENDPOINT={} and write `{}`", model.hub, model.url)
        }
        Error::NoHome => "set MLC_LLM_HOME to the folder where models are to be".to_owned(),
        Error::NoStore => "set MLC_WEIGHTS_STORE, or give --store".to_owned(),
        Error::Private { .. } => "give --allow-private if all readers of the store may read it".to_owned(),
        Error::WrongInStore { model, .. } => {
            format!("`mlc-weights store push --replace {model}` mends it, where the hub can be reached")
        }
        Error::NotInStore { model, .. } => {
            format!("`mlc-weights store push {model}` puts it there, where the hub can be reached")
        }
        Error::CommitNotNamed { model, .. } if !error.seems_offline() => format!(
            "the hub is not asked for a commit that is named in full ({}@COMMIT), nor first with MLC_WEIGHTS_STORE_MODE=refs",
            model.id()
        ),
        Error::Unproven { problem, .. } => match problem {
            ProofProblem::NoReceipt | ProofProblem::OlderReceipt | ProofProblem::OtherCommit => {
                "download it again with --force".to_owned()
            }
            ProofProblem::NoGit => "name a hub that serves git in HF_ENDPOINT".to_owned(),
            ProofProblem::GitWithheld => "try again later, or name another hub in HF_ENDPOINT".to_owned(),
            _ => return None,
        },
        Error::Cache(CacheError::Replaced { .. }) => "run the same command again".to_owned(),
        Error::Cache(CacheError::Occupied { .. }) => "give --to a new or empty folder".to_owned(),
        Error::Cache(CacheError::UnusableTarget { .. }) => {
            "give --to a folder that you may write to".to_owned()
        }
        Error::Cache(CacheError::OtherFileSystem { .. }) => {
            "leave out --link, or choose a folder on the cache's disk".to_owned()
        }
        Error::Store(StoreError::NoFolder { .. }) => {
            "create it, or mount the disk that has it; it is not created for you".to_owned()
        }
        Error::Store(StoreError::NotListable { .. } | StoreError::TooMany { .. }) => {
            "name the models; `store verify` and `store copy` then need no list".to_owned()
        }
        Error::Store(StoreError::NoCredentials { .. }) => {
            "set them, or give this machine an identity".to_owned()
        }
        Error::Store(StoreError::WrongClock { .. }) => "set this machine's clock".to_owned(),
        _ => return None,
    })
}

/// What a hub's refusal asks for.
fn hub(error: &Error) -> Option<String> {
    Some(match refusal(error)? {
        HubError::MissingOrPrivate { door, .. } if door.token.is_some() => {
            format!("see whether {} opens with the account that the token belongs to", door.page)
        }
        HubError::MissingOrPrivate { door, .. } => format!(
            "check the name; if {} opens when you are logged in, set HF_TOKEN to a token of that account",
            door.page
        ),
        HubError::Gated { door, .. } if door.token.is_some() => {
            format!("ask for access at {} with the account that the token belongs to", door.page)
        }
        HubError::Gated { door, .. } => {
            format!("ask for access at {}, then set HF_TOKEN to a token of that account", door.page)
        }
        HubError::BadToken { .. } => "renew it, or remove it: public models need none".to_owned(),
        HubError::RateLimited { wait, has_token, .. } => rate_limit(*wait, *has_token),
        HubError::NoShortCommits { .. } => "give all 40 digits of the commit".to_owned(),
        HubError::NoMetadata { .. } => "check the model's name, and HF_ENDPOINT".to_owned(),
        _ => return None,
    })
}

/// When to try again, and what raises the limit.
fn rate_limit(wait: Option<Duration>, has_token: bool) -> String {
    let wait = wait.map_or("wait a while".to_owned(), |wait| format!("wait {}", elapsed(wait)));
    let token = if has_token { "" } else { "; a token of an account (HF_TOKEN) raises the limit" };
    format!("{wait}, then run the same command again, which continues where this one stopped{token}")
}

fn refusal(error: &Error) -> Option<&HubError> {
    match error {
        Error::Hub(error)
        | Error::MetadataGaveUp { source: error, .. }
        | Error::Private { source: error, .. } => Some(error),
        error => facade::causes(error).find_map(|cause| cause.downcast_ref()),
    }
}

fn by_property(error: &Error) -> Option<&'static str> {
    if error.is_out_of_space() {
        return Some(
            "make room (`mlc-weights prune` may help), or set MLC_LLM_HOME to a folder on another disk",
        );
    }
    if error.needs_another_home() {
        return Some(
            "set MLC_LLM_HOME to a folder that you may write to; the models that are in this cache can be used all the same, if MLC_LLM_READONLY_WEIGHT_CACHE names its folder model_weights",
        );
    }
    if error.is_proxy_failure() {
        return Some(
            "look whether the proxy runs, and whether its address is right (`mlc-weights env` shows it); the same command continues where this one stopped",
        );
    }
    if error.is_untrusted_certificate() {
        return Some(
            "if it comes from an authority of your own, name the file with that authority's certificate in SSL_CERT_FILE",
        );
    }
    if error.seems_offline() {
        return Some(
            "are you online? The same command continues where this one stopped; behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT",
        );
    }
    if let Error::Unsound { .. } = error {
        return Some("to download what is not right: mlc-weights verify --repair MODEL");
    }
    (error.kind() == ErrorKind::Network).then_some(
        "the same command continues where this one stopped; behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT",
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use facade::ModelUrl;
    use facade::errors::DiskError;

    use super::*;

    #[track_caller]
    fn check(error: &Error, words: Option<&str>) {
        let advice = about(error);
        assert!(advice.is_some() == words.is_some(), "{advice:?}");
        assert!(words.is_none_or(|words| advice.unwrap_or_default().contains(words)), "{error}");
    }

    #[test]
    fn what_helps_depends_on_what_went_wrong() {
        let disk = |kind: io::ErrorKind| DiskError::new("write", "a".as_ref(), kind.into()).into();
        check(&disk(io::ErrorKind::StorageFull), Some("mlc-weights prune"));
        check(&disk(io::ErrorKind::PermissionDenied), None);
        check(&Error::NoHome, Some("set MLC_LLM_HOME"));
        check(&Error::NoStore, Some("set MLC_WEIGHTS_STORE"));
        check(&Error::ZeroProcesses, None);
        let url = "https://hub.example/user/repo".parse::<ModelUrl>().unwrap_err();
        check(&url.into(), Some("set HF_ENDPOINT=https://hub.example and write `HF://user/repo`"));
        check(&"HF://user".parse::<ModelUrl>().unwrap_err().into(), None);
    }

    #[test]
    fn a_limit_says_how_long_to_wait_and_what_raises_it() {
        let words = rate_limit(Some(Duration::from_secs(300)), false);
        assert!(words.starts_with("wait 5 min 0 s, then run the same command again"), "{words}");
        assert!(words.ends_with("; a token of an account (HF_TOKEN) raises the limit"), "{words}");
        let words = rate_limit(None, true);
        assert!(words.starts_with("wait a while, then") && !words.contains("HF_TOKEN"), "{words}");
    }
}
