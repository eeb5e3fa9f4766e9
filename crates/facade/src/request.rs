//! A caller's request.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;

use cache_layout::CachePolicy;
use url_parse::{ModelId, ModelRef, ModelUrl, Revision};

use crate::{Error, Event, Observer};

/// A model, and how to get it. Anything not set here follows the [`Downloader`](crate::Downloader).
///
/// ```
/// use facade::Request;
///
/// let request: Request = "HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".parse()?;
/// let again = request.clone().force(true);
/// let older = request.on_event(|event| eprintln!("{event:?}")).revision("v1.0".parse()?);
/// # Ok::<(), facade::Error>(())
/// ```
///
/// [`force`](Self::force), [`repair`](Self::repair) and [`update`](Self::update) are alternatives: the
/// last call counts. Without any of them a cached copy is returned, unless the policy is
/// [`CachePolicy::Redo`].
#[derive(Clone)]
pub struct Request {
    model: ModelRef,
    policy: Option<CachePolicy>,
    on_copy: OnCopy,
    files_in_flight: Option<NonZeroUsize>,
    observer: Arc<dyn Observer>,
}

impl Request {
    /// Requests a model, at its revision if it has one.
    #[must_use]
    pub fn new(model: ModelRef) -> Self {
        Self { model, policy: None, on_copy: OnCopy::ByPolicy, files_in_flight: None, observer: Arc::new(()) }
    }

    /// A branch, tag, reference or commit to use instead of the URL's, or the default branch. It gets
    /// its own directory in the cache, named after the revision as requested: a branch stays as it was
    /// downloaded until it is requested with [`force`](Self::force).
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.model = self.model.at(Some(revision));
        self
    }

    /// The cache policy for this request, overriding the downloader's.
    #[must_use]
    pub fn policy(mut self, policy: CachePolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Whether the model is downloaded again although it is cached; the original's `force_redo`. By
    /// default it is if the policy is [`CachePolicy::Redo`].
    #[must_use]
    pub fn force(mut self, is_forced: bool) -> Self {
        self.on_copy = OnCopy::Force(is_forced);
        self
    }

    /// Repairs the copy in the writable tier, even if it looks whole: every file is hashed, intact ones
    /// are kept, and only the rest is fetched, from the commit that the model was downloaded from, if
    /// known. [`Cache::verify`](crate::Cache::verify) tells in advance whether this is needed. A model
    /// that only a read-only tier has is an [`Error::OnlyReadOnly`]; one that no tier has is downloaded
    /// normally.
    #[must_use]
    pub fn repair(mut self, repair: Repair) -> Self {
        self.on_copy = OnCopy::Repair(repair);
        self
    }

    /// Updates the copy in the writable tier to the commit that the model's name stands for now. Every
    /// file is hashed, files that the new commit also has are kept, and only the rest is fetched; then
    /// the directory is exchanged in one step. The user's own files stay, and an edited one is kept
    /// beside the new commit's as `NAME.own`.
    /// [`Downloader::newest_commit`](crate::Downloader::newest_commit) tells in advance whether this is
    /// needed. Read-only tiers, and a model that is not cached, are treated as by
    /// [`repair`](Self::repair).
    #[must_use]
    pub fn update(mut self) -> Self {
        self.on_copy = OnCopy::Update;
        self
    }

    /// How many files are fetched at a time (the original's `num_processes`), which also limits the
    /// connections, unless [`DownloaderBuilder::max_connections`](crate::DownloaderBuilder::max_connections) is set. By
    /// default, 8 connections start, each with its own file, and their number adapts.
    #[must_use]
    pub fn files_in_flight(mut self, files: NonZeroUsize) -> Self {
        self.files_in_flight = Some(files);
        self
    }

    /// Sets the observer of the download, replacing any earlier one.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Sets a closure as the [`observer`](Self::observer).
    #[must_use]
    pub fn on_event(self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer(observer)
    }

    /// The requested model, with its revision.
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    pub(crate) fn policy_or(&self, default: CachePolicy) -> CachePolicy {
        self.policy.unwrap_or(default)
    }

    pub(crate) fn repairs(&self) -> Option<Repair> {
        if let OnCopy::Repair(repair) = self.on_copy { Some(repair) } else { None }
    }

    /// Whether the commit of the existing copy is ignored.
    pub(crate) fn updates(&self) -> bool {
        self.on_copy == OnCopy::Update
    }

    /// Whether it concerns the copy in the writable tier, whole or not.
    pub(crate) fn is_about_own_copy(&self) -> bool {
        matches!(self.on_copy, OnCopy::Repair(_) | OnCopy::Update)
    }

    pub(crate) fn forced(&self) -> Option<bool> {
        if let OnCopy::Force(is_forced) = self.on_copy { Some(is_forced) } else { None }
    }

    pub(crate) fn files_at_once(&self) -> Option<NonZeroUsize> {
        self.files_in_flight
    }

    pub(crate) fn watcher(&self) -> &Arc<dyn Observer> {
        &self.observer
    }
}

/// What is done with a cached copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnCopy {
    ByPolicy,
    Force(bool),
    Repair(Repair),
    Update,
}

/// What a repair fetches again; see [`Request::repair`]. The user's own files stay in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// Corrupt and missing files. An edited but valid `mlc-chat-config.json` stays.
    Damaged,
    /// The same, and an edited `mlc-chat-config.json`.
    DamagedAndModified,
}

impl FromStr for Request {
    type Err = Error;

    /// From `HF://user/repo` or `https://huggingface.co/user/repo`, each optionally with `@revision`.
    fn from_str(url: &str) -> Result<Self, Error> {
        Ok(Self::new(url.parse::<ModelUrl>()?.into_model()))
    }
}

impl TryFrom<&str> for Request {
    type Error = Error;

    /// As [`FromStr`].
    fn try_from(url: &str) -> Result<Self, Error> {
        url.parse()
    }
}

impl From<ModelId> for Request {
    fn from(model: ModelId) -> Self {
        Self::new(model.into())
    }
}

impl From<ModelUrl> for Request {
    fn from(url: ModelUrl) -> Self {
        Self::new(url.into_model())
    }
}

impl From<ModelRef> for Request {
    fn from(model: ModelRef) -> Self {
        Self::new(model)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("model", &self.model)
            .field("policy", &self.policy)
            .field("on_copy", &self.on_copy)
            .field("files_in_flight", &self.files_in_flight)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_force_repair_and_update_the_last_counts() {
        let request: Request = "HF://user/repo".parse().unwrap();
        let came_to = |request: &Request| (request.forced(), request.repairs(), request.updates());
        let (damaged, asked) = (Repair::Damaged, request.clone().force(true).repair(Repair::Damaged));
        assert_eq!(came_to(&request), (None, None, false));
        assert_eq!(came_to(&asked), (None, Some(damaged), false));
        let asked = asked.update();
        assert_eq!(came_to(&asked), (None, None, true));
        let asked = asked.repair(damaged).force(false);
        assert_eq!(came_to(&asked), (Some(false), None, false));
        assert!(!asked.is_about_own_copy() && asked.update().is_about_own_copy());
    }
}
