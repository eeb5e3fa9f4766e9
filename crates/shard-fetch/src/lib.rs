//! Parallel, verified downloads of large files, and the manifest that says which files an MLC model needs.
//!
//! (doc in work)

mod chat_config;
mod digest;
mod error;
mod event;
mod expected;
mod fetch;
mod hasher;
mod json;
mod locate;
mod manifest;
mod model_dir;
mod pointer;
mod verify;

pub use chat_config::{CHAT_CONFIG_NAME, ChatConfig};
pub use digest::{Checked, Md5Digest, Sha256Digest};
pub use error::{Error, ErrorKind, HostWords, OldForm, Place};
pub use event::{FetchEvent, Observer};
pub use expected::{ActualSize, Expected, Mismatch};
pub use fetch::{Fetcher, FetcherBuilder, FileRequest, KeepAlive, ProxySettings};
pub use hasher::{Digests, StreamHasher};
pub use json::MAX_METADATA_BYTES;
pub use locate::{LocateError, LocateReason, Location, Locator};
pub use manifest::{MANIFEST_NAMES, Manifest, ShardRecord};
pub use model_dir::{ModelDirState, inspect_model_dir, inspect_model_dir_lacking};
pub use pointer::is_pointer_text;
pub use verify::{Verified, digest_file, verify_file};

#[doc(no_inline)]
pub use async_trait::async_trait;
#[doc(no_inline)]
pub use net_policy::{Gates, RetryPolicy};
#[doc(no_inline)]
pub use reqwest::header;
#[doc(no_inline)]
pub use url_parse::{Origin, RepoPath, Url};
