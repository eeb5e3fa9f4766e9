//! The cache itself: listing it, verifying it, and making space.

mod entry;
mod export;
mod json;
mod list;
mod removal;
mod report;
mod shrink;
mod verify;

pub use cache_layout::{Holder, PassedOver, PruneMode, RemovedEntry, SkipReason, Skipped};
pub use entry::{EntryOrigin, Listing, ModelEntry, Unfinished};
pub use export::{ExportMode, Exported};
pub use removal::{PrunedModel, Pruning, Removal};
pub use report::{Basis, FileReport, FileState, VerifyReport};
pub use shrink::{ShrinkOutcome, Shrinking, ShrunkModel};
pub use verify::VerifyEvent;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use url_parse::ModelRef;

use crate::context::SharedContext;
use crate::threads::blocking;
use crate::{Downloader, Error};

/// Manages the models of all tiers. Cheap to clone.
///
/// Its calls block, some for as long as the disk takes. Each has an async form that runs on a thread
/// for blocking work. None uses the network.
///
/// ```
/// use facade::Downloader;
///
/// # let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
/// # let home = folder.path();
/// let cache = Downloader::builder(home).build()?.cache();
/// for entry in cache.list()?.models {
///     println!("{} has {} bytes in {}", entry.model, entry.bytes, entry.path.display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    context: SharedContext,
}

impl Downloader {
    /// The cache of this downloader.
    pub fn cache(&self) -> Cache {
        Cache { context: Arc::clone(&self.context) }
    }
}

