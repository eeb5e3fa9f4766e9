//! What went wrong, for a person.

use std::error::Error as StdError;
use std::path::PathBuf;

use facade::cache::PassedOver;
use facade::errors::HubError;
use serde_json::{Value, json};

use crate::advice;
use crate::exit::{Failure, Malformed, Miss, Status};
use crate::named::similar_revisions;
use crate::output::say;
use crate::words::{not_cached, not_whole, size};

/// As many branches and tags are named when none is like what was asked for.
const REVISIONS_SHOWN: usize = 5;

/// Prints a failure with its causes to stderr, a line each.
pub(crate) fn failure(failure: &Failure) {
    say(&lines(failure));
}

/// The same for programs.
pub(crate) fn members(failure: &Failure) -> Value {
    let mut lines = lines(failure).into_iter();
    let message = lines.next().unwrap_or_default();
    let details: Vec<String> = lines.map(|line| line.trim_start().to_owned()).collect();
    let status = Status::from(failure);
    json!({
        "kind": status.name(),
        "status": status.number(),
        "message": message.strip_prefix("error: ").unwrap_or(&message),
        "details": details,
    })
}

/// The failure, then its causes and what else there is to say.
pub(crate) fn lines(failure: &Failure) -> Vec<String> {
    match failure {
        Failure::Forbidden { error, by } => forbidden(error, by),
        Failure::NotInCache(Miss { model, looked_in, passed_over, similar }) => {
            let first = format!("error: {}", not_cached(model, passed_over));
            let mut lines = places(first, looked_in, passed_over);
            lines.extend(similar.iter().map(|similar| format!("  did you mean {similar}?")));
            let when = if similar.is_empty() { "to download it" } else { "if the name is right" };
            lines.push(format!("  {when}: mlc-weights download {model}"));
            lines
        }
        Failure::Unknown { model, looked_in, similar } => {
            let lines = places(format!("error: {model} is not in the cache"), looked_in, &[]);
            let similar = similar.iter().map(|name| format!("  did you mean {name}?"));
            lines.into_iter().chain(similar).collect()
        }
        Failure::Facade(error) => {
            let mut lines = with_causes(&error.to_string(), error.source());
            lines.extend(revisions(error));
            lines.extend(advice::about(error).map(|advice| format!("  {advice}")));
            lines
        }
        Failure::NotRemoved(error) => {
            let mut lines = with_causes(&error.to_string(), error.source());
            lines.extend(advice::about_removal(error).map(|advice| format!("  {advice}")));
            lines
        }
        Failure::Output(error) => with_causes("cannot write the result", Some(error)),
        Failure::Runtime(error) => with_causes("cannot start the runtime", Some(error)),
        Failure::NoModel { instead } => {
            vec![format!("error: no model is named: give at least one, as user/repo, or {instead}")]
        }
        Failure::Usage(words) => with_causes(words, None),
        Failure::Malformed(models) => models.iter().flat_map(malformed).collect(),
        Failure::List { list, error } => with_causes(&format!("cannot read {list}"), Some(error)),
        Failure::Unusable { settings: 1 } => vec!["error: 1 setting cannot be used".to_owned()],
        Failure::Unusable { settings } => vec![format!("error: {settings} settings cannot be used")],
        Failure::Reported(_) => Vec::new(),
        Failure::Interrupted { kept, has_begun } => vec![interrupted(*kept, *has_begun)],
    }
}

/// What a model has instead of a revision that it lacks.
fn revisions(error: &facade::Error) -> Option<String> {
    let facade::Error::Hub(HubError::RevisionNotFound { model, revision, known, .. }) = error else {
        return None;
    };
    let near = similar_revisions(revision, known);
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(|near| format!("{model}@{near}")).collect();
        return Some(format!("  did you mean {}?", near.join(" or ")));
    }
    let first: Vec<&str> = known.iter().take(REVISIONS_SHOWN).map(facade::Revision::as_str).collect();
    let more = if known.len() > first.len() { ", …" } else { "" };
    (!first.is_empty()).then(|| format!("  it has {}{more}", first.join(", ")))
}

/// What the next run goes on from is said in the number that it will find.
fn interrupted(kept: Option<u64>, has_begun: bool) -> String {
    if kept == Some(0) || (kept.is_none() && !has_begun) {
        return "interrupted; nothing was downloaded yet".to_owned();
    }
    match kept {
        Some(bytes) => {
            format!(
                "interrupted; {} downloaded so far is kept: run the same command again to resume",
                size(bytes)
            )
        }
        None => "interrupted; what was done so far is kept: run the same command again to resume".to_owned(),
    }
}

/// Something that went on but left an error behind.
pub(crate) fn warning(what: &str, error: &facade::Error) -> String {
    facade::causes(error).fold(format!("warning: {what}"), |words, cause| format!("{words}: {cause}"))
}

fn malformed(model: &Malformed) -> Vec<String> {
    let place = model.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let mut lines = with_causes(&format!("{place}{}", model.error), model.error.source());
    lines.extend(advice::about(&model.error).map(|advice| format!("  {advice}")));
    lines
}

/// Where a model was looked for, and what stood there instead of it.
fn places(first: String, looked_in: &[PathBuf], passed_over: &[PassedOver]) -> Vec<String> {
    let looked_in = looked_in.iter().map(|dir| format!("  looked in {}", dir.display()));
    let passed_over = passed_over.iter().map(|entry| format!("  incomplete: {}", not_whole(entry)));
    std::iter::once(first).chain(looked_in).chain(passed_over).collect()
}

