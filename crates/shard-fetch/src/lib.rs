//! Parallel, verified downloads of large files, and the manifest that lists an MLC model's files.
//!
//! ```
//! use shard_fetch::{Expected, FileRequest, Manifest};
//!
//! let json = br#"{"metadata": {}, "records": [{"dataPath": "params_shard_0.bin", "format": "raw-shard",
//!     "nbytes": 26331136, "records": [], "md5sum": "c3fb463ece02fca48fa99f0448408b1b"}]}"#;
//! let manifest = Manifest::parse(json, "tensor-cache.json")?;
//! assert_eq!(manifest.total_bytes(), 26_331_136);
//!
//! let (parts, files) = ("parts".as_ref(), "files".as_ref());
//! let requests: Vec<FileRequest> = manifest
//!     .records()
//!     .iter()
//!     .map(|record| FileRequest {
//!         path: record.path.clone(),
//!         expected: Expected { size: record.size, md5: record.md5, sha256: None },
//!         part: record.path.under(parts),
//!         destination: record.path.under(files),
//!     })
//!     .collect();
//! assert_eq!(requests[0].path.as_str(), "params_shard_0.bin");
//!
//! // A manifest is untrusted: a path that leaves the model's folder never becomes a request.
//! let hostile = br#"{"records": [{"dataPath": "../../.ssh/id", "nbytes": 1}]}"#;
//! let error = Manifest::parse(hostile, "tensor-cache.json").unwrap_err();
//! assert_eq!(error.to_string(), "tensor-cache.json: records[0].dataPath must not be used as a path");
//! # Ok::<(), shard_fetch::Error>(())
//! ```
//!
//! A [`Fetcher`] then downloads them from wherever a [`Locator`] says they are; this crate knows no
//! hub. The program `examples/plain_http_server.rs` downloads from a list of URLs and digests. The
//! parts:
//!
//! | | |
//! |---|---|
//! | [`Manifest`], [`ChatConfig`] | which files a model needs, parsed into validated types |
//! | [`read_metadata_file`] | reads these two files from a model's folder |
//! | [`inspect_model_dir`] | whether a directory holds a whole model, without hashing |
//! | [`Fetcher`] | downloads several files at once, large ones over several connections; hashes each while it is written, resumes after an interruption or in a later run, and moves verified files to their destinations |
//! | [`Locator`] | the interface that tells where the bytes of a file are |
//! | [`Observer`] | progress |
//! | [`verify_file`], [`verify_files`] | verification of files on disk |
//!
//! Nothing is read from the environment and nothing is printed; diagnostics go to `tracing`. A file is
//! verified if its size, MD5 and SHA-256 are right, as far as each is known.

mod chat_config;
mod digest;
mod error;
mod event;
mod expected;
mod fetch;
mod hash;
mod hasher;
mod json;
mod locate;
mod manifest;
mod model_dir;
mod plain;
mod pointer;
mod verify;

pub use chat_config::{CHAT_CONFIG_NAME, ChatConfig};
pub use digest::{Checked, Digests, Md5Digest, ParseDigestError, Sha256Digest};
pub use error::{Error, OldForm, Place};
pub use event::{FetchEvent, Observer};
pub use expected::{ActualSize, Expected, Mismatch};
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use fetch::fuzzing;
pub use fetch::{Fetcher, FetcherBuilder, FileRequest, KeepAlive, free_bytes, resumable_bytes};
pub use hash::verify_files;
pub use hasher::StreamHasher;
pub use json::MAX_METADATA_BYTES;
pub use locate::{LocateError, LocateReason, Location, Locator};
pub use manifest::{MANIFEST_NAMES, Manifest, ShardRecord};
pub use model_dir::{ModelDirState, inspect_model_dir, inspect_model_dir_lacking};
pub use plain::read_metadata_file;
pub use pointer::is_pointer_text;
pub use verify::{digest_file, digest_open_file, verify_file};

#[doc(no_inline)]
pub use async_trait::async_trait;
#[doc(no_inline)]
pub use net::{Client, Gates, NetSettings, RetryPolicy, ServerWords};
#[doc(no_inline)]
pub use reqwest::header;
#[doc(no_inline)]
pub use url_parse::{DiskError, ErrorKind, Origin, RepoPath, Url};
