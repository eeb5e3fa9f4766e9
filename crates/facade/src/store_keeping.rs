//! Looking after a store: setting it up, listing, verifying, repairing and copying it.

use std::sync::Arc;

use url_parse::ModelRef;
use weight_store::{Store, StoreInfo, StoreUrl};

use crate::context::SharedContext;
use crate::download::{Checker, Copier, list};
use crate::stores::{CopiedStore, StoreCheck, StoreListing, StoreMode, StoreVerifyOptions};
use crate::threads::blocking;
use crate::{Downloader, Error, Observer};

impl Downloader {
    /// Sets the first of the [stores](crate::Builder::stores) up, if it is not. The first push does it too.
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

    /// What the first of the [stores](crate::Builder::stores) has, by its own word: names, and commits without one. Only
    /// the refs are read.
    ///
    /// # Errors
    ///
    /// [`Error::NoStore`]; [`Error::Store`], also for a web server without WebDAV, which cannot be
    /// listed, and for any without the feature `webdav`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it.
    pub async fn list_store(&self) -> Result<StoreListing, Error> {
        let store = open(&self.context, self.first_store()?).await?;
        list(&self.context, &store).await
    }

    /// Reads everything in the first of the [stores](crate::Builder::stores), or only what it has of some models: each
    /// content is hashed, each pack looked through and compared with its commit's id, and all that packs and names need
    /// has to be there. A list of models is needed where a store cannot be listed; a model without a revision is the
    /// default branch.
    ///
    /// With [`repair`](StoreVerifyOptions::repair), what is damaged or missing is rewritten, from the cache or from the
    /// hub, for the models that the hub has; not by the word of the store, but verified.
    ///
    /// What is wrong is in the result, and so is a failure that ended it early.
    ///
    /// # Errors
    ///
    /// [`Error::NoStore`]; [`Error::Store`], where nothing could be learned.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it. What was repaired stays so.
    pub async fn verify_store(
        &self,
        models: &[ModelRef],
        options: StoreVerifyOptions,
        observer: Arc<dyn Observer>,
    ) -> Result<StoreCheck, Error> {
        let url = self.first_store()?;
        let store = open(&self.context, url.clone()).await?;
        let mode = if options.repair { StoreMode::First } else { StoreMode::Only };
        let context = Arc::new(self.context.with_stores(vec![url], mode));
        let hub = Arc::new(self.context.with_stores(Vec::new(), StoreMode::First));
        Checker::new(context, hub, store, options, observer).run(models).await
    }

    /// Copies models from a store to another, or, without a list of models, all that there is: contents first, the
    /// commit's pack after them, names for it last, so that a reader finds whole models or none. Everything that is
    /// carried is verified on the way. What is there already, by its name and size, is not carried again. No hub is
    /// asked.
    ///
    /// A name that the other store has from later stays. What failed is in the result, commit by commit.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], where a store cannot be used at all.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it. What was written stays, and is not carried again by the next copy.
    pub async fn copy_store(
        &self,
        from: StoreUrl,
        to: StoreUrl,
        models: &[ModelRef],
        observer: Arc<dyn Observer>,
    ) -> Result<CopiedStore, Error> {
        let context = Arc::new(self.context.with_stores(vec![from.clone()], StoreMode::Only));
        let (from, to) = (open(&self.context, from).await?, open(&self.context, to).await?);
        Copier::new(context, from, to, observer).run(models).await
    }

    fn first_store(&self) -> Result<StoreUrl, Error> {
        self.context.stores.urls.first().cloned().ok_or(Error::NoStore)
    }
}

async fn open(context: &SharedContext, url: StoreUrl) -> Result<Store, Error> {
    let context = Arc::clone(context);
    blocking(move || Ok(Store::open(url, &context.stores.settings, &context.client()?)?)).await
}