impl Cache {
    /// The cache that the environment names; see [`DownloaderBuilder::from_env`](crate::DownloaderBuilder::from_env). With
    /// explicit settings, use [`Downloader::cache`].
    ///
    /// # Errors
    ///
    /// As [`Downloader::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Ok(Downloader::from_env()?.cache())
    }

    /// Lists every model in every tier, whole or not, including those that another program put there.
    /// Other files among them, and what cannot be read, are listed separately and are not errors.
    ///
    /// Hashes nothing but the manifests. Blocks for one system call per file.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] if the cache's home is not a directory.
    pub fn list(&self) -> Result<Listing, Error> {
        list::list(&self.context.layout)
    }

    /// [`list`](Self::list), awaited.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn list_async(&self) -> Result<Listing, Error> {
        let cache = self.clone();
        blocking(move || cache.list()).await
    }

    /// The names of the cached models, sorted, without duplicates. Does not look into their
    /// directories.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub fn models(&self) -> Result<Vec<ModelRef>, Error> {
        let entries = self.context.layout.inventory()?.entries;
        let mut models: Vec<_> = entries.into_iter().map(|entry| entry.slot.model().clone()).collect();
        models.sort();
        models.dedup();
        Ok(models)
    }

    /// [`models`](Self::models), awaited.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn models_async(&self) -> Result<Vec<ModelRef>, Error> {
        let cache = self.clone();
        blocking(move || cache.models()).await
    }

    /// Every directory that could hold a model, in the order in which they are searched. Looks at none.
    pub fn places(&self, model: &ModelRef) -> Vec<PathBuf> {
        removal::places(&self.context.layout.slot(model))
    }

    /// Hashes every file of a model that has a digest, in every tier with the model. Compares it with
    /// the download's receipt if that describes this directory, otherwise with the manifest, which only
    /// covers the shards. Each file's result says what could not be checked.
    ///
    /// Files are hashed on all cores, as fast as the disk allows. `observe` is told about progress on
    /// the calling thread, and stops the work by returning [`ControlFlow::Break`]. To repair a model,
    /// download it with [`Request::repair`](crate::Request::repair).
    ///
    /// # Errors
    ///
    /// - [`Error::NotInCache`] if no tier has the model;
    /// - an error of the kind [`Cancelled`](crate::ErrorKind::Cancelled) if `observe` stopped it.
    pub fn verify(
        &self,
        model: &ModelRef,
        mut observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<VerifyReport>, Error> {
        let layout = &self.context.layout;
        verify::verify(layout, &layout.slot(model), &mut observe)
    }

    /// [`verify`](Self::verify), awaited. `observe` is called on another thread.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the hashing within a moment.
    pub async fn verify_async(
        &self,
        model: &ModelRef,
        observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Vec<VerifyReport>, Error> {
        let (cache, model, awaited) = (self.clone(), model.clone(), Arc::new(()));
        let go_on = while_awaited(&awaited, observe);
        let reports = blocking(move || cache.verify(&model, go_on)).await;
        drop(awaited);
        reports
    }

    /// Puts a cached model at another place: the whole tree, verified there, appears in one step.
    /// Nothing is ever overwritten; if this very model is already there, nothing is done. The user's
    /// own files beside the model's are left out.
    ///
    /// Blocks. `observe` is told about progress on the calling thread, and stops the work by returning
    /// [`ControlFlow::Break`]. Then, or after an error, nothing of the tree remains; a crash may leave
    /// it under a hidden name beside its place.
    ///
    /// # Errors
    ///
    /// - [`Error::NotInCache`] if no tier has the whole model;
    /// - [`Error::Cache`] if something else is there, if the place is inside a tier, or if the system does
    ///   not allow it;
    /// - [`Error::Unsound`] if files do not have the expected content;
    /// - an error of the kind [`Cancelled`](crate::ErrorKind::Cancelled) if `observe` stopped it.
    pub fn export(
        &self,
        model: &ModelRef,
        to: &Path,
        mode: ExportMode,
        mut observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Exported, Error> {
        let layout = &self.context.layout;
        export::export(layout, &layout.slot(model), to, mode, &mut observe)
    }

    /// [`export`](Self::export), awaited. `observe` is called on another thread.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the work within a moment, and the partial tree is removed.
    pub async fn export_async(
        &self,
        model: &ModelRef,
        to: &Path,
        mode: ExportMode,
        observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Exported, Error> {
        let (cache, model, to, awaited) = (self.clone(), model.clone(), to.to_path_buf(), Arc::new(()));
        let go_on = while_awaited(&awaited, observe);
        let exported = blocking(move || cache.export(&model, &to, mode, go_on)).await;
        drop(awaited);
        exported
    }

    /// Whether a model that is not cached yet could be [exported](Self::export) there: the place is
    /// free or an empty folder outside the cache, the system allows creating a folder, and for [`ExportMode::Link`] the
    /// file system is the cache's. Leaves nothing there. Call it before a download to avoid a useless
    /// one.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] says what is in the way.
    pub fn check_export(&self, to: &Path, mode: ExportMode) -> Result<(), Error> {
        export::check(&self.context.layout, to, mode)
    }

    /// [`check_export`](Self::check_export), awaited.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop it.
    pub async fn check_export_async(&self, to: &Path, mode: ExportMode) -> Result<(), Error> {
        let (cache, to) = (self.clone(), to.to_path_buf());
        blocking(move || cache.check_export(&to, mode)).await
    }

    /// Removes a model from the writable tier, with its unfinished downloads. Its directory is moved
    /// out of sight in one step and then deleted. If it is a link, only the link is removed. Copies in
    /// read-only tiers stay.
    ///
    /// # Errors
    ///
    /// - [`Error::NotInCache`] if no tier has the model, [`Error::OnlyReadOnly`] if only a read-only
    ///   one has it;
    /// - [`Error::Cache`] while the model is being downloaded
    ///   ([`ErrorKind::InUse`](crate::ErrorKind::InUse)), or if the system does not allow it. The model
    ///   is then unchanged.
    pub fn remove(&self, model: &ModelRef) -> Result<Removal, Error> {
        let layout = &self.context.layout;
        removal::remove(layout, &layout.slot(model))
    }

    /// [`remove`](Self::remove), awaited.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop it.
    pub async fn remove_async(&self, model: &ModelRef) -> Result<Removal, Error> {
        let (cache, model) = (self.clone(), model.clone());
        blocking(move || cache.remove(&model)).await
    }

    /// Removes what interrupted downloads have left, if it was not written to for `older_than`. Touches
    /// no model, and nothing that a running download needs. Failures are in [`PrunedModel::failure`]
    /// and [`Pruning::failures`].
    pub fn prune(&self, older_than: Duration, mode: PruneMode) -> Pruning {
        Pruning::new(self.context.layout.prune(older_than, mode), mode == PruneMode::DryRun)
    }

    /// [`prune`](Self::prune), awaited.
    ///
    /// # Errors
    ///
    /// An error of the kind [`Cancelled`](crate::ErrorKind::Cancelled) if the runtime ends meanwhile.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop it.
    pub async fn prune_async(&self, older_than: Duration, mode: PruneMode) -> Result<Pruning, Error> {
        let cache = self.clone();
        blocking(move || Ok(cache.prune(older_than, mode))).await
    }

    /// Removes whole models from the writable tier until the rest has at most `limit` bytes. Models
    /// that a read-only tier also has go first, then the least recently used. A download or a hit,
    /// recorded at most once a minute, counts as use; for a model that another program put there, the
    /// date of its folder counts.
    ///
    /// A model stays while it is being downloaded or repaired, and if it is not whole, since another
    /// program may be writing it. If the policy forbids downloads, so do models that no read-only tier
    /// has. Links stay, and do not count. The rest may therefore exceed `limit`: see
    /// [`Shrinking::fits`]. If a model cannot be removed, [`ShrunkModel::outcome`] says so and the next
    /// one is tried.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list). Nothing was removed then.
    pub fn shrink(&self, limit: u64, mode: PruneMode) -> Result<Shrinking, Error> {
        shrink::shrink(&self.context.layout, self.context.policy, limit, mode)
    }

    /// [`shrink`](Self::shrink), awaited.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop it.
    pub async fn shrink_async(&self, limit: u64, mode: PruneMode) -> Result<Shrinking, Error> {
        let cache = self.clone();
        blocking(move || cache.shrink(limit, mode)).await
    }
}

/// Passes events to the observer until the future is dropped.
fn while_awaited(
    awaited: &Arc<()>,
    mut observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static,
) -> impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static {
    let waiter = Arc::downgrade(awaited);
    move |event| if waiter.strong_count() == 0 { ControlFlow::Break(()) } else { observe(event) }
}
