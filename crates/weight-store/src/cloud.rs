//! A store in a bucket. The package `object_store` knows how each cloud names, signs and writes objects
//! and where its credentials come from. It sends its requests through our client, without retrying.

#[cfg(feature = "azure")]
mod azure;
mod clock;
mod connector;
#[cfg(feature = "gcs")]
mod gcs;
mod opened;
#[cfg(feature = "s3")]
mod resign;
#[cfg(feature = "s3")]
mod s3;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use net::{Client, ForeignError, SafeUrl, Secrets};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, UpdateVersion,
};
use tokio::task::JoinSet;
use url_parse::causes;

use self::clock::StoreClock;
use self::connector::{Carried, Connector};
use self::opened::{Addressing, Opened};
use crate::Error;
use crate::address::{Cloud, StoreUrl};
use crate::backend::{
    Backend, BlobPlace, Condition, Found, Listed, MAX_NAMES, Presence, SENT_AT_ONCE, Version, Written, get,
    presence,
};
use crate::blob::{Blob, Hashing, read_on};
use crate::key::Key;
use crate::settings::StoreSettings;

/// The size of one part of a large blob, and how many are sent at a time.
const PART: usize = 16 << 20;
const PARTS: usize = 4;
/// A page usually has a thousand names, but a server may send fewer.
const MAX_PAGES: usize = MAX_NAMES / 100;
/// Blobs and packs never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(crate) struct Bucket {
    objects: Arc<dyn ObjectStore>,
    pages: Arc<dyn PaginatedListStore>,
    addressing: Box<dyn Addressing>,
    client: Client,
    prefix: String,
    url: StoreUrl,
    /// The variables to check when credentials cannot be used.
    variables: String,
    secrets: Secrets,
    /// The variables that could be set, if none is and the machine's own identity is used.
    unset: Option<&'static str>,
    clock: Arc<StoreClock>,
    /// Whether requests can be signed with a corrected time.
    corrects_clock: bool,
}

pub(crate) fn open(
    cloud: Cloud,
    bucket: &str,
    prefix: &str,
    url: &StoreUrl,
    settings: &StoreSettings,
    client: &Client,
) -> Result<Bucket, Error> {
    let secrets = settings.secrets();
    let connector = Connector::new(client.clone(), url.safe());
    let clock = connector.clock();
    let opened = match cloud {
        #[cfg(feature = "s3")]
        Cloud::S3 => s3::open(bucket, settings, &connector),
        #[cfg(feature = "gcs")]
        Cloud::Gcs => gcs::open(bucket, settings, connector),
        #[cfg(feature = "azure")]
        Cloud::Azure => azure::open(bucket, settings, connector),
        #[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
        _ => return Err(Error::NotBuiltIn { url: url.safe() }),
    };
    let (start, usual) = usual_variables(cloud);
    let variables = settings.of_interest(start, usual);
    let Opened { objects, pages, addressing } = opened.map_err(|error| {
        let (url, variables) = (url.safe(), variables.clone());
        Error::Settings { url, variables, source: ForeignError::of(&error, &secrets) }
    })?;
    let names = match cloud {
        Cloud::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        Cloud::Gcs => "GOOGLE_APPLICATION_CREDENTIALS",
        Cloud::Azure => "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
    };
    let unset = Some(names).filter(|_| !settings.names_somebody(start));
    let (client, prefix, url) = (client.clone(), prefix.to_owned(), url.clone());
    let corrects_clock = cloud == Cloud::S3;
    Ok(Bucket {
        objects,
        pages,
        addressing,
        client,
        prefix,
        url,
        variables,
        secrets,
        unset,
        clock,
        corrects_clock,
    })
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.url)
    }
}

