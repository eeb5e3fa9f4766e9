//! The words for a download's steps, the same for bars and lines.

use std::error::Error as StdError;
use std::path::Path;
use std::time::Duration;

use facade::{Event, FetchEvent, Filled, Outcome, Pushed, RepoPath, Throttled, Warning};

use super::face::Ending;
use crate::words::{elapsed, files, moment, not_whole, seconds, size};

/// A line for a step that a person should hear of; `None` for those that only move a counter.
pub(super) fn line(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Warning(text) => format!("warning: {}", warning(text)?),
        Event::WaitingForLock { holder: Some(holder) } => {
            format!("waiting for another download of this model, by {holder}")
        }
        Event::WaitingForLock { holder: None } => "waiting for another download of this model".to_owned(),
        Event::Stores { model } => format!("asking the store for {model}"),
        Event::WaitingForStore { store } => {
            format!("another machine is filling {store} with this model: waiting for it")
        }
        Event::Metadata { model } => format!("asking the hub for {model}"),
        Event::RetryingMetadata { delay, cause } => retrying(*cause, *delay),
        Event::Commit { commit, .. } => format!("the model is at commit {commit}"),
        Event::Throttled(throttled) => throttled_text(throttled),
        Event::Checking { files: count, bytes } => checking(*count, *bytes),
        Event::Reused { files: 0, .. } => "nothing of that is right; it is fetched again".to_owned(),
        Event::Reused { files: count, bytes } => reused(*count, *bytes),
        Event::Pushed { file, bytes, was_there } => {
            let done = if *was_there { "there already" } else { "written" };
            format!("{file}: {done}, {}", size(*bytes))
        }
        Event::Publishing { .. } => "all files are verified; putting the model in place".to_owned(),
        Event::Fetch(event) => fetch_text(event)?,
        _ => return None,
    })
}

/// What became of a store that was filled on the way.
pub(super) fn filled(filled: &Filled) -> String {
    let model = &filled.model;
    match &filled.outcome {
        Ok(Pushed { store, files, bytes, .. }) => {
            format!(
                "{model} is in {store} now; {} ({}) written",
                self::files(usize::try_from(*files).unwrap_or(usize::MAX)),
                size(*bytes)
            )
        }
        Err(error) => {
            let why = facade::causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
            format!("warning: the store could not be filled with {model}: {why}")
        }
    }
}

/// What an interrupted program still waits for.
pub(super) fn finishing(words: &str) -> String {
    format!("finishing: {words}")
}

fn throttled_text(throttled: &Throttled) -> String {
    let (origin, wait) = (&throttled.origin, elapsed(throttled.wait));
    if throttled.is_spread {
        format!("{origin} will take few more requests for {wait}; they go out one at a time")
    } else {
        format!("{origin} asks to be left alone for {wait}; waiting")
    }
}

fn fetch_text(event: &FetchEvent<'_>) -> Option<String> {
    Some(match event {
        FetchEvent::Planned { files: count, bytes, .. } => {
            format!("fetching {}, {}", files(*count), size(*bytes))
        }
        FetchEvent::Resumed { file, bytes, .. } => {
            about(file, &format!("resumes after the first {}", size(*bytes)))
        }
        FetchEvent::Throttled { wait, .. } => {
            format!("the server asks to be left alone for {}; waiting", elapsed(*wait))
        }
        FetchEvent::Retrying { file, delay, cause, .. } => about(file, &retrying(*cause, *delay)),
        FetchEvent::Discarded { file, bytes, .. } => {
            about(file, &format!("{} of it thrown away", size(*bytes)))
        }
        _ => return None,
    })
}

