//! Texts for people about steps, warnings, failures and numbers.

use std::error::Error as StdError;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cache_layout::PassedOver;
use hf_transport::Throttled;
use shard_fetch::FetchEvent;
pub use url_parse::{Excerpt, duration, is_unprintable, of_size, printable, size};
use url_parse::{ModelRef, RepoPath, causes, shown};

use crate::observer::{Event, Warning};

/// The start of the year 10000, in seconds since 1970.
const YEAR_10000: u64 = 253_402_300_800;

/// How many missing files one line lists.
const LISTED: usize = 3;

/// A step worth showing to a person; `None` for events that only change a counter.
pub fn event(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Warning(text) => warning(text),
        Event::WaitingForLock { holder: Some(holder) } => {
            format!("waiting for another download of this model, by {holder}")
        }
        Event::WaitingForLock { holder: None } => "waiting for another download of this model".to_owned(),
        Event::Stores { model } => format!("asking the store for {model}"),
        Event::WaitingForStore { store } => {
            format!("another machine is filling {store} with this model; waiting for it")
        }
        Event::Metadata { model } => format!("asking the hub for {model}"),
        Event::RetryingMetadata { pause, cause } => retrying(*cause, *pause),
        Event::Commit { commit, .. } => format!("the model is at commit {commit}"),
        Event::Throttled(throttled) => throttled_text(throttled),
        Event::Checking { files: count, bytes } => checking(*count, *bytes),
        Event::Reused { files: 0, .. } => "none of it is intact: downloading it again".to_owned(),
        Event::Reused { files: count, bytes } => reused(*count, *bytes),
        Event::Publishing { .. } => "all files are verified; putting the model in place".to_owned(),
        Event::Pushed { file, size: bytes, was_there } => {
            let done = if *was_there { "already there" } else { "written" };
            format!("{file}: {done}, {}", size(*bytes))
        }
        Event::Fetch(event) => fetch_text(event)?,
        _ => return None,
    })
}

/// A time in UTC, if its year has four digits: the clock may have been wrong.
pub fn moment(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since.as_secs() < YEAR_10000).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

fn throttled_text(throttled: &Throttled) -> String {
    let (origin, pause) = (&throttled.origin, duration(throttled.pause));
    if throttled.is_spread {
        format!("{origin} is near its rate limit for {pause}; sending one request at a time")
    } else {
        format!("{origin} asks for a pause of {pause}; waiting")
    }
}

fn fetch_text(event: &FetchEvent<'_>) -> Option<String> {
    Some(match event {
        FetchEvent::Planned { files: count, bytes, .. } => {
            format!("fetching {}, {}", files(*count), size(*bytes))
        }
        FetchEvent::Resumed { file, bytes, .. } => about(file, &format!("{} is already there", size(*bytes))),
        FetchEvent::Throttled { pause, .. } => {
            format!("the server asks for a pause of {}; waiting", duration(*pause))
        }
        FetchEvent::Retrying { file, pause, cause, .. } => about(file, &retrying(*cause, *pause)),
        FetchEvent::Discarded { file, bytes, .. } => about(file, &format!("{} discarded", size(*bytes))),
        _ => return None,
    })
}

/// The text of a warning.
pub fn warning(warning: &Warning<'_>) -> String {
    match warning {
        Warning::ForceAnsweredByReadOnlyTier { tier } => format!(
            "not downloaded again: the read-only tier {} has this model, and comes first",
            shown(tier)
        ),
        Warning::PassedOver(entry) => format!("incomplete model: {}", not_whole(entry)),
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
            format!("{hub} does not accept the access token that a login has saved: continuing without it")
        }
        Warning::Renamed { model, present } => {
            format!("the hub has renamed {model} to {present}; it is stored here under the requested name")
        }
        Warning::CarriedOver { path, kept_as } => carried_over(path, kept_as),
        Warning::StoreClock { store, seconds_ahead } => store_clock(store, *seconds_ahead),
        Warning::StoreGivenUp { store, reason } => format!("continuing without the store {store}: {reason}"),
        Warning::TurnedBack { url, commit, seen_at, before, seen_before_at } => {
            let when = |time| moment(time).unwrap_or_else(|| "at an impossible time".to_owned());
            let [seen_at, seen_before_at] = [*seen_at, *seen_before_at].map(when);
            format!(
                "{url} went back to an older commit: it names {commit} (seen {seen_at}) instead of {before} (seen {seen_before_at}); using the older one"
            )
        }
        Warning::WrongInStore { store, reason } => {
            format!("what {store} has of this model is damaged and is ignored: {reason}")
        }
        Warning::CommitGone { commit } => {
            format!(
                "the hub no longer has commit {commit}, which this model came from: using the current version"
            )
        }
        Warning::Unproven { commit, hub } => format!(
            "cannot prove that the files are those of commit {commit}: {hub} does not serve git, so its word is trusted"
        ),
        Warning::LeftBehind { path, reason } => {
            format!("your file {} was not kept: {reason}", shown(path))
        }
    }
}

