//! The downloader: the main type of the library.

use std::sync::Arc;

use tracing::Instrument as _;
use url_parse::CommitId;

use crate::context::{Context, SharedContext};
use crate::decision::Decision;
use crate::download::ForPush;
use crate::fill::Filled;
use crate::look::Query;
use crate::{DownloadPlan, Error, Model, Request, download};

/// Downloads models into a cache and finds them there. Cheap to clone; several may be used at once.
///
/// A downloader and its clones share one HTTP client, which keeps connections from one download to the
/// next and remembers servers' rate limits. It may be used in several tokio runtimes, one after another
/// or at once: it keeps the client of the most recently used runtime, and creates a new one for any
/// other.
#[derive(Clone, Debug)]
pub struct Downloader {
    pub(crate) context: SharedContext,
}

impl Downloader {
    pub(crate) fn new(context: Context) -> Self {
        Self { context: Arc::new(context) }
    }

    /// Returns the model's directory in the cache, after downloading it if necessary.
    ///
    /// A cached model is returned without any network request. Otherwise its files are fetched into a
    /// private folder of the cache, each verified by size and digests, and appear as the model's
    /// directory in one step. If the call is interrupted or fails, the cache's models are unchanged.
    /// Verified and partial files are kept, and the next call continues from there.
    ///
    /// Any number of tasks and processes may ask for the same model: one downloads, the others wait for
    /// it and get the same directory.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::kind`] sorts them.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the download. Running blocking work ends by itself a moment later; a
    /// publication that has begun completes.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled, if a download is needed; see
    /// [`blocking`](crate::blocking).
    pub async fn download(&self, request: Request) -> Result<Model, Error> {
        self.download_keeping(request, None).await
    }

    /// The same, which keeps what a push needs to know.
    pub(crate) async fn download_keeping(
        &self,
        request: Request,
        for_push: Option<ForPush>,
    ) -> Result<Model, Error> {
        let span = tracing::info_span!("download", model = %request.model(), commit = tracing::field::Empty);
        download::download(Arc::clone(&self.context), request, for_push).instrument(span).await
    }

    /// Finds out what [`download`](Self::download) would do: which files it would fetch, from where,
    /// and which exist already.
    ///
    /// Unless the cache has the model, this asks the hub for the metadata, as a download does. Nothing
    /// appears in the cache, and it waits for no other process. Temporary files go into a private
    /// folder and are removed at the end; only a manifest that is itself a large file is kept for the
    /// download.
    ///
    /// ```
    /// use facade::{DownloadPlan, Downloader, Request};
    ///
    /// # let hub = local_hub::LocalHub::start();
    /// # hub.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
    /// # let (folder, endpoint) = (tempfile::tempdir()?, hub.endpoint().parse()?);
    /// # let downloader = Downloader::builder(folder.path()).endpoint(endpoint).build()?;
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let plan = downloader.plan(Request::try_from("HF://mlc-ai/tiny-q4f16_1-MLC")?).await?;
    /// match plan {
    ///     DownloadPlan::Download(plan) => println!("{} of {} bytes", plan.bytes_to_fetch(), plan.bytes()),
    ///     _ => println!("nothing to fetch"),
    /// }
    /// # Ok::<(), facade::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As a download, up to the first file: a policy that forbids it, a hub that refuses, a repository
    /// without an MLC model, a cache that cannot be written.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it.
    ///
    /// # Panics
    ///
    /// As [`download`](Self::download).
    pub async fn plan(&self, request: Request) -> Result<DownloadPlan, Error> {
        let span = tracing::info_span!("plan", model = %request.model(), commit = tracing::field::Empty);
        download::plan(Arc::clone(&self.context), request).instrument(span).await
    }

    /// Resolves the model's name to its current commit, for comparison with a cached copy. Takes one
    /// request to a hub with git, three to one without, and none for a full commit. Stores are asked
    /// instead if they are trusted with names ([`StoreMode`](crate::stores::StoreMode)). Does not look
    /// into the cache and writes nothing. `None`: the application's own
    /// [`MetadataSource`](crate::metadata::MetadataSource) cannot tell.
    ///
    /// # Errors
    ///
    /// - [`Error::AskForbidden`] under the policy [`Off`](crate::CachePolicy::Off), and for an
    ///   [`update`](Request::update) [`Error::ForceForbidden`] under a policy that forbids downloads;
    /// - refusals of the hub or a store, and network failures after retries.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it.
    ///
    /// # Panics
    ///
    /// As [`download`](Self::download).
    pub async fn newest_commit(&self, request: &Request) -> Result<Option<CommitId>, Error> {
        let span = tracing::info_span!("newest_commit", model = %request.model());
        download::newest_commit(Arc::clone(&self.context), request).instrument(span).await
    }

    /// Whether [`filled`](Self::filled) would wait.
    pub fn is_filling(&self) -> bool {
        self.context.fills.are_under_way()
    }

    /// Waits until this downloader and its clones have finished [filling](crate::DownloaderBuilder::fill_store)
    /// stores, and returns the results since the last call. Only the latest thousand or so are kept.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops nothing. Work started on a runtime ends with it; even then the store
    /// is consistent.
    pub async fn filled(&self) -> Vec<Filled> {
        self.context.fills.ended().await
    }

    /// Returns the model's directory if it is cached, `None` if a download is needed and permitted.
    ///
    /// Needs no runtime, makes no request, and creates nothing (except the manifest's newer name beside
    /// an older one in the writable tier). On a hit, the observer is warned about what was passed over;
    /// after a miss, the download warns.
    ///
    /// # Errors
    ///
    /// [`Error::NotCached`] if a download is needed and the policy forbids it, and [`Error::Cache`].
    pub fn cached(&self, request: &Request) -> Result<Option<Model>, Error> {
        let query = Query::new(Arc::clone(&self.context), request.clone());
        let looked = query.look();
        // Otherwise the download that follows logs it.
        if !matches!(looked, Ok((Decision::Download(_), _))) {
            query.log_policy();
        }
        let (decision, lookup) = looked?;
        if let Decision::Serve(_) = decision {
            query.warn(&decision, &lookup);
        }
        Ok(match decision {
            Decision::Serve(hit) => Some(query.serve(hit)),
            Decision::Download(_) => None,
        })
    }
}
