//! A store of models for many machines, in a bucket, on a web server or in a folder. Everything in it
//! is named by its digest, so it needs no trust.
//!
//! ```
//! use std::time::SystemTime;
//!
//! use net::{Client, NetSettings};
//! use url_parse::{CommitId, Endpoint, ModelId};
//! use weight_store::{Blob, BlobId, BlobPlace, OnRead, RefName, RefRecord, Store, StoreSettings, StoreUrl};
//!
//! # let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR"))?;
//! # let shard = folder.path().join("params_shard_0.bin");
//! # std::fs::write(&shard, "weights")?;
//! # std::fs::create_dir(folder.path().join("store"))?;
//! # let digest = <sha2::Sha256 as sha2::Digest>::digest("weights").into();
//! # let address = format!("file://{}/store", folder.path().to_str().ok_or("no UTF-8")?);
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let url: StoreUrl = address.parse()?;
//! let store = Store::open(url, &StoreSettings::default(), &Client::new(NetSettings::default())?)?;
//! store.init().await?;
//!
//! // Contents first, the commit's pack after them, a name for it last: a reader finds whole models or nothing.
//! let blob = Blob { id: BlobId::from_bytes(digest), size: 7, file: shard, on_read: OnRead::default() };
//! store.put_blob(&blob, false).await?;
//! let commit = CommitId::from_bytes([1; 20]);
//! store.put_pack(&commit, "PACK".into(), false).await?;
//! let (hub, model) = (Endpoint::default(), ModelId::new("user", "model")?);
//! let name = RefName { hub: &hub, model: &model, revision: None };
//! let seen_at = SystemTime::UNIX_EPOCH;
//! let record = RefRecord { commit, seen_at, files: 1, bytes: 7, by: "example".to_owned() };
//! store.put_ref(&name, &record).await?;
//!
//! assert_eq!(store.find_ref(&name).await?, Some(record));
//! assert_eq!(store.find_pack(&commit).await?.as_deref(), Some(&b"PACK"[..]));
//! let BlobPlace::File(path) = store.locate(&blob.id).await? else { return Err("not in a folder".into()) };
//! assert_eq!(std::fs::read(path)?, b"weights");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | in the store | what it is |
//! |---|---|
//! | `mlc-weights-store.json` | the layout's format and the store's abilities |
//! | `blobs/sha256/<64 digits>` | the bytes of an LFS file |
//! | `packs/<40 digits>.pack` | a git pack of one commit: its trees, plain files and LFS pointers |
//! | `refs/<hub>/<user>/<repository>/<revision>.json` | the commit that a revision stands for, according to its writer |
//! | `leases/<40 digits>.json` | which machine is filling the store with a commit; it only saves work |
//!
//! A program cannot add a kind of store of its own. What keeps files elsewhere can be a store over HTTP:
//! to read from it, `GET` and `HEAD` of the names above are enough.
//!
//! Nothing has to be searched: each name can be computed. This crate knows no hub, no git, no manifest
//! and no cache. A pack is bytes to it, and its reader must verify it by the digest in its name.
//!
//! A call makes one attempt and classifies its failure ([`Error::is_transient`],
//! [`Error::server_wait`]); the caller decides when to try again. [`Store::locate`] returns where a
//! blob is and how to request it; fetching the bytes is the caller's task.
//!
//! The feature `webdav` makes stores on web servers listable. The features `s3`, `gcs` and `azure` add
//! buckets, using the package `object_store` over the HTTP client of [`net`]. Its code for Google and
//! Azure reads a few environment variables itself if no settings are given (`GCE_METADATA_HOST`,
//! `IDENTITY_HEADER`), and looks in the home folder for Google's default credentials.

mod address;
mod backend;
mod blob;
mod blob_id;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod cloud;
mod error;
mod folder;
mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod inspect;
mod key;
mod lease;
mod list;
mod read;
mod settings;
mod store;
mod web;
mod write;

pub use address::StoreUrl;
pub use backend::BlobPlace;
pub use blob::{Blob, OnRead};
pub use blob_id::{BlobId, ParseBlobIdError};
pub use bytes::Bytes;
pub use error::Error;
pub use format::{RefRecord, StoreInfo};
pub use inspect::BlobVerdict;
pub use key::RefName;
pub use lease::{Lease, LeaseSeen, LeaseTaken};
pub use list::{ListedRef, Names};
pub use settings::{StoreSettings, VARIABLES};
pub use store::Store;
pub use write::{Put, RefPut};