fn store_clock(store: &str, ahead: i64) -> String {
    let (apart, side) =
        (Duration::from_secs(ahead.unsigned_abs()), if ahead < 0 { "ahead of" } else { "behind" });
    format!(
        "the clock of this machine is {} {side} that of {store}: requests are signed with the store's time",
        duration(apart)
    )
}

fn carried_over(path: &Path, kept_as: &Path) -> String {
    let kept = format!("kept your file {}", shown(path));
    if path == kept_as { kept } else { format!("{kept}, as {}", shown(kept_as)) }
}

/// An error with its causes, in one line, without repetitions.
pub fn failure(error: &(dyn StdError + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes(error).map(ToString::to_string) {
        if words.last().is_none_or(|said| !said.contains(&cause)) {
            words.push(cause);
        }
    }
    words.join(": ")
}

fn checking(count: usize, bytes: u64) -> String {
    format!("found {} ({}) on disk; checking", files(count), size(bytes))
}

fn reused(count: usize, bytes: u64) -> String {
    format!("verified {} ({}) on disk", files(count), size(bytes))
}

/// Prefixes the file, unless the text names it anyway.
fn about(file: &RepoPath, words: &str) -> String {
    if words.contains(&file.to_string()) { words.to_owned() } else { format!("{file}: {words}") }
}

/// What failed, its root cause, and when it is tried again.
fn retrying(failure: &(dyn StdError + 'static), pause: Duration) -> String {
    format!("{}; {}", attempt(failure), again(pause))
}

/// What failed, and its root cause.
pub fn attempt(failure: &(dyn StdError + 'static)) -> String {
    let words = failure.to_string();
    match causes(failure).last().map(ToString::to_string).filter(|cause| !words.contains(cause)) {
        Some(cause) => format!("{words} ({cause})"),
        None => words,
    }
}

fn again(pause: Duration) -> String {
    if pause.is_zero() { "trying again".to_owned() } else { format!("trying again in {}", duration(pause)) }
}

/// That no tier has the whole model. Some may have a part of it.
pub fn not_cached(model: &ModelRef, passed_over: &[PassedOver]) -> String {
    if passed_over.is_empty() {
        format!("{model} is not in the cache")
    } else {
        format!("the cache has no complete copy of {model}")
    }
}

/// A directory that is not the whole model, and the problem.
pub fn not_whole(entry: &PassedOver) -> String {
    match entry.missing() {
        [] => entry.to_string(),
        missing => format!("{} ({})", shown(&entry.path), listed(missing)),
    }
}

/// The first of several remarks, and how many more there are.
pub fn listed(missing: &[String]) -> String {
    let first = missing.get(..LISTED).unwrap_or(missing);
    match missing.len() - first.len() {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

/// A number of files.
pub fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::Proof;

    #[track_caller]
    fn check(event: &Event<'_>, expected: &str) {
        assert_eq!(super::event(event).unwrap(), expected);
    }

    #[test]
    fn each_step_has_a_text() {
        let model = "user/repo".parse().unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        check(&Event::Stores { model: &model }, "asking the store for user/repo");
        check(&Event::Metadata { model: &model }, "asking the hub for user/repo");
        check(
            &Event::Commit { commit: &commit, proof: Proof::Git },
            "the model is at commit 0123456789abcdef0123456789abcdef01234567",
        );
        check(&Event::WaitingForLock { holder: None }, "waiting for another download of this model");
        check(&Event::Checking { files: 1, bytes: 12 }, "found 1 file (12 B) on disk; checking");
        check(&Event::Reused { files: 0, bytes: 0 }, "none of it is intact: downloading it again");
        check(&Event::Reused { files: 1, bytes: 12 }, "verified 1 file (12 B) on disk");
        check(&Event::Reused { files: 2, bytes: 1_234_567 }, "verified 2 files (1.23 MB) on disk");
        check(
            &Event::Publishing { path: Path::new("model") },
            "all files are verified; putting the model in place",
        );
    }

    #[test]
    fn each_warning_has_a_text() {
        let path = "sub/a.bin".parse().unwrap();
        check(
            &Event::Warning(Warning::UnlistedShard { path: &path }),
            "sub/a.bin is left out: the manifest does not name it",
        );
        check(
            &Event::Warning(Warning::UnfitName { path: &Excerpt::of("aux.md") }),
            "aux.md is left out: this system does not allow the name, and the model does not need the file",
        );
        check(
            &Event::Warning(Warning::CarriedOver { path: Path::new("a"), kept_as: Path::new("a") }),
            "kept your file a",
        );
        check(
            &Event::Warning(Warning::CarriedOver { path: Path::new("a/b"), kept_as: Path::new("a.own/b") }),
            "kept your file a/b, as a.own/b",
        );
        check(
            &Event::Warning(Warning::LeftBehind { path: Path::new("a"), reason: "no file" }),
            "your file a was not kept: no file",
        );
        check(
            &Event::Warning(Warning::StoreClock { store: "s3://b", seconds_ahead: 7200 }),
            "the clock of this machine is 2 h behind that of s3://b: requests are signed with the store's time",
        );
        check(
            &Event::Warning(Warning::StoreClock { store: "s3://b", seconds_ahead: -7200 }),
            "the clock of this machine is 2 h ahead of that of s3://b: requests are signed with the store's time",
        );
        check(
            &Event::Warning(Warning::ForceAnsweredByReadOnlyTier { tier: Path::new("/shared") }),
            "not downloaded again: the read-only tier /shared has this model, and comes first",
        );
    }

    #[test]
    fn an_incomplete_copy_is_not_called_absent() {
        let model = "user/repo".parse().unwrap();
        assert_eq!(not_cached(&model, &[]), "user/repo is not in the cache");
        #[expect(clippy::disallowed_methods, reason = "a unit test knows no better parent folder")]
        let folder = tempfile::tempdir().unwrap();
        let layout = cache_layout::CacheLayout::new(cache_layout::CacheConfig::new(folder.path())).unwrap();
        let slot = layout.slot(&model);
        std::fs::create_dir_all(slot.entry()).unwrap();
        let missing = || cache_layout::Completeness::Incomplete { missing: Vec::new() };
        let found = layout.look_up(&slot, &|_| missing()).unwrap();
        assert_eq!(not_cached(&model, &found.passed_over), "the cache has no complete copy of user/repo");
    }

    #[test]
    fn a_file_is_named_only_once() {
        let file = "sub/a.bin".parse().unwrap();
        assert_eq!(about(&file, "no answer"), "sub/a.bin: no answer");
        assert_eq!(about(&file, "sub/a.bin failed verification"), "sub/a.bin failed verification");
    }

    #[track_caller]
    fn check_retry(failure: &(dyn StdError + 'static), milliseconds: u64, expected: &str) {
        assert_eq!(retrying(failure, Duration::from_millis(milliseconds)), expected);
    }

    #[test]
    fn a_retry_says_why_and_when() {
        let silence = io::Error::other("no answer");
        check_retry(&silence, 0, "no answer; trying again");
        check_retry(&silence, 1_234, "no answer; trying again in 1 s");
        let failure = crate::errors::DiskError::new("read", "a".as_ref(), silence);
        check_retry(&failure, 60_000, "cannot read a (no answer); trying again in 1 min");
        let wrapped = io::Error::other(io::Error::other("no answer"));
        check_retry(&wrapped, 0, "no answer; trying again");
    }

    #[test]
    fn a_number_of_files_is_singular_or_plural() {
        assert_eq!([0, 1, 2].map(files), ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn a_duration_has_one_form() {
        for (milliseconds, text) in [
            (0, "0 s"),
            (49, "0 s"),
            (50, "0.1 s"),
            (949, "0.9 s"),
            (950, "1 s"),
            (1_499, "1 s"),
            (9_500, "10 s"),
            (59_499, "59 s"),
            (59_500, "1 min"),
            (3_599_000, "59 min 59 s"),
            (3_599_500, "1 h"),
            (90_060_000, "25 h 1 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let missing: Vec<String> = (0..5).map(|index| format!("{index}.bin: missing")).collect();
        assert_eq!(listed(&missing[..1]), "0.bin: missing");
        assert_eq!(listed(&missing[..3]), "0.bin: missing; 1.bin: missing; 2.bin: missing");
        assert_eq!(listed(&missing), "0.bin: missing; 1.bin: missing; 2.bin: missing; and 2 more");
    }
}
