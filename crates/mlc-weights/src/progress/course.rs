//! What a download is doing: the step that it is at, and the waits that servers ask for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use facade::{Event, FetchEvent, RepoPath};
use parking_lot::Mutex;

use crate::words::attempt;

/// A pause that ends so much later than one that was told of is another one.
const SAME_PAUSE: Duration = Duration::from_millis(500);

/// The name of the step that asks the hub what a model holds.
pub(super) const METADATA: &str = "metadata";

/// The name of the last step.
pub(super) const PUBLISHING: &str = "publishing";

#[derive(Clone, Debug, Default)]
pub(super) enum Step {
    #[default]
    Beginning,
    /// Something that takes its time, in words.
    Doing { name: &'static str, words: String, since: Instant },
    /// The hub is asked again then.
    Pausing { until: Instant },
    /// Bytes arrive, or should.
    Fetching,
}

/// What the events say, apart from numbers, which [`facade::Progress`] adds up.
#[derive(Debug, Default)]
pub(super) struct Course {
    step: Mutex<Step>,
    pauses: Mutex<Pauses>,
}

/// When the pauses end that were told of.
#[derive(Debug, Default)]
struct Pauses {
    /// Of servers that asked for one.
    asked_for: Option<Instant>,
    /// Of files that are tried again then, and why.
    files: HashMap<RepoPath, (Instant, String)>,
}

impl Course {
    /// Takes note of an event. Returns whether to tell people: not when another connection made it known a moment ago,
    /// nor of a mere number.
    pub(super) fn note(&self, event: &Event<'_>, now: impl Fn() -> Instant) -> bool {
        match event {
            // There may be very many of these.
            Event::Fetch(FetchEvent::Received { .. }) | Event::StoreBytes { .. } | Event::StoreFileDone => {
                return false;
            }
            Event::Fetch(FetchEvent::Retrying { file, pause, cause, .. }) => {
                let (until, cause) = (now() + *pause, attempt(*cause));
                return self.pauses.lock().is_new_of_file(file, until, &cause);
            }
            Event::Fetch(FetchEvent::Throttled { pause, .. }) => {
                return self.asked_to_wait(now() + *pause);
            }
            // When the files that wait for it tell later, it is no longer new.
            Event::Throttled(throttled) if !throttled.is_spread => {
                return self.asked_to_wait(now() + throttled.pause);
            }
            Event::RetryingMetadata { pause, .. } => self.go_to(Step::Pausing { until: now() + *pause }),
            Event::Fetch(FetchEvent::Planned { .. }) | Event::Checking { .. } | Event::StoreWork { .. } => {
                self.go_to(Step::Fetching);
            }
            _ => {
                if let Some((name, words)) = begun_by(event) {
                    self.go_to(Step::Doing { name, words, since: now() });
                }
            }
        }
        true
    }

    pub(super) fn step(&self) -> Step {
        self.step.lock().clone()
    }

    pub(super) fn go_to(&self, step: Step) {
        *self.step.lock() = step;
    }

    /// A server asked for a pause. Returns whether that is new.
    pub(super) fn asked_to_wait(&self, until: Instant) -> bool {
        self.pauses.lock().is_new(until)
    }

    /// How long a server still asks us to wait, if one does.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let until = self.pauses.lock().asked_for?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

impl Pauses {
    fn is_new(&mut self, until: Instant) -> bool {
        let is_new = self.asked_for.is_none_or(|told| until > told + SAME_PAUSE);
        if is_new {
            self.asked_for = Some(until);
        }
        is_new
    }

    fn is_new_of_file(&mut self, file: &RepoPath, until: Instant, cause: &str) -> bool {
        let told = self.files.insert(file.clone(), (until, cause.to_owned()));
        told.is_none_or(|(told, told_cause)| told_cause != cause || until > told + SAME_PAUSE)
    }
}

/// The step that begins with an event, if it is one that takes its time: its name, and what is being done.
pub(super) fn begun_by(event: &Event<'_>) -> Option<(&'static str, String)> {
    Some(match event {
        Event::WaitingForLock { .. } => ("waiting", "waiting for another download of this model".to_owned()),
        Event::Stores { model, .. } => (METADATA, format!("asking the store for {model}")),
        Event::WaitingForStore { store, .. } => {
            (METADATA, format!("waiting for another machine that is filling {store}"))
        }
        Event::Metadata { model, .. } => (METADATA, format!("asking the hub for {model}")),
        Event::Commit { .. } => ("planning", "comparing with what is already here".to_owned()),
        Event::Publishing { .. } => (PUBLISHING, "putting the model in place".to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_once() {
        let (mut pauses, begin) = (Pauses::default(), Instant::now());
        let (file, at) = ("a.bin".parse().unwrap(), |seconds| begin + Duration::from_secs(seconds));
        let mut is_new = |file: &RepoPath, until, cause: &str| pauses.is_new_of_file(file, until, cause);
        assert!(is_new(&file, at(9), "503"));
        assert!(!is_new(&file, at(9), "503"));
        assert!(is_new(&file, at(9), "no answer"));
        assert!(is_new(&file, at(12), "no answer"));
        assert!(is_new(&"b.bin".parse().unwrap(), at(12), "no answer"));
        // A server's pause is another matter.
        assert!(pauses.is_new(at(12)));
        assert!(!pauses.is_new(at(12)));
        assert!(pauses.is_new(at(60)));
    }

    #[test]
    fn only_a_pause_that_is_not_over_is_waited_for() {
        let (course, begin) = (Course::default(), Instant::now());
        assert_eq!(course.wait(begin), None);
        assert!(course.asked_to_wait(begin + Duration::from_secs(2)));
        assert_eq!(course.wait(begin), Some(Duration::from_secs(2)));
        assert_eq!(course.wait(begin + Duration::from_secs(2)), None);
    }
}
