//! Where MLC models are kept on disk: tiers, policy, locks, staging, atomic publishing.
//!
//! ```
//! use std::path::Path;
//! use cache_layout::{CacheConfig, CacheLayout, Completeness, LockAttempt, Published, Purpose};
//! use url_parse::ModelRef;
//!
//! // What makes a directory whole is the caller's knowledge.
//! let inspect = |dir: &Path| {
//!     let is_whole = dir.join("mlc-chat-config.json").exists();
//!     if is_whole { Completeness::Whole } else { Completeness::Absent }
//! };
//!
//! # let parent = tempfile::tempdir()?;
//! # let home = parent.path().join("mlc_llm");
//! let layout = CacheLayout::new(CacheConfig::new(home))?;
//! let model: ModelRef = "mlc-ai/Llama-3-8B-Instruct-q4f16_1-MLC".parse()?;
//! let slot = layout.slot(&model);
//! assert!(layout.look_up(&slot, &inspect)?.hit.is_none());
//!
//! let LockAttempt::Acquired(_lock) = layout.try_lock(&slot)? else { return Ok(()) };
//! let run = layout.begin_run(&slot, Purpose::Fresh)?;
//! std::fs::write(run.tree().join("mlc-chat-config.json"), "{}")?;
//! let Published::Ours(path) = run.publish(&inspect)? else { return Ok(()) };
//!
//! assert_eq!(layout.look_up(&slot, &inspect)?.hit.map(|hit| hit.path), Some(path));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # On disk
//!
//! ```text
//! <home>/model_weights/
//!   hf/<user>/<repo>/                an entry: one whole model
//!   hf/<user>/<repo>@<revision>/     the same, of a revision that was asked for by name
//!   .mlc-weights/                    private
//!     locks/<slot>                   OS locks, never unlinked
//!     locks/<slot>+holder            who has, or last had, the lock
//!     staging/<slot>/pool/           verified files, never written again, named by content
//!     staging/<slot>/redo-pool/      the same, for a REDO
//!     staging/<slot>/runs/<run>/     one process's own work
//!     staging/<slot>/metadata/       what is known of a commit, for a run that comes after one that was cut off
//!     staging/<slot>/parts/          unfinished files of abandoned runs
//!     receipts/<slot>.json           what an entry was made from
//! ```
//!
//! `<slot>` is `<user>+<repo>` or `<user>+<repo>@<revision>`; the names of users and repositories
//! contain no `+`. In a revision, every byte except ASCII letters, digits, `.`, `_` and `-` is
//! percent-encoded. A revision with an upper-case letter is followed by `@` and the beginning of its
//! SHA-256, so that a case-insensitive file system keeps it apart from others. A name of more than 240
//! bytes is cut and also gets the digest; the entry's receipt then has the full revision.
//!
//! # Invariants
//!
//! - The crate is synchronous and knows no network, no async runtime and no manifest. The caller
//!   decides whether a directory is a whole model.
//! - [`CacheLayout::look_up`] creates and writes nothing, with one exception that all calls share: on a
//!   system that cannot exchange folders, it moves back an entry that a dead process had moved aside.
//!   Read-only tiers are only ever read.
//! - An entry appears, or is replaced, by one rename or exchange in [`Run::publish`], and disappears by
//!   one rename in [`CacheLayout::remove`]. Otherwise only [`CacheLayout::add_alias`] changes it, by
//!   adding a name.
//! - A tree is assembled on the file system of its entry. If `hf` or `hf/<user>` is a link to another
//!   disk or a mount point, `staging/<slot>` is in a folder `.mlc-weights` beside the link's target, or
//!   inside it if nothing can be created beside it. Locks and receipts stay in the home.
//! - Correctness does not depend on the lock: a run works in a folder of its own, and publishing
//!   tolerates a faster run. The lock saves duplicate work.
//! - Below the private folder no symbolic link is followed. At `model_weights`, `.mlc-weights`, `hf`
//!   and `hf/<user>` only a link made by root or the current user is followed. This holds even if
//!   something changes meanwhile. Another user's files are copied into a tree, never linked or renamed.
//! - Once a run has begun, no file of a pool is a hard link to a file of an entry, so that editing an
//!   entry in place cannot change what a pool counts as verified.

mod alias;
mod config;
mod content;
mod dir;
mod donors;
mod error;
mod export;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod holder;
mod inventory;
mod last_use;
mod layout;
mod lock;
mod lookup;
mod mount;
mod obstacles;
mod ops;
mod owner;
mod pinned;
mod place;
mod policy;
mod prune;
mod publish;
mod receipt;
mod remove;
mod run;
mod slot;
mod slot_name;
mod staging;
#[cfg(test)]
mod testing;
mod usage;
mod walk;

pub use config::{CacheConfig, Durability, Locking};
pub use content::ContentName;
pub use error::{Action, Error};
pub use export::Export;
pub use holder::Holder;
pub use inventory::{Entry, Inventory, SkipReason, Skipped};
pub use layout::{CacheLayout, Tier};
pub use lock::{LockAttempt, SlotLock};
pub use lookup::{Completeness, Hit, Lookup, PassedOver, Problem};
pub use obstacles::may_create_in;
pub use place::read_plain;
pub use policy::CachePolicy;
pub use prune::{PruneMode, PruneReport, PrunedSlot};
pub use publish::Published;
pub use receipt::{Edit, Receipt, ReceiptFile};
pub use remove::{Removed, RemovedEntry};
pub use run::Run;
pub use slot::Slot;
pub use staging::Purpose;
pub use url_parse::ErrorKind;
pub use usage::{Usage, usage_of};
pub use walk::{Met, walk};
