//! The names involved in a model download, parsed once into types that are always valid.
//!
//! ```
//! use url_parse::{CommitId, Endpoint, ModelUrl, RepoPath};
//!
//! let url: ModelUrl = "HF://mlc-ai/Llama-3-8B-Instruct-q4f16_1-MLC".parse()?;
//! assert_eq!(url.id().user(), "mlc-ai");
//! let url: ModelUrl = "HF://mlc-ai/Llama-3-8B-Instruct-q4f16_1-MLC@refs/pr/1".parse()?;
//! assert_eq!(url.revision().map(|revision| revision.as_str()), Some("refs/pr/1"));
//!
//! let commit: CommitId = "0123456789abcdef0123456789abcdef01234567".parse()?;
//! let file: RepoPath = "params/shard #0.bin".parse()?;
//! assert_eq!(
//!     Endpoint::default().resolve_url(url.id(), &commit, &file).as_str(),
//!     "https://huggingface.co/mlc-ai/Llama-3-8B-Instruct-q4f16_1-MLC/resolve/\
//!      0123456789abcdef0123456789abcdef01234567/params/shard%20%230.bin",
//! );
//!
//! let error = "hf://mlc-ai/Llama".parse::<ModelUrl>().unwrap_err();
//! assert!(error.to_string().ends_with("did you mean `HF://mlc-ai/Llama`?"));
//! # Ok::<(), url_parse::Error>(())
//! ```
//!
//! Nothing here does I/O; [`patiently`] only repeats that of its caller. It is safe to build a path or a
//! URL from a value of these types: [`ModelId`] and [`RepoPath`] contain no `..`, no separator inside a
//! name, and nothing that another platform would read differently; [`Endpoint`] contains no credentials.
//! Input from a user, a manifest or a repository is converted to one of these types first, and only they
//! build paths and URLs.
//!
//! | Type | Written as |
//! |---|---|
//! | [`ModelUrl`] | `HF://user/repo` or `https://huggingface.co/user/repo`, each optionally with `@revision` |
//! | [`ModelRef`] | `user/repo` or `user/repo@revision` |
//! | [`ModelId`] | `user/repo` |
//! | [`Revision`] | a branch, a tag, `refs/pr/1` or a commit, in full or abbreviated |
//! | [`CommitId`] | 40 lower-case hexadecimal digits |
//! | [`RepoPath`] | `params/shard_0.bin` |
//! | [`Endpoint`] | `https://huggingface.co`, `http://127.0.0.1:8080/mirror` |
//! | [`Origin`] | `https://huggingface.co` (scheme, host, port) |
//!
//! [`ForeignText`] (prose) and [`Excerpt`] (names, or what should have been one) make text from outside
//! fit for messages.

mod ascii_case;
mod commit_id;
mod duration;
mod endpoint;
mod error;
mod excerpt;
mod failure;
mod folder;
mod foreign;
mod guess;
mod hex;
mod model_id;
mod model_ref;
mod model_url;
mod origin;
mod patience;
mod platform;
mod printable;
mod repo_path;
mod revision;
mod size;

pub use commit_id::{CommitId, Proof};
pub use duration::duration;
pub use endpoint::Endpoint;
pub use error::{Elsewhere, Error, Problem};
pub use excerpt::Excerpt;
pub use failure::{DiskError, ErrorKind, causes};
pub use foreign::{ForeignError, ForeignText, Secrets, fit_for_message};
pub use hex::{from_hex, hex};
pub use model_id::ModelId;
pub use model_ref::ModelRef;
pub use model_url::ModelUrl;
pub use origin::Origin;
pub use patience::patiently;
pub use platform::Platform;
pub use printable::{is_unprintable, printable, shown};
pub use repo_path::RepoPath;
pub use revision::Revision;
pub use size::{of_size, size};
pub use url::Url;
