//! What a caller asks for.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;

use cache_layout::CachePolicy;
use url_parse::{ModelId, ModelRef, ModelUrl, Revision};

use crate::{Error, Event, Observer};

/// A model, and how to get it. Whatever is not said here follows the [`Downloader`](crate::Downloader).
///
/// ```
/// use facade::Request;
///
/// let request: Request = "HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".parse()?;
/// let again = request.clone().force(true);
/// let older = request.on_event(|event| eprintln!("{event:?}")).revision("v1.0".parse()?);
/// # Ok::<(), facade::Error>(())
/// ```
#[derive(Clone)]
pub struct Request {
    model: ModelRef,
    policy: Option<CachePolicy>,
    force: Option<bool>,
    repair: Option<Repair>,
    update: bool,
    files_in_flight: Option<NonZeroUsize>,
    observer: Arc<dyn Observer>,
}

impl Request {
    /// Asks for a model, at its revision if it has one.
    #[must_use]
    pub fn new(model: ModelRef) -> Self {
        Self {
            model,
            policy: None,
            force: None,
            repair: None,
            update: false,
            files_in_flight: None,
            observer: Arc::new(()),
        }
    }

    /// A branch, tag, reference or commit instead of the one that the URL names, or of the default branch. It has
    /// a directory of its own in the cache, by the name that was asked for: a branch stays as it was downloaded
    /// until it is asked for with [`force`](Self::force).
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.model = self.model.at(Some(revision));
        self
    }

    /// The cache policy for this request instead of the downloader's.
    #[must_use]
    pub fn policy(mut self, policy: CachePolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Whether the model is downloaded again although it is cached, the original's `force_redo`. Without this, it is
    /// exactly when the policy is [`CachePolicy::Redo`].
    #[must_use]
    pub fn force(mut self, is_forced: bool) -> Self {
        self.force = Some(is_forced);
        self
    }

    /// Mends the copy of the writable tier, although it may look whole: every file is hashed, what is right is
    /// kept, and only the rest is fetched, of the commit that the model was downloaded from if that is known.
    /// [`Cache::verify`](crate::Cache::verify) says beforehand whether there is a need. A model that only a
    /// read-only tier has is an [`Error::OnlyReadOnly`]; one that no tier has is downloaded like any other.
    #[must_use]
    pub fn repair(mut self, repair: Repair) -> Self {
        self.repair = Some(repair);
        self
    }

    /// Makes the copy of the writable tier what the model's name stands for today. Every file is hashed, what the new
    /// commit has too is kept, and only the rest is fetched; then the directory is exchanged in one step. Files of the
    /// user's own stay, and an edited one is kept beside the new commit's as `NAME.own`.
    /// [`Downloader::newest_commit`](crate::Downloader::newest_commit) says beforehand whether there is a need. Read-only
    /// tiers, and a model that is not in the cache, are treated as by [`repair`](Self::repair).
    #[must_use]
    pub fn update(mut self) -> Self {
        self.update = true;
        self
    }

    /// How many files are fetched at once, the original's `num_processes`, and over how many connections at
    /// most, unless [`Builder::max_connections`](crate::Builder::max_connections) says otherwise. Without a
    /// number, 8 connections begin, each with a file of its own, and their number adapts.
    #[must_use]
    pub fn files_in_flight(mut self, files: NonZeroUsize) -> Self {
        self.files_in_flight = Some(files);
        self
    }

    /// Sets the observer that is told how the download goes. There is one; the last that is set counts.
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

    /// The model asked for, with its revision.
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    pub(crate) fn policy_or(&self, default: CachePolicy) -> CachePolicy {
        self.policy.unwrap_or(default)
    }

    pub(crate) fn repairs(&self) -> Option<Repair> {
        self.repair
    }

    /// Whether the commit that the copy is of does not count.
    pub(crate) fn updates(&self) -> bool {
        self.update
    }

    /// Whether it is about the copy of the writable tier, whole or not.
    pub(crate) fn is_about_own_copy(&self) -> bool {
        self.update || self.repair.is_some()
    }

    pub(crate) fn forced(&self) -> Option<bool> {
        self.force
    }

    pub(crate) fn files_at_once(&self) -> Option<NonZeroUsize> {
        self.files_in_flight
    }

    pub(crate) fn watcher(&self) -> &Arc<dyn Observer> {
        &self.observer
    }
}

/// What a repair fetches again; see [`Request::repair`]. Files of the user's own stay in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// What is corrupt or missing. A `mlc-chat-config.json` that was edited and is valid stays.
    Damaged,
    /// The same, and the edited `mlc-chat-config.json`.
    DamagedAndModified,
}

impl FromStr for Request {
    type Err = Error;

    /// From `HF://user/repo` or `https://huggingface.co/user/repo`, each with `@revision` behind it if need be.
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
            .field("force", &self.force)
            .field("repair", &self.repair)
            .field("update", &self.update)
            .field("files_in_flight", &self.files_in_flight)
            .finish_non_exhaustive()
    }
}