pub(super) fn warning(warning: &Warning<'_>) -> Option<String> {
    Some(match warning {
        Warning::ForceAnsweredByReadOnlyTier { tier } => format!(
            "not downloaded again: the read-only tier {} has this model, and is looked through first",
            tier.display()
        ),
        Warning::PassedOver(entry) => format!("not the whole model: {}", not_whole(entry)),
        Warning::UnlistedShard { path } => format!("{path} is left out: the manifest does not name it"),
        Warning::UnfitName { path } => {
            format!(
                "{path} is left out: this system does not allow the name, and the model does not need the file"
            )
        }
        Warning::TokenOverPlainHttp { hub } => {
            format!("the access token is sent to {hub} unencrypted: anyone in between can read it")
        }
        Warning::TokenDropped { hub } => {
            format!("{hub} does not accept the access token that a login has left: going on without it")
        }
        Warning::Renamed { model, present } => {
            format!("the hub has {model} as {present} now; it is kept here under the name asked for")
        }
        Warning::CarriedOver { path, place } => carried_over(path, place),
        Warning::StoreGivenUp { store, why } => format!("going on without the store {store}: {why}"),
        Warning::StoreClock { store, ahead } => store_clock(store, *ahead),
        Warning::TurnedBack { url, commit, seen_at, before, seen_before_at } => {
            let when = |time| moment(time).unwrap_or_else(|| "at an impossible time".to_owned());
            let [seen_at, seen_before_at] = [*seen_at, *seen_before_at].map(when);
            format!(
                "{url} was turned back: it stands for commit {commit}, seen {seen_at}, and stood for {before}, seen {seen_before_at}; the older one is taken"
            )
        }
        Warning::WrongInStore { store, why } => {
            format!("what {store} has of this model is not right, and is passed over: {why}")
        }
        Warning::CommitGone { commit } => {
            format!(
                "the hub does not have commit {commit} any more, of which this model was: it is taken as it is now"
            )
        }
        Warning::Unproven { commit, hub } => format!(
            "that the files are those of commit {commit} is the word of {hub}, which serves no git to prove it"
        ),
        Warning::LeftBehind { path, reason } => {
            format!("{} was not kept from the directory that is repaired: {reason}", path.display())
        }
        _ => return None,
    })
}

fn store_clock(store: &str, ahead: i64) -> String {
    let (apart, side) =
        (Duration::from_secs(ahead.unsigned_abs()), if ahead < 0 { "ahead of" } else { "behind" });
    format!(
        "the clock of this machine is {} {side} that of {store}: requests are signed by the store's",
        elapsed(apart)
    )
}

fn carried_over(path: &Path, place: &Path) -> String {
    let kept = format!("{} was kept from the directory that is repaired", path.display());
    if path == place { kept } else { format!("{kept}, as {}", place.display()) }
}

/// The closing line: size, time and rate of what came, and what had been there before.
pub(super) fn closing(ending: &Ending<'_>) -> Option<String> {
    let Outcome::Downloaded { bytes_received, bytes_from_store, bytes_copied } = ending.outcome?.outcome
    else {
        return None;
    };
    let took = ending.view.elapsed;
    let rate = u128::from(bytes_received).saturating_mul(1000).checked_div(took.as_millis());
    let rate = rate.map(|rate| format!(", {}/s", size(u64::try_from(rate).unwrap_or(u64::MAX))));
    let before = ending
        .view
        .totals
        .map_or(0, |totals| totals.bytes_done.saturating_sub(totals.received + bytes_copied));
    let before = (before > 0).then(|| format!("; {} from an earlier run", size(before)));
    let stored = Some(bytes_from_store + bytes_copied).filter(|bytes| *bytes > 0);
    let stored = stored.map(|bytes| format!("; {} from the store", size(bytes)));
    let came = format!("downloaded {} in {}", size(bytes_received), elapsed(took));
    let parts = [Some(came), rate, stored, before];
    Some(parts.into_iter().flatten().collect())
}

fn checking(count: usize, bytes: u64) -> String {
    let are = if count == 1 { "is" } else { "are" };
    format!("{} ({}) {are} there already; checking", files(count), size(bytes))
}

fn reused(count: usize, bytes: u64) -> String {
    let are = if count == 1 { "is" } else { "are" };
    format!("{} ({}) {are} there already, verified", files(count), size(bytes))
}

/// Begins with the file, unless the words name it anyway.
fn about(file: &RepoPath, words: &str) -> String {
    if words.contains(&file.to_string()) { words.to_owned() } else { format!("{file}: {words}") }
}

