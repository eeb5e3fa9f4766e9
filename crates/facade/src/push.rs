//! Filling a store.

use std::sync::Arc;

use crate::download;
use crate::stores::{PushOptions, Pushed};
use crate::{Downloader, Error, Request};

impl Downloader {
    /// Puts a model into the first of the [stores](crate::Builder::stores), after a download if the cache does not have
    /// it. What is there already is not sent again. A reader finds the whole model or none: the commit is there when
    /// all its files are, and the name that was asked for after that, unless the hub has moved it on meanwhile.
    ///
    /// The hub is asked for the metadata, over git: nothing else proves a commit.
    ///
    /// # Errors
    ///
    /// As [`download`](Self::download); [`Error::NoStore`], [`Error::Store`]; [`Error::Private`] for a model that a token
    /// is needed for; [`Error::Unproven`] for a cached one whose commit nobody knows.
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
