//! Where a download as a whole is.

use std::time::Instant;

use facade::Event;

#[derive(Clone, Debug, Default)]
pub(super) enum Step {
    #[default]
    Beginning,
    /// Something that takes its time, in words.
    Doing { name: &'static str, words: String, since: Instant },
    /// The hub is asked again then.
    Pausing { until: Instant },
    /// Bytes come, or should.
    Fetching,
}

/// The name of the step that asks the hub what a model holds.
pub(super) const METADATA: &str = "metadata";

/// The name of the last step.
pub(super) const PUBLISHING: &str = "publishing";

/// The step that begins with an event, if it is one that takes its time: its name, and what is being done.
pub(super) fn begun_by(event: &Event<'_>) -> Option<(&'static str, String)> {
    Some(match event {
        Event::WaitingForLock { .. } => ("waiting", "waiting for another download of this model".to_owned()),
        Event::Stores { model, .. } => (METADATA, format!("asking the store for {model}")),
        Event::WaitingForStore { store, .. } => {
            (METADATA, format!("waiting for another machine that is filling {store}"))
        }
        Event::Metadata { model, .. } => (METADATA, format!("asking the hub for {model}")),
        Event::Commit { .. } => ("planning", "looking at what is here already".to_owned()),
        Event::Publishing { .. } => (PUBLISHING, "putting the model in place".to_owned()),
        _ => return None,
    })
}