/// What a policy forbids, and where that comes from.
fn forbidden(error: &facade::Error, by: &str) -> Vec<String> {
    let mut lines = match error {
        facade::Error::NotCached { model, policy, looked_in, passed_over, .. } => {
            let first = format!(
                "error: {}, and the policy {policy} forbids a download",
                not_cached(model, passed_over)
            );
            places(first, looked_in, passed_over)
        }
        error => vec![format!("error: {error}")],
    };
    lines.push(format!("  the policy is set by {by}"));
    lines
}

/// A line for the error and one for each cause below it, leaving out those that the line above has the words
/// of already.
fn with_causes(message: &str, cause: Option<&(dyn StdError + 'static)>) -> Vec<String> {
    let mut lines = vec![format!("error: {message}")];
    for words in cause.into_iter().flat_map(facade::causes).map(ToString::to_string) {
        if lines.last().is_none_or(|line| !line.contains(&words)) {
            lines.push(format!("  because: {words}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use facade::Downloader;

    use super::*;

    /// An error with the given messages, the outermost first.
    #[derive(Debug)]
    struct Chain(&'static [&'static str], Option<Box<Self>>);

    impl Chain {
        fn of(messages: &'static [&'static str]) -> Self {
            let (_, below) = messages.split_first().unwrap();
            Self(messages, (!below.is_empty()).then(|| Box::new(Self::of(below))))
        }
    }

    impl fmt::Display for Chain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0[0])
        }
    }

    impl StdError for Chain {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.1.as_deref().map(|below| below as _)
        }
    }

    #[track_caller]
    fn check(causes: &'static [&'static str], expected: &[&str]) {
        assert_eq!(with_causes("it failed", Some(&Chain::of(causes))), expected);
    }

    #[test]
    fn each_cause_is_told_once() {
        check(&["no disk"], &["error: it failed", "  because: no disk"]);
        check(&["no disk", "no power"], &["error: it failed", "  because: no disk", "  because: no power"]);
        check(&["it failed"], &["error: it failed"]);
        check(&["no disk", "no disk", "no disk"], &["error: it failed", "  because: no disk"]);
        check(&["reading: no disk", "no disk"], &["error: it failed", "  because: reading: no disk"]);
        assert_eq!(with_causes("it failed", None), ["error: it failed"]);
    }

    #[test]
    fn a_library_error_comes_with_its_cause() {
        let cause = io::Error::other("the disk is gone");
        let error = facade::errors::DiskError::new("read", "models".as_ref(), cause);
        assert_eq!(
            lines(&Failure::Facade(error.into())),
            ["error: cannot read models", "  because: the disk is gone"]
        );
        let error = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(
            lines(&Failure::Output(error)),
            ["error: cannot write the result", "  because: no storage space"]
        );
    }

    #[test]
    fn a_miss_names_every_place_and_the_way_out() {
        let looked_in: Vec<PathBuf> = vec!["/shared/hf/user/repo".into(), "/home/hf/user/repo".into()];
        let model: facade::ModelRef = "user/repo".parse().unwrap();
        let miss = Miss {
            model: model.clone(),
            looked_in,
            passed_over: Vec::new(),
            similar: vec!["user/repos".parse().unwrap()],
        };
        assert_eq!(
            lines(&Failure::NotInCache(miss)),
            [
                "error: user/repo is not in the cache",
                "  looked in /shared/hf/user/repo",
                "  looked in /home/hf/user/repo",
                "  did you mean user/repos?",
                "  if the name is right: mlc-weights download user/repo",
            ]
        );
        let policy = facade::CachePolicy::Off;
        let downloader = Downloader::builder("/home").read_only(["/shared"]).policy(policy).build().unwrap();
        let error = downloader.cached(&model.into()).unwrap_err();
        let lines = lines(&Failure::Facade(error).of_policy(Some("HF_HUB_OFFLINE")));
        let [first, in_shared, in_home, last] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(first, "error: user/repo is not in the cache, and the policy OFF forbids a download");
        assert!(in_shared.starts_with("  looked in ") && in_home.starts_with("  looked in "), "{lines:?}");
        assert_eq!(last, "  the policy is set by HF_HUB_OFFLINE");
    }

    #[test]
    fn a_forbidden_force_names_the_policy() {
        let policy = facade::CachePolicy::ReadOnly;
        let downloader = Downloader::builder("/home").policy(policy).build().unwrap();
        let request = facade::Request::try_from("HF://user/repo").unwrap().force(true);
        let error = downloader.cached(&request).unwrap_err();
        assert_eq!(
            lines(&Failure::Facade(error).of_policy(Some("--policy"))),
            [
                "error: user/repo cannot be downloaded again: the policy READONLY forbids it",
                "  the policy is set by --policy",
            ]
        );
    }

    #[test]
    fn an_interruption_says_how_to_resume() {
        for (kept, has_begun, words) in [
            (None, true, "what was done so far is kept: run the same command again to resume"),
            (
                Some(4_190_000),
                true,
                "4.19 MB downloaded so far is kept: run the same command again to resume",
            ),
            (Some(0), true, "nothing was downloaded yet"),
            (None, false, "nothing was downloaded yet"),
        ] {
            let lines = lines(&Failure::Interrupted { kept, has_begun });
            assert_eq!(lines, [format!("interrupted; {words}")]);
        }
    }
}
