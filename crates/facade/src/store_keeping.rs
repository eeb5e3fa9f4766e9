//! Maintains a store: set-up, listing, verification, repair and copying.

use std::sync::Arc;

use url_parse::ModelRef;
use weight_store::{Store, StoreInfo, StoreUrl};

use crate::context::SharedContext;
use crate::download::{Checker, Copier, list};
use crate::stores::{CopiedStore, StoreCheck, StoreListing, StoreMode, StoreVerifyOptions};
use crate::threads::blocking;
use crate::{Downloader, Error, Observer};

impl Downloader {
    /// Sets up the first of the [stores](crate::DownloaderBuilder::stores), if needed. The first push does this
    /// too.
    ///
    /// # Errors
    ///
    /// [`Error::NoStore`], [`Error::Store`].
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it.
    pub async fn init_store(&self) -> Result<StoreInfo, Error> {
        Ok(open(&self.context, self.first_store()?).await?.init().await?)
    }

    /// Lists the first of the [stores](crate::DownloaderBuilder::stores): names, and commits without one. Only
    /// refs are read.
    ///
    /// # Errors
    ///
    /// [`Error::NoStore`]; [`Error::Store`], also for a web server that cannot be listed because it
    /// lacks WebDAV, or because the feature `webdav` is disabled.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it.
    pub async fn list_store(&self) -> Result<StoreListing, Error> {
        let store = open(&self.context, self.first_store()?).await?;
        list(&self.context, &store).await
    }

    /// Verifies everything in the first of the [stores](crate::DownloaderBuilder::stores), or its copies
    /// of some models: each blob is hashed, each pack is scanned and checked against its commit's id,
    /// and everything that packs and names need must exist. If a store cannot be listed, models must be
    /// given; a model without a revision means the default branch.
    ///
    /// With [`repair`](field@StoreVerifyOptions::repair), what is damaged or missing is rewritten, from
    /// the cache or from the hub, for models that the hub has. It is verified independently of the store.
    ///
    /// Problems, and a failure that ended it early, are in the result.
    ///
    /// ```no_run
    /// use facade::Downloader;
    /// use facade::stores::StoreVerifyOptions;
    ///
    /// # async fn example(downloader: &Downloader) -> Result<(), facade::Error> {
    /// let observer = |event: &facade::Event<'_>| eprintln!("{event:?}");
    /// let options = StoreVerifyOptions::default().repair(true);
    /// let check = downloader.verify_store(&["mlc-ai/tiny-q4f16_1-MLC".parse()?], options, observer).await?;
    /// for finding in &check.findings {
    ///     println!("{}: {}", finding.url, finding.problem);
    /// }
    /// assert!(check.is_sound());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoStore`]; [`Error::Store`] if nothing could be checked.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it. Repairs already made stay.
    pub async fn verify_store(
        &self,
        models: &[ModelRef],
        options: StoreVerifyOptions,
        observer: impl Observer + 'static,
    ) -> Result<StoreCheck, Error> {
        let url = self.first_store()?;
        let store = open(&self.context, url.clone()).await?;
        let mode = if options.repair { StoreMode::First } else { StoreMode::Only };
        let context = Arc::new(self.context.with_stores(vec![url], mode));
        let hub = Arc::new(self.context.with_stores(Vec::new(), StoreMode::First));
        Checker::new(context, hub, store, options, Arc::new(observer)).run(models).await
    }

    /// Copies models from one store to another; without a list, all of them. Blobs come first, then the
    /// commit's pack, then its names, so that readers find whole models or none. Everything is verified
    /// on the way. What exists with the same name and size is not copied again. No hub is asked.
    ///
    /// A name that the other store has with a later time stays. Failures are in the result, commit by
    /// commit.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if a store is completely unusable.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it. What was written stays, and is not copied again next time.
    pub async fn copy_store(
        &self,
        from: StoreUrl,
        to: StoreUrl,
        models: &[ModelRef],
        observer: impl Observer + 'static,
    ) -> Result<CopiedStore, Error> {
        let context = Arc::new(self.context.with_stores(vec![from.clone()], StoreMode::Only));
        let (from, to) = (open(&self.context, from).await?, open(&self.context, to).await?);
        Copier::new(context, from, to, Arc::new(observer)).run(models).await
    }

    fn first_store(&self) -> Result<StoreUrl, Error> {
        self.context.stores.urls.first().cloned().ok_or(Error::NoStore)
    }
}

async fn open(context: &SharedContext, url: StoreUrl) -> Result<Store, Error> {
    let context = Arc::clone(context);
    blocking(move || Ok(Store::open(url, &context.stores.settings, &context.client()?)?)).await
}
