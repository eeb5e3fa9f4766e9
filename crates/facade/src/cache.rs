//! The cache itself: what is in it, whether it is right, and how to make room.

mod entry;
mod export;
mod json;
mod list;
mod removal;
mod report;
mod shrink;
mod verify;

pub use cache_layout::{Holder, PassedOver, PruneMode, RemovedEntry, SkipReason, Skipped};
pub use entry::{Listing, ModelEntry, Origin, Unfinished};
pub use export::{ExportMode, Exported};
pub use removal::{PrunedModel, Pruning, Removal};
pub use report::{Basis, FileReport, FileState, VerifyReport};
pub use shrink::{ShrinkOutcome, Shrinking, ShrunkModel};
pub use verify::VerifyEvent;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url_parse::ModelRef;

use crate::context::SharedContext;
use crate::threads::blocking;
use crate::{Downloader, Error};

/// The models of all tiers, as a thing to look after. Cheap to clone.
///
/// Its calls block, some for as long as the disk takes. Each has an async form beside it, which works on a blocking
/// thread of the tokio runtime. None of them uses the network.
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
    /// The cache that this downloader works with, to look after it.
    pub fn cache(&self) -> Cache {
        Cache { context: Arc::clone(&self.context) }
    }
}

impl Cache {
    /// The cache that the environment names; see [`Builder::from_env`](crate::Builder::from_env). With
    /// everything explicit, it is [`Downloader::cache`].
    ///
    /// # Errors
    ///
    /// As [`Downloader::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Ok(Downloader::from_env()?.cache())
    }

    /// Every model of every tier, also those that another program put there, whole or not. What stands among
    /// them and is not a model, or cannot be looked at, is listed beside them and is no error.
    ///
    /// Nothing is hashed but the manifests. Blocks for a system call a file.
    ///
    /// # Errors
    ///
    /// [`Error::Cache`] when the cache's home is something else than a directory.
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

    /// The names of the models in the cache, sorted, each once. Does not look into their directories.
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

    /// Hashes every file of a model that has a digest, in every tier that has the model, and compares: with the
    /// receipt of the download, if it is about this directory; else with the manifest, which knows of the shards
    /// only. What could not be checked is said of each file.
    ///
    /// Files are hashed on all cores, as fast as the disk gives them. `observe` hears on the calling thread how
    /// far it is, and ends the work with [`ControlFlow::Break`]. To repair what was found, download with
    /// [`Request::repair`](crate::Request::repair).
    ///
    /// # Errors
    ///
    /// - [`Error::NotInCache`] when no tier has the model;
    /// - an error of the kind [`Cancelled`](crate::ErrorKind::Cancelled) when `observe` ended it.
    pub fn verify(
        &self,
        model: &ModelRef,
        observe: &mut dyn FnMut(&VerifyEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<VerifyReport>, Error> {
        let layout = &self.context.layout;
        verify::verify(layout, &layout.slot(model), observe)
    }

    /// [`verify`](Self::verify), awaited. `observe` hears on another thread.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the hashing within a moment.
    pub async fn verify_async(
        &self,
        model: &ModelRef,
        observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Vec<VerifyReport>, Error> {
        let (cache, model, awaited) = (self.clone(), model.clone(), Arc::new(()));
        let mut go_on = while_awaited(&awaited, observe);
        let reports = blocking(move || cache.verify(&model, &mut go_on)).await;
        drop(awaited);
        reports
    }

    /// Puts a model that is in the cache where it is wanted: the whole tree, hashed where it is then, which appears in one
    /// step. What is there already is never overwritten; where that is this very model, nothing is done. Files of the
    /// user's own beside the model's are left out.
    ///
    /// Blocks; `observe` hears on the calling thread how far it is, and ends the work with [`ControlFlow::Break`].
    /// Nothing of the tree stays then, nor after an error; after a crash it may, under a hidden name beside its place.
    ///
    /// # Errors
    ///
    /// - [`Error::NotInCache`] when no tier has all of the model;
    /// - [`Error::Cache`] when something else is there, and when the system does not allow it;
    /// - [`Error::Unsound`] when the files are not what they must be;
    /// - an error of the kind [`Cancelled`](crate::ErrorKind::Cancelled) when `observe` ended it.
    pub fn export(
        &self,
        model: &ModelRef,
        to: &Path,
        mode: ExportMode,
        observe: &mut dyn FnMut(&VerifyEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Exported, Error> {
        let layout = &self.context.layout;
        export::export(layout, &layout.slot(model), to, mode, observe)
    }

    /// [`export`](Self::export), awaited. `observe` hears on another thread.
    ///
    /// # Errors
    ///
    /// The same.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the work within a moment, and what there is of the tree is removed.
    pub async fn export_async(
        &self,
        model: &ModelRef,
        to: &Path,
        mode: ExportMode,
        observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Exported, Error> {
        let (cache, model, to, awaited) = (self.clone(), model.clone(), to.to_path_buf(), Arc::new(()));
        let mut go_on = while_awaited(&awaited, observe);
        let exported = blocking(move || cache.export(&model, &to, mode, &mut go_on)).await;
        drop(awaited);
        exported
    }

    /// Whether a model that is not in the cache yet could be [put](Self::export) there: nothing is at the place but an
    /// empty folder, the system lets a folder be created, and for [`ExportMode::Link`] the file system is the cache's.
    /// Leaves nothing there. Asked before a download, this saves one that would be of no use.
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

    /// Removes a model from the writable tier, and what unfinished downloads of it have left. Its directory is
    /// moved out of sight in one step and deleted then. Of a link only the link is removed. Copies in read-only
    /// tiers stay.
    ///
    /// # Errors
    ///
    /// - [`Error::NotInCache`] when no tier has the model, [`Error::OnlyReadOnly`] when only a read-only one
    ///   has it;
    /// - [`Error::Cache`] while the model is being downloaded ([`ErrorKind::InUse`](crate::ErrorKind::InUse)),
    ///   and when the system does not allow it. The model is as it was then.
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

    /// Removes what interrupted downloads have left, as far as nothing was written to it for `older_than`. No
    /// model is touched, nor anything that a running download needs. What could not be removed is in
    /// [`PrunedModel::failure`] and [`Pruning::failures`].
    pub fn prune(&self, older_than: Duration, mode: PruneMode) -> Pruning {
        Pruning::new(self.context.layout.prune(older_than, mode), mode == PruneMode::DryRun)
    }

    /// [`prune`](Self::prune), awaited.
    ///
    /// # Errors
    ///
    /// An error of the kind [`Cancelled`](crate::ErrorKind::Cancelled) when the runtime ends meanwhile.
    ///
    /// # Cancellation
    ///
    /// Dropping the future does not stop it.
    pub async fn prune_async(&self, older_than: Duration, mode: PruneMode) -> Result<Pruning, Error> {
        let cache = self.clone();
        blocking(move || Ok(cache.prune(older_than, mode))).await
    }

    /// Removes whole models from the writable tier until those that stay have at most `limit` bytes together. What a
    /// read-only tier has too goes first, then what was used least lately. A use is a hit, noted once a minute, or a
    /// download; of a model that another program put there the date of its folder counts.
    ///
    /// What is being downloaded or repaired stays, and what is not whole, since another program may be writing it. While the
    /// policy forbids downloads, so does what no read-only tier has. Links stay, and count for nothing. So the
    /// models may be larger than `limit` afterwards: see [`Shrinking::fits`]. That one cannot be removed is in
    /// [`ShrunkModel::outcome`] and does not keep the next one from being tried.
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

/// The observer, until nobody awaits any more what it observes.
fn while_awaited(
    awaited: &Arc<()>,
    mut observe: impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static,
) -> impl FnMut(&VerifyEvent<'_>) -> ControlFlow<()> + Send + 'static {
    let waiter = Arc::downgrade(awaited);
    move |event| if waiter.strong_count() == 0 { ControlFlow::Break(()) } else { observe(event) }
}
