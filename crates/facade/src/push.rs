//! Pushes a model to a store.

use std::sync::Arc;

use crate::download::{self, ForPush};
use crate::stores::{PushOptions, Pushed};
use crate::{Downloader, Error, Request};

impl Downloader {
    /// Puts a model into the first of the [stores](crate::DownloaderBuilder::stores), downloading it if
    /// the cache does not have it. Existing files are not sent again. Readers find the whole model or
    /// none: the commit appears after all its files, and then the requested name, unless the hub has
    /// moved it since the model was downloaded.
    ///
    /// The metadata comes from the hub over git, or from a store, since nothing else proves a commit. A
    /// download that comes first has it already, and has resolved the name.
    ///
    /// ```
    /// use facade::stores::{PushOptions, PushedName};
    /// use facade::{Downloader, Request};
    ///
    /// # let hub = local_hub::LocalHub::start();
    /// # hub.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
    /// # let (folder, endpoint) = (tempfile::tempdir()?, hub.endpoint().parse()?);
    /// # std::fs::create_dir(folder.path().join("store"))?;
    /// # let store = format!("file://{}", folder.path().join("store").display());
    /// # let builder = Downloader::builder(folder.path().join("home")).endpoint(endpoint);
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let downloader = builder.stores([store.parse()?]).build()?;
    /// let request = Request::try_from("HF://mlc-ai/tiny-q4f16_1-MLC")?;
    /// let pushed = downloader.push(request, PushOptions::default()).await?;
    /// assert_eq!(pushed.name, PushedName::Written);
    /// # Ok::<(), facade::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`download`](Self::download); [`Error::NoStore`], [`Error::Store`]; [`Error::Private`] for a
    /// model that needs a token; [`Error::Unproven`] for a cached one whose commit is unknown.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it. What was written stays, and is not sent again by the next push.
    pub async fn push(&self, request: Request, options: PushOptions) -> Result<Pushed, Error> {
        if self.context.stores.urls.is_empty() {
            return Err(Error::NoStore);
        }
        let known = ForPush::default();
        let model = self.download_keeping(request.clone(), Some(known.clone())).await?;
        download::push(Arc::clone(&self.context), request, &model, options, &known).await
    }
}
