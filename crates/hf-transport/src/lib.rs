//! The hub's side of a download: the content of a model's repository, and the locations of its files.
//!
//! ```
//! use hf_transport::{FileKind, HubMetadata, HubClient, HubConfig, MetadataRequest, MetadataSource};
//! use url_parse::{Endpoint, ModelId};
//!
//! # let server = local_hub::LocalHub::start();
//! # server.publish(&local_hub::ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
//! # let (endpoint, folder) = (server.endpoint(), tempfile::tempdir()?);
//! # let (scratch, files) = (folder.path().join("scratch"), folder.path().join("files"));
//! # std::fs::create_dir(&scratch)?;
//! # std::fs::create_dir(&files)?;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let endpoint: Endpoint = endpoint.parse()?;
//! let http = net::Client::new(net::NetSettings::default())?;
//! let hub = HubClient::new(http, HubConfig::new(endpoint));
//! let model = ModelId::new("mlc-ai", "tiny-q4f16_1-MLC")?;
//!
//! let snapshot = HubMetadata::new(hub.clone())
//!     .fetch(MetadataRequest::new(model.clone(), scratch, &files))
//!     .await?;
//! assert!(files.join("mlc-chat-config.json").is_file());
//!
//! for file in &snapshot.files {
//!     if let FileKind::Lfs(pointer) = file.kind {
//!         let place = hub.locate_file(&model, &snapshot.commit, &file.path).await?;
//!         assert_eq!(place.sha256, Some(pointer.oid));
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`HubClient`] talks to one hub, over a [`net::Client`]: token, limits, refusals.
//! - [`HubClient::locate_file`] locates one file, [`HubClient::locate_objects`] many.
//! - [`HubClient::commit_of`] resolves a name to a commit.
//! - [`MetadataSource`] is the interface for learning what a commit contains; [`GitMetadata`] uses git,
//!   and [`HubMetadata`] also the hub's API where git is not served or not enough. [`PackMetadata`]
//!   reads a pack from elsewhere, and [`GitMetadata::fetch_with_pack`] makes one.
//!
//! A call makes one attempt and classifies its failure ([`Error::is_transient`],
//! [`Error::server_wait`]); the caller decides when to try again. The crate knows no cache and no
//! manifest.

mod api;
mod client;
mod config;
mod door;
mod error;
mod error_kind;
mod export;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod git;
mod hub_metadata;
mod kept;
mod lfs_batch;
mod lfs_pointer;
mod locate;
mod metadata;
mod refusal;
mod token;

pub use client::HubClient;
pub use config::HubConfig;
pub use door::Door;
pub use error::Error;
/// For tests that compare its results with git's, and for fuzzing.
#[doc(hidden)]
pub use git::pack;
pub use git::{GitMetadata, NamedCommit, PackMetadata, keep_libgit2_configuration};
pub use hub_metadata::HubMetadata;
pub use lfs_batch::LocatedObject;
pub use lfs_pointer::LfsPointer;
pub use locate::ResolvedFile;
pub use metadata::{FileKind, KeepAlive, MetadataRequest, MetadataSource, RepoFile, RepoSnapshot};
pub use net::{Reach, SafeUrl, ServerWords, Throttled};
pub use token::Token;
pub use url_parse::{ErrorKind, Proof};
