//! The downloader: the library's face.

use std::sync::Arc;

use tracing::Instrument as _;
use url_parse::CommitId;

use crate::context::{Context, SharedContext};
use crate::decision::Decision;
use crate::fill::Filled;
use crate::look::Query;
use crate::{DownloadPlan, Error, Model, Request, download};

/// Gets models into a cache, and finds them there. Cheap to clone; several may work side by side.
///
/// A downloader and its clones have one HTTP client, whose connections are kept from one download to the next, and
/// which remembers what servers have said of their limits. It may be used in one tokio runtime after another, and also in
/// several at once: it has the client of the runtime in which it was used last, and makes a new one in any other.
#[derive(Clone, Debug)]
pub struct Downloader {
    pub(crate) context: SharedContext,
}

impl Downloader {
    pub(crate) fn new(context: Context) -> Self {
        Self { context: Arc::new(context) }
    }

    /// Returns the model's directory: the cache's, after a download if it has none.
    ///
    /// A model that is in the cache is returned with no network request. Otherwise its files are fetched,
    /// each verified by size and digests, into a private folder of the cache, and appear as the model's
    /// directory in one step. Interrupted or failed, the call leaves the cache's models as they were; files
    /// that were verified are kept, and the others as far as they were downloaded; the next call continues from there.
    ///
    /// Any number of tasks and processes may ask for the same model: one downloads, the others wait for it
    /// and get the same directory.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; [`Error::kind`] sorts them.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the download. Blocking work that is under way ends by itself a moment
    /// later; a publication that has begun completes.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled, when a download is needed; see
    /// [`blocking`](crate::blocking).
    pub async fn download(&self, request: Request) -> Result<Model, Error> {
        let span = tracing::info_span!("download", model = %request.model(), commit = tracing::field::Empty);
        download::download(Arc::clone(&self.context), request).instrument(span).await
    }

    /// Says what [`download`](Self::download) would do: which files it would fetch, from where, and what is there
    /// already.
    ///
    /// Asks the hub for the metadata, as a download does, unless the cache has the model. Nothing appears in the
    /// cache, and no other process is waited for. What is written goes into a private folder and is removed at the
    /// end; only a manifest that is itself a large file is kept for the download.
    ///
    /// # Errors
    ///
    /// As a download, up to the first file: a policy that forbids it, a hub that refuses, a repository that is no
    /// MLC model, a cache that cannot be written to.
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

    /// Asks which commit the model's name stands for today, to compare it with that of a cached copy: one request to a
    /// hub that serves git, and three to one that does not. A request for a full commit is answered by that, with no
    /// request. Stores are asked instead where their names are trusted ([`StoreMode`](crate::stores::StoreMode)). The cache is
    /// not looked at, and nothing is written. `None`: an application's own
    /// [`MetadataSource`](crate::metadata::MetadataSource) does not tell.
    ///
    /// # Errors
    ///
    /// - [`Error::AskForbidden`] under the policy [`Off`](crate::CachePolicy::Off), and for an
    ///   [`update`](Request::update) [`Error::ForceForbidden`] under a policy that forbids downloads;
    /// - what the hub or a store refuses, and the network after retries.
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

    /// Waits until no store is being [filled](crate::Builder::fill_store) any more by this downloader and its clones, and
    /// says how it went since this was last asked. Of more than a thousand the first are forgotten.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops nothing. What a runtime has begun ends with the runtime; the store is whole then too.
    pub async fn filled(&self) -> Vec<Filled> {
        self.context.fills.ended().await
    }

    /// Returns the model's directory if the cache can answer, `None` if a download is needed and allowed.
    ///
    /// Needs no runtime, makes no request, and creates nothing (but the manifest's newer name beside an
    /// older one in the writable tier). The observer is warned of what was passed over on the way to a hit;
    /// after a miss, the download warns.
    ///
    /// # Errors
    ///
    /// [`Error::NotCached`] when a download is needed and the policy forbids it, and [`Error::Cache`].
    pub fn cached(&self, request: &Request) -> Result<Option<Model>, Error> {
        let query = Query::new(Arc::clone(&self.context), request.clone());
        let looked = query.look();
        // A download that follows logs it.
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
