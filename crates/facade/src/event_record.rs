//! Events with owned data.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use shard_fetch::FetchEvent;
use url_parse::{CommitId, ModelRef, Proof, RepoPath, causes};

use crate::stores::StoreAnswer;
use crate::{Event, Warning, serialized, words};

/// An [`Event`] with owned data, for sending through a channel. Serialized, it is an object whose
/// `event` is its name, with the members that `mlc-weights` writes (`docs/progress.md`).
///
/// ```
/// use facade::{EventRecord, Request};
///
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let request = Request::try_from("HF://user/repo")?.on_event(move |event| {
///     let _ = sender.send(EventRecord::from(event)); // nobody may be listening any more
/// });
/// # drop(request);
/// # assert_eq!(receiver.iter().count(), 0);
/// # Ok::<(), facade::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is as the event of its name")]
pub enum EventRecord {
    /// [`Event::Warning`], as text.
    #[non_exhaustive]
    Warning { kind: &'static str, file: Option<String>, message: String },
    /// [`Event::WaitingForLock`]: the process id on this machine, or the host.
    #[serde(rename = "waiting")]
    #[non_exhaustive]
    WaitingForLock { pid: Option<u32>, host: Option<String> },
    /// [`Event::Stores`].
    #[non_exhaustive]
    Stores {
        #[serde(serialize_with = "serialized::text")]
        model: ModelRef,
    },
    /// [`Event::WaitingForStore`].
    #[non_exhaustive]
    WaitingForStore { store: String },
    /// [`Event::Store`].
    #[non_exhaustive]
    Store { url: String, answer: StoreAnswer },
    /// [`Event::Metadata`].
    #[non_exhaustive]
    Metadata {
        #[serde(serialize_with = "serialized::text")]
        model: ModelRef,
    },
    /// [`Event::RetryingMetadata`], without a file, and [`FetchEvent::Retrying`].
    #[non_exhaustive]
    Retrying {
        #[serde(serialize_with = "serialized::optional_text")]
        file: Option<RepoPath>,
        #[serde(rename = "pause_seconds", serialize_with = "serialized::seconds")]
        pause: Duration,
        /// The failure and its causes.
        causes: Vec<String>,
    },
    /// [`Event::Throttled`], with a server and no file, and [`FetchEvent::Throttled`].
    #[non_exhaustive]
    Throttled {
        #[serde(serialize_with = "serialized::optional_text")]
        file: Option<RepoPath>,
        #[serde(skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
        #[serde(rename = "pause_seconds", serialize_with = "serialized::seconds")]
        pause: Duration,
        #[serde(rename = "spread", skip_serializing_if = "Option::is_none")]
        is_spread: Option<bool>,
    },
    /// [`Event::StoreWork`].
    #[non_exhaustive]
    StoreWork { files: usize, bytes: u64 },
    /// [`Event::StoreFileDone`].
    StoreFileDone,
    /// [`Event::StoreBytes`].
    #[non_exhaustive]
    StoreBytes { bytes: u64 },
    /// [`Event::Commit`].
    #[non_exhaustive]
    Commit {
        #[serde(serialize_with = "serialized::text")]
        commit: CommitId,
        #[serde(serialize_with = "serialized::proof")]
        proof: Proof,
    },
    /// [`Event::Checking`].
    #[non_exhaustive]
    Checking { files: usize, bytes: u64 },
    /// [`Event::Reused`].
    #[non_exhaustive]
    Reused { files: usize, bytes: u64 },
    /// [`Event::Publishing`].
    #[non_exhaustive]
    Publishing {
        #[serde(serialize_with = "serialized::path")]
        path: PathBuf,
    },
    /// [`Event::Pushed`].
    #[non_exhaustive]
    Pushed {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        #[serde(rename = "bytes")]
        size: u64,
        was_there: bool,
    },
    /// [`Event::Kept`].
    #[non_exhaustive]
    Kept { bytes: u64 },
    /// [`FetchEvent::Planned`].
    #[non_exhaustive]
    Planned { files: usize, bytes: u64 },
    /// [`FetchEvent::Started`].
    #[non_exhaustive]
    Started {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        #[serde(rename = "bytes")]
        size: u64,
    },
    /// [`FetchEvent::Resumed`].
    #[non_exhaustive]
    Resumed {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        bytes: u64,
    },
    /// [`FetchEvent::Received`].
    #[non_exhaustive]
    Received {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        bytes: u64,
        place: usize,
    },
    /// [`FetchEvent::Duplicated`].
    #[non_exhaustive]
    Duplicated {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        bytes: u64,
    },
    /// [`FetchEvent::Discarded`].
    #[non_exhaustive]
    Discarded {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        bytes: u64,
    },
    /// [`FetchEvent::Verified`].
    #[non_exhaustive]
    Verified {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        #[serde(rename = "bytes")]
        size: u64,
    },
    /// [`FetchEvent::Failed`].
    #[non_exhaustive]
    Failed {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
        /// The failure and its causes.
        causes: Vec<String>,
    },
    /// [`FetchEvent::Cancelled`].
    #[non_exhaustive]
    Cancelled {
        #[serde(serialize_with = "serialized::text")]
        file: RepoPath,
    },
    /// An event of another kind, as text.
    #[non_exhaustive]
    Other { message: String },
}

impl From<&Event<'_>> for EventRecord {
    fn from(event: &Event<'_>) -> Self {
        match event {
            Event::Warning(warning) => of_warning(warning),
            Event::WaitingForLock { holder } => {
                let (pid, host) = holder.map(|holder| (holder.pid, holder.host.as_ref())).unzip();
                Self::WaitingForLock { pid, host: host.flatten().map(ToString::to_string) }
            }
            Event::Stores { model } => Self::Stores { model: (*model).clone() },
            Event::WaitingForStore { store } => Self::WaitingForStore { store: (*store).to_owned() },
            Event::Store { url, answer } => Self::Store { url: (*url).to_owned(), answer: *answer },
            Event::Metadata { model } => Self::Metadata { model: (*model).clone() },
            Event::RetryingMetadata { pause, cause } => {
                Self::Retrying { file: None, pause: *pause, causes: texts(*cause) }
            }
            Event::Throttled(throttled) => Self::Throttled {
                file: None,
                origin: Some(throttled.origin.to_string()),
                pause: throttled.pause,
                is_spread: Some(throttled.is_spread),
            },
            Event::StoreWork { files, bytes } => Self::StoreWork { files: *files, bytes: *bytes },
            Event::StoreFileDone => Self::StoreFileDone,
            Event::StoreBytes { bytes } => Self::StoreBytes { bytes: *bytes },
            Event::Commit { commit, proof } => Self::Commit { commit: **commit, proof: *proof },
            Event::Checking { files, bytes } => Self::Checking { files: *files, bytes: *bytes },
            Event::Reused { files, bytes } => Self::Reused { files: *files, bytes: *bytes },
            Event::Fetch(event) => of_fetch(event),
            Event::Publishing { path } => Self::Publishing { path: path.to_path_buf() },
            Event::Pushed { file, size, was_there } => {
                Self::Pushed { file: (*file).clone(), size: *size, was_there: *was_there }
            }
            Event::Kept { bytes } => Self::Kept { bytes: *bytes },
        }
    }
}

fn of_fetch(event: &FetchEvent<'_>) -> EventRecord {
    use EventRecord::{
        Cancelled, Discarded, Duplicated, Failed, Other, Planned, Received, Resumed, Retrying, Started,
        Throttled, Verified,
    };
    let owned = |file: &&RepoPath| (*file).clone();
    match event {
        FetchEvent::Planned { files, bytes, .. } => Planned { files: *files, bytes: *bytes },
        FetchEvent::Started { file, size, .. } => Started { file: owned(file), size: *size },
        FetchEvent::Resumed { file, bytes, .. } => Resumed { file: owned(file), bytes: *bytes },
        FetchEvent::Received { file, bytes, place, .. } => {
            Received { file: owned(file), bytes: *bytes, place: *place }
        }
        FetchEvent::Duplicated { file, bytes, .. } => Duplicated { file: owned(file), bytes: *bytes },
        FetchEvent::Discarded { file, bytes, .. } => Discarded { file: owned(file), bytes: *bytes },
        FetchEvent::Retrying { file, pause, cause, .. } => {
            Retrying { file: Some(owned(file)), pause: *pause, causes: texts(*cause) }
        }
        FetchEvent::Throttled { file, pause, .. } => {
            Throttled { file: Some(owned(file)), origin: None, pause: *pause, is_spread: None }
        }
        FetchEvent::Verified { file, size, .. } => Verified { file: owned(file), size: *size },
        FetchEvent::Failed { file, error, .. } => Failed { file: owned(file), causes: texts(*error) },
        FetchEvent::Cancelled { file, .. } => Cancelled { file: owned(file) },
        other => Other { message: format!("{other:?}") },
    }
}

fn of_warning(warning: &Warning<'_>) -> EventRecord {
    let (kind, file) = match warning {
        Warning::ForceAnsweredByReadOnlyTier { .. } => ("force_answered_by_read_only_tier", None),
        Warning::PassedOver(_) => ("passed_over", None),
        Warning::UnlistedShard { path } => ("unlisted_shard", Some(path.as_str().into())),
        Warning::UnfitName { path } => ("unfit_name", Some(path.as_str().into())),
        Warning::CarriedOver { kept_as, .. } => ("carried_over", Some(kept_as.to_string_lossy())),
        Warning::TokenOverPlainHttp { .. } => ("token_over_plain_http", None),
        Warning::TokenDropped { .. } => ("token_dropped", None),
        Warning::Renamed { .. } => ("renamed", None),
        Warning::CommitGone { .. } => ("commit_gone", None),
        Warning::Unproven { .. } => ("unproven", None),
        Warning::StoreGivenUp { .. } => ("store_given_up", None),
        Warning::WrongInStore { .. } => ("wrong_in_store", None),
        Warning::StoreClock { .. } => ("store_clock", None),
        Warning::TurnedBack { .. } => ("turned_back", None),
        Warning::LeftBehind { path, .. } => ("left_behind", Some(path.to_string_lossy())),
    };
    let file = file.map(std::borrow::Cow::into_owned);
    EventRecord::Warning { kind, file, message: words::warning(warning) }
}

fn texts(error: &(dyn StdError + 'static)) -> Vec<String> {
    causes(error).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
