//! What to do about a failure, where its message does not say so.

use facade::{Error, ErrorKind};

/// A line to stand below the message and its causes.
pub(crate) fn about(error: &Error) -> Option<&'static str> {
    if error.is_out_of_space() {
        return Some(
            "make room (`mlc-weights prune` may help), or set MLC_LLM_HOME to a folder on another disk",
        );
    }
    if error.wants_another_home() {
        return Some(
            "set MLC_LLM_HOME to a folder that you may write to; the models that are in this cache can be used all the same, if MLC_LLM_READONLY_WEIGHT_CACHE names its folder model_weights",
        );
    }
    if error.is_of_the_proxy() {
        return Some(
            "look whether the proxy runs, and whether its address is right (`mlc-weights env` shows it); the same command continues where this one stopped",
        );
    }
    if error.is_of_the_network() {
        return Some(
            "are you online? The same command continues where this one stopped; behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT",
        );
    }
    match error.kind() {
        ErrorKind::Network => Some(
            "the same command continues where this one stopped; behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use facade::DiskError;

    use super::*;

    #[track_caller]
    fn check(error: &Error, words: Option<&str>) {
        let advice = about(error);
        assert!(advice.is_some() == words.is_some(), "{advice:?}");
        assert!(words.is_none_or(|words| advice.is_some_and(|advice| advice.contains(words))), "{advice:?}");
    }

    #[test]
    fn what_helps_depends_on_what_went_wrong() {
        let disk = |kind: io::ErrorKind| DiskError::new("write", "a".as_ref(), kind.into()).into();
        check(&disk(io::ErrorKind::StorageFull), Some("mlc-weights prune"));
        check(&disk(io::ErrorKind::PermissionDenied), None);
        check(&Error::NoHome, None);
    }
}
