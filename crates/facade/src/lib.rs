//! MLC model weights, from a hub into the cache that MLC-LLM reads, behind one function.
//!
//! ```no_run
//! # async fn example() -> Result<(), facade::Error> {
//! let directory =
//!     facade::download_and_cache_mlc_weights("HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC", None, None)
//!         .await?;
//! println!("{}", directory.display());
//! # Ok(())
//! # }
//! ```
//!
//! That function is the drop-in for MLC-LLM's Python function of the same name: same argument, same
//! environment variables, same directory. Its neighbours:
//!
//! - [`get_or_download_model`] also takes a local directory;
//! - [`blocking`] has both for callers without a runtime;
//! - [`Downloader`] is the same with every setting explicit, for applications that embed it:
//!
//! ```no_run
//! # async fn example() -> Result<(), facade::Error> {
//! use facade::{Downloader, Event, Request};
//!
//! let downloader = Downloader::builder().home("/var/cache/mlc_llm").build()?;
//! let request: Request = "HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC".parse()?;
//! let model = downloader.download(request.observer(|event: &Event<'_>| println!("{event:?}"))).await?;
//! println!("{:?}: {}", model.outcome, model.path.display());
//! # Ok(())
//! # }
//! ```
//!
//! A directory is returned only when it is whole: the configuration, the manifest, every shard with its
//! size; what this crate downloads was verified by MD5 and SHA-256, as far as the model gives them.
//!
//! The crate wires the others together and holds no protocol and no file format. Errors sort themselves by
//! [`Error::kind`]; progress goes to an [`Observer`]; diagnostics go to `tracing`; nothing is printed.

pub mod blocking;
mod builder;
mod decision;
mod download;
mod downloader;
mod drop_in;
pub mod env;
mod error;
mod lease;
mod locator;
mod lock_wait;
mod look;
mod model;
mod observer;
mod plan;
mod request;

pub use builder::Builder;
pub use cache_layout::{CachePolicy, Durability, Holder, PassedOver, Tier};
pub use downloader::Downloader;
pub use drop_in::{download_and_cache_mlc_weights, get_or_download_model};
pub use error::{Error, ErrorKind};
pub use hf_transport::{ProxySettings, Token};
pub use model::{Model, Outcome};
pub use net_policy::RetryPolicy;
pub use observer::{Event, Observer, Warning};
pub use request::Request;
pub use shard_fetch::FetchEvent;
pub use url_parse::{CommitId, Endpoint, ModelId, ModelUrl, RepoPath};
