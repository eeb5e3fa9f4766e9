//! Pushes a model to a store.

use std::sync::Arc;

use crate::download;
use crate::stores::{PushOptions, Pushed};
use crate::{Downloader, Error, Request};

impl Downloader {
    /// Puts a model into the first of the [stores](crate::Builder::stores), downloading it if the cache
    /// does not have it. Existing files are not sent again. Readers find the whole model or none: the
    /// commit appears after all its files, and then the requested name, unless the hub has moved it
    /// meanwhile.
    ///
    /// The hub is asked for the metadata over git, since nothing else proves a commit.
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
        let model = self.download(request.clone()).await?;
        download::push(Arc::clone(&self.context), request, &model, options).await
    }
}