/// What failed, why in the end, and when it is tried again.
fn retrying(failure: &(dyn StdError + 'static), delay: Duration) -> String {
    let mut words = failure.to_string();
    if let Some(cause) = facade::causes(failure).last().map(ToString::to_string)
        && !words.contains(&cause)
    {
        words = format!("{words} ({cause})");
    }
    match delay {
        Duration::ZERO => format!("{words}; trying again"),
        delay => format!("{words}; trying again in {}", seconds(delay)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[track_caller]
    fn check(event: &Event<'_>, expected: &str) {
        assert_eq!(line(event).unwrap(), expected);
    }

    #[test]
    fn steps() {
        let model = "user/repo".parse().unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        check(&Event::Stores { model: &model }, "asking the store for user/repo");
        check(&Event::Metadata { model: &model }, "asking the hub for user/repo");
        check(
            &Event::Commit { commit: &commit, proof: facade::Proof::Git },
            "the model is at commit 0123456789abcdef0123456789abcdef01234567",
        );
        check(&Event::WaitingForLock { holder: None }, "waiting for another download of this model");
        check(&Event::Checking { files: 1, bytes: 12 }, "1 file (12 B) is there already; checking");
        check(&Event::Reused { files: 0, bytes: 0 }, "nothing of that is right; it is fetched again");
        check(&Event::Reused { files: 1, bytes: 12 }, "1 file (12 B) is there already, verified");
        check(&Event::Reused { files: 2, bytes: 1_234_567 }, "2 files (1.23 MB) are there already, verified");
        check(
            &Event::Publishing { path: Path::new("model") },
            "all files are verified; putting the model in place",
        );
    }

    #[test]
    fn warnings_are_marked() {
        let path = "sub/a.bin".parse().unwrap();
        check(
            &Event::Warning(Warning::UnlistedShard { path: &path }),
            "warning: sub/a.bin is left out: the manifest does not name it",
        );
        check(
            &Event::Warning(Warning::UnfitName { path: &facade::Excerpt::of("aux.md") }),
            "warning: aux.md is left out: this system does not allow the name, and the model does not need the file",
        );
        for (ahead, words) in [(7200, "2 h 0 min behind that"), (-7200, "2 h 0 min ahead of that")] {
            let expected = format!(
                "warning: the clock of this machine is {words} of s3://b: requests are signed by the store's"
            );
            check(&Event::Warning(Warning::StoreClock { store: "s3://b", ahead }), &expected);
        }
        check(
            &Event::Warning(Warning::CarriedOver { path: Path::new("a"), place: Path::new("a") }),
            "warning: a was kept from the directory that is repaired",
        );
        check(
            &Event::Warning(Warning::CarriedOver { path: Path::new("a/b"), place: Path::new("a.own/b") }),
            "warning: a/b was kept from the directory that is repaired, as a.own/b",
        );
        check(
            &Event::Warning(Warning::LeftBehind { path: Path::new("a"), reason: "no file" }),
            "warning: a was not kept from the directory that is repaired: no file",
        );
        check(
            &Event::Warning(Warning::ForceAnsweredByReadOnlyTier { tier: Path::new("/shared") }),
            "warning: not downloaded again: the read-only tier /shared has this model, and is looked through first",
        );
    }

    #[test]
    fn a_file_is_named_once() {
        let file = "sub/a.bin".parse().unwrap();
        assert_eq!(about(&file, "no answer"), "sub/a.bin: no answer");
        assert_eq!(about(&file, "what came for sub/a.bin is not it"), "what came for sub/a.bin is not it");
    }

    #[track_caller]
    fn check_retry(failure: &(dyn StdError + 'static), milliseconds: u64, expected: &str) {
        assert_eq!(retrying(failure, Duration::from_millis(milliseconds)), expected);
    }

    #[test]
    fn a_retry_says_why_and_when() {
        let silence = io::Error::other("no answer");
        check_retry(&silence, 0, "no answer; trying again");
        check_retry(&silence, 1_234, "no answer; trying again in 1.2 s");
        let failure = facade::DiskError::new("read", "a".as_ref(), silence);
        check_retry(&failure, 60_000, "cannot read a (no answer); trying again in 60.0 s");
        let wrapped = io::Error::other(io::Error::other("no answer"));
        check_retry(&wrapped, 0, "no answer; trying again");
    }
}
