//! Finds a model in the tiers.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Action, Attempt as _, Error, is_absence};
use crate::files;
use crate::layout::{CacheLayout, Tier};
use crate::slot::Slot;
use crate::staging::{self, Staging};

/// The answer to "is this directory a whole model?", which the caller gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// There is no such directory.
    Absent,
    /// Files are missing.
    Incomplete {
        /// Their names, as far as known.
        missing: Vec<String>,
    },
    /// Everything is there.
    Whole,
}

/// The result of searching the tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The first whole model.
    pub hit: Option<Hit>,
    /// What was in the model's place without being a whole model, in search order.
    pub passed_over: Vec<PassedOver>,
    /// Every directory that was checked, in order.
    pub looked_in: Vec<PathBuf>,
}

impl Lookup {
    /// The entry in the writable tier, if it exists and is not whole.
    pub fn broken_entry(&self) -> Option<&PassedOver> {
        self.passed_over.iter().find(|passed| !passed.tier.is_read_only())
    }
}

/// A whole model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its directory.
    pub path: PathBuf,
    /// Its tier.
    pub tier: Tier,
}

/// Something in the model's place that is not a whole model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOver {
    /// Its path.
    pub path: PathBuf,
    /// Its tier.
    pub tier: Tier,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Why something is not a whole model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A directory in which files are missing.
    #[non_exhaustive]
    Incomplete {
        /// Their names, as far as known.
        missing: Vec<String>,
    },
    /// Not a directory.
    NotADirectory,
    /// A dangling symbolic link.
    DanglingLink,
}

impl PassedOver {
    /// The missing files; empty if there is no directory at all.
    pub fn missing(&self) -> &[String] {
        match &self.problem {
            Problem::Incomplete { missing } => missing,
            Problem::NotADirectory | Problem::DanglingLink => &[],
        }
    }
}

/// How many missing files a message lists.
const LISTED: usize = 3;

/// One sentence without a full stop: the path and the problem.
impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = url_parse::shown(&self.path);
        match &self.problem {
            Problem::NotADirectory => write!(f, "{dir} is not a directory"),
            Problem::DanglingLink => write!(f, "{dir} is a symbolic link to nothing"),
            Problem::Incomplete { missing } if missing.is_empty() => write!(f, "{dir} is incomplete"),
            Problem::Incomplete { missing } => {
                let listed = missing.get(..LISTED).unwrap_or(missing);
                write!(f, "{dir} is incomplete: {}", listed.join("; "))?;
                match missing.len() - listed.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

impl CacheLayout {
    /// Searches for a whole model: first the read-only tiers in order, then the writable tier. What is
    /// in a model's place without being whole is passed over and reported. Creates nothing, and opens
    /// only what `inspect` opens; no tier needs to exist or be writable. On a system that cannot
    /// exchange folders, an entry that a dead process had moved aside is moved back.
    ///
    /// The Python original differs: it takes any existing directory in the writable tier for a model,
    /// and in a read-only tier any directory with an `mlc-chat-config.json`.
    ///
    /// # Errors
    /// - [`Error::NotADirectory`], [`Error::DanglingLink`] if the home, or a folder between it and the
    ///   entry, is something else;
    /// - [`Error::Io`] if a tier cannot be accessed.
    pub fn look_up(&self, slot: &Slot, inspect: &dyn Fn(&Path) -> Completeness) -> Result<Lookup, Error> {
        let mut lookup = Lookup { hit: None, passed_over: Vec::new(), looked_in: Vec::new() };
        for (tier, dir) in slot.candidates() {
            lookup.looked_in.push(dir.to_path_buf());
            let mut found = examine(dir, inspect)?;
            if matches!(found, Examined::Nothing) && !tier.is_read_only() && comes_back(slot) {
                found = examine(dir, inspect)?;
            }
            let problem = match found {
                Examined::Nothing if tier.is_read_only() => continue,
                // Windows says "not found" if a parent folder of the path is a file.
                Examined::Nothing => {
                    slot.refuse_blocked()?;
                    continue;
                }
                Examined::Whole => {
                    lookup.hit = Some(Hit { path: dir.to_path_buf(), tier: tier.clone() });
                    break;
                }
                Examined::Broken(problem) => problem,
            };
            lookup.passed_over.push(PassedOver { path: dir.to_path_buf(), tier: tier.clone(), problem });
        }
        Ok(lookup)
    }
}

/// How often to check whether an entry that is being moved is back. A check takes two system calls.
const LOOKS: usize = 1000;

/// Whether a missing entry comes back, if a process is moving it just now.
fn comes_back(slot: &Slot) -> bool {
    let staging = Staging::of(slot);
    for _ in 0..LOOKS {
        if staging::bring_back(&staging) {
            return true;
        }
        if !staging::is_missing(&staging) {
            break;
        }
        std::thread::yield_now();
    }
    slot.entry().exists()
}

enum Examined {
    Nothing,
    Broken(Problem),
    Whole,
}

fn examine(dir: &Path, inspect: &dyn Fn(&Path) -> Completeness) -> Result<Examined, Error> {
    match fs::metadata(dir) {
        Ok(metadata) if !metadata.is_dir() => return Ok(Examined::Broken(Problem::NotADirectory)),
        Ok(_) => {}
        Err(e) if is_absence(&e) && files::is_dangling_link(dir) => {
            return Ok(Examined::Broken(Problem::DanglingLink));
        }
        Err(e) if is_absence(&e) => return Ok(Examined::Nothing),
        Err(e) => return Err(e).attempt(Action::LookAt, dir),
    }
    let found = match inspect(dir) {
        Completeness::Whole => return Ok(Examined::Whole),
        // Removed since it was found.
        Completeness::Absent => Examined::Nothing,
        Completeness::Incomplete { missing } => Examined::Broken(Problem::Incomplete { missing }),
    };
    // A directory without search permission looks empty to `inspect`; that is no reason to replace it.
    match fs::metadata(dir.join(".")) {
        Err(e) if !is_absence(&e) => Err(e).attempt(Action::LookAt, dir),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests;