/// The prefix of a cloud's variables, and those that are usually set.
fn usual_variables(cloud: Cloud) -> (&'static str, &'static [&'static str]) {
    match cloud {
        Cloud::S3 => ("AWS_", &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"]),
        Cloud::Gcs => ("GOOGLE_", &["GOOGLE_APPLICATION_CREDENTIALS"]),
        Cloud::Azure => ("AZURE_", &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"]),
    }
}

impl Bucket {
    fn path(&self, key: &Key) -> Path {
        // Neither a prefix nor a key has a component that a path could not have.
        Path::parse(format!("{}{}", self.prefix, key.as_str())).unwrap_or_default()
    }

    /// Translates an error of the library. An error of our client passes through unchanged.
    fn failed(&self, action: &'static str, key: &Key, error: &object_store::Error) -> Error {
        let carried = causes(error).find_map(|cause| cause.downcast_ref::<Carried>()?.take());
        carried.unwrap_or_else(|| Error::Bucket {
            action,
            url: self.url.at(key),
            source: ForeignError::of(error, &self.secrets),
        })
    }

    /// If no variable is set and the machine cannot provide an identity, it has none, unless the
    /// failure is transient.
    fn unknown(&self, error: Error) -> Error {
        match self.unset {
            Some(variables) if !matches!(&error, Error::Refused { .. } if error.is_transient()) => {
                let source = ForeignError::of(&error, &self.secrets);
                Error::NoCredentials { url: self.url.safe(), variables, source }
            }
            _ => error,
        }
    }

    fn failed_to_list(&self, error: &object_store::Error) -> Error {
        self.failed("list", &Key::info(), error)
    }

    async fn put_at_once(
        &self,
        key: &Key,
        bytes: Bytes,
        condition: &Condition,
    ) -> object_store::Result<Written> {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::IfAbsent => PutMode::Create,
            Condition::IfStill(Version { etag, generation }) => {
                PutMode::Update(UpdateVersion { e_tag: etag.clone(), version: generation.clone() })
            }
        };
        let options = PutOptions { mode, attributes: attributes(key), ..PutOptions::default() };
        match self.objects.put_opts(&self.path(key), PutPayload::from(bytes), options).await {
            Ok(_) => Ok(Written::Done),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Written::Not)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a blob in parts; it becomes visible once it was verified.
    async fn put_in_parts(&self, key: &Key, blob: &Blob) -> Result<(), Error> {
        const WRITE: &str = "write";
        let failed = |error: object_store::Error| self.failed(WRITE, key, &error);
        let options = PutMultipartOptions { attributes: attributes(key), ..PutMultipartOptions::default() };
        let mut upload = self.objects.put_multipart_opts(&self.path(key), options).await.map_err(failed)?;
        let sent = match send_parts(upload.as_mut(), blob).await {
            Ok(Ok(())) => upload.complete().await.map(drop).map_err(failed),
            Ok(Err(error)) => Err(failed(error)),
            Err(error) => Err(error),
        };
        if sent.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::debug!(error = %ForeignError::of(&error, &self.secrets), "cannot abort an upload");
        }
        sent
    }
}

/// The outer result is that of reading the file.
async fn send_parts(
    upload: &mut dyn MultipartUpload,
    blob: &Blob,
) -> Result<object_store::Result<()>, Error> {
    let opened = blob.clone();
    let mut hashing = net::blocking(move || Hashing::open(&opened)).await?;
    let mut parts = JoinSet::new();
    loop {
        let piece;
        (hashing, piece) = read_on(hashing, PART).await?;
        if piece.is_empty() {
            break;
        }
        parts.spawn(upload.put_part(PutPayload::from(piece)));
        if parts.len() >= PARTS
            && let Some(Ok(Err(error))) = parts.join_next().await
        {
            return Ok(Err(error));
        }
    }
    net::blocking(move || hashing.finish()).await?;
    while let Some(part) = parts.join_next().await {
        match part {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Ok(Err(error)),
            Err(error) => return Ok(Err(error.into())),
        }
    }
    Ok(Ok(()))
}

fn attributes(key: &Key) -> Attributes {
    let control = if key.is_immutable() { FOR_EVER } else { "no-cache" };
    Attributes::from_iter([(Attribute::CacheControl, control)])
}

#[async_trait]
impl Backend for Bucket {
    async fn place(&self, key: &Key) -> Result<BlobPlace, Error> {
        let place = self.addressing.place(&self.path(key)).await;
        place.map_err(|error| match self.unknown(self.failed("get credentials for", key, &error)) {
            // Not the server's answer: a file named in the settings, or its content, is wrong.
            Error::Bucket { source, .. } => {
                Error::Settings { url: self.url.safe(), variables: self.variables.clone(), source }
            }
            error => error,
        })
    }

    async fn get(&self, key: &Key, limit: u64, is_fresh: bool) -> Result<Found, Error> {
        let shown: SafeUrl = self.url.at(key);
        let found = get(&self.client, self.place(key).await?, limit, is_fresh, &shown).await?;
        match found {
            Found::Forbidden(_, Some(theirs)) if self.clock.learn(Some(theirs)) => {
                if !self.corrects_clock {
                    return Err(Error::wrong_clock("read", &shown, theirs));
                }
                get(&self.client, self.place(key).await?, limit, is_fresh, &shown).await
            }
            found => Ok(found),
        }
    }

    fn clock_offset(&self) -> i64 {
        self.clock.offset()
    }

    async fn presence(&self, key: &Key) -> Result<Option<Presence>, Error> {
        let path = self.path(key);
        let place = self.addressing.head(&path).await;
        if let Some(place) = place.map_err(|error| self.failed("get credentials for", key, &error))? {
            return presence(&self.client, place, &self.url.at(key)).await;
        }
        match self.objects.head(&path).await {
            Ok(found) => Ok(Some(Presence::of_size(found.size))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => match self.failed("look at", key, &error) {
                // A caller that may not read or list may still be allowed to write.
                Error::Refused { status: 403, .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    async fn list(&self, folder: &'static str) -> Result<Vec<Listed>, Error> {
        let (prefix, mut names, mut token) = (format!("{}{folder}/", self.prefix), Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let options = PaginatedListOptions { page_token: token, ..PaginatedListOptions::default() };
            let page = self.pages.list_paginated(Some(&prefix), options).await;
            let page = page.map_err(|error| self.failed_to_list(&error))?;
            names.extend(page.result.objects.into_iter().filter_map(|object| {
                let name = object.location.as_ref().strip_prefix(&self.prefix)?.to_owned();
                Some(Listed { name, size: object.size })
            }));
            token = page.page_token;
            if token.is_none() {
                return Ok(names);
            }
            if names.len() > MAX_NAMES {
                break;
            }
        }
        Err(Error::TooMany { url: self.url.safe(), limit: MAX_NAMES })
    }

    async fn put(&self, key: &Key, bytes: Bytes, condition: &Condition) -> Result<Written, Error> {
        let put = self.put_at_once(key, bytes, condition).await;
        put.map_err(|error| self.failed("write", key, &error))
    }

    async fn put_blob(&self, key: &Key, blob: &Blob, replace: bool) -> Result<(), Error> {
        if blob.size > SENT_AT_ONCE {
            return self.put_in_parts(key, blob).await;
        }
        let opened = blob.clone();
        let bytes = net::blocking(move || {
            let mut hashing = Hashing::open(&opened)?;
            let bytes = hashing.piece(usize::try_from(opened.size).unwrap_or(usize::MAX))?;
            hashing.finish()?;
            Ok::<_, Error>(bytes)
        })
        .await?;
        if !replace {
            let put = self.put(key, bytes.clone(), &Condition::IfAbsent).await?;
            // The other writer has written the same blob; but a server may also answer so while two are
            // writing and neither has finished.
            let is_there = |there: Option<Presence>| there.is_some_and(|there| there.is(&blob.id, blob.size));
            if put == Written::Done || is_there(self.presence(key).await?) {
                return Ok(());
            }
        }
        self.put(key, bytes, &Condition::Always).await.map(drop)
    }
}
