//! Finding a model in the tiers.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Action, Attempt as _, Error, is_absence};
use crate::files;
use crate::layout::{CacheLayout, Tier};
use crate::slot::Slot;
use crate::staging::{self, Staging};

/// The answer to "is this directory a whole model?", which only the caller can give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// There is no such directory.
    Absent,
    /// Files are missing.
    Incomplete {
        /// Which, as far as that can be known.
        missing: Vec<String>,
    },
    /// Everything is there.
    Whole,
}

/// What a look through the tiers found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The first whole model.
    pub hit: Option<Hit>,
    /// What stood in the model's place and is not a whole model, in the order of look-up.
    pub passed_over: Vec<PassedOver>,
    /// Every directory looked in, in order.
    pub looked_in: Vec<PathBuf>,
}

impl Lookup {
    /// The entry of the writable tier, when it exists and is not whole.
    pub fn broken_entry(&self) -> Option<&PassedOver> {
        self.passed_over.iter().find(|passed| !passed.tier.is_read_only())
    }
}

/// A whole model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its directory.
    pub path: PathBuf,
    /// The tier that it is in.
    pub tier: Tier,
}

/// Something in a model's place that is not a whole model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The place.
    pub dir: PathBuf,
    /// The tier that it is in.
    pub tier: Tier,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Why a candidate is not a whole model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A directory in which files are missing.
    Incomplete {
        /// Which, as far as that can be known.
        missing: Vec<String>,
    },
    /// Not a directory.
    NotADirectory,
    /// A symbolic link to nothing.
    DanglingLink,
}

impl PassedOver {
    /// The missing files; none when there is no directory at all.
    pub fn missing(&self) -> &[String] {
        match &self.problem {
            Problem::Incomplete { missing } => missing,
            Problem::NotADirectory | Problem::DanglingLink => &[],
        }
    }
}

/// How many missing files a message lists.
const LISTED: usize = 3;

/// One sentence without a full stop: the place, and what is wrong with it.
impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = url_parse::shown(&self.dir);
        match &self.problem {
            Problem::NotADirectory => write!(f, "{dir} is not a directory"),
            Problem::DanglingLink => write!(f, "{dir} is a symbolic link to nothing"),
            Problem::Incomplete { missing } if missing.is_empty() => write!(f, "{dir} is not whole"),
            Problem::Incomplete { missing } => {
                let listed = missing.get(..LISTED).unwrap_or(missing);
                write!(f, "{dir} is not whole: {}", listed.join("; "))?;
                match missing.len() - listed.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

impl CacheLayout {
    /// Looks for a whole model: in the read-only tiers in order, then in the writable tier. What stands in
    /// a model's place without being whole is passed over and reported. Creates nothing, and opens nothing
    /// but what `inspect` opens; no tier needs to exist or to be writable. An entry that a dead process had
    /// moved aside, where a system cannot exchange folders, is moved back.
    ///
    /// The original takes any existing directory of the writable tier for a model, and any directory with
    /// an `mlc-chat-config.json` of a read-only one.
    ///
    /// # Errors
    /// - [`Error::NotADirectory`], [`Error::DanglingLink`] when the home, or a folder between it and the
    ///   entry, is something else;
    /// - [`Error::Io`] when the system does not let a tier be looked at.
    pub fn look_up(&self, slot: &Slot, inspect: &dyn Fn(&Path) -> Completeness) -> Result<Lookup, Error> {
        let mut lookup = Lookup { hit: None, passed_over: Vec::new(), looked_in: Vec::new() };
        for (tier, dir) in slot.candidates() {
            lookup.looked_in.push(dir.to_path_buf());
            let mut found = examine(dir, inspect)?;
            if matches!(found, Found::Nothing) && !tier.is_read_only() && comes_back(slot) {
                found = examine(dir, inspect)?;
            }
            let problem = match found {
                Found::Nothing if tier.is_read_only() => continue,
                // Windows calls a file among the folders of a path "not found".
                Found::Nothing => {
                    slot.refuse_blocked()?;
                    continue;
                }
                Found::Whole => {
                    lookup.hit = Some(Hit { path: dir.to_path_buf(), tier: tier.clone() });
                    break;
                }
                Found::Broken(problem) => problem,
            };
            lookup.passed_over.push(PassedOver { dir: dir.to_path_buf(), tier: tier.clone(), problem });
        }
        Ok(lookup)
    }
}

/// How often is looked whether an entry that is being moved is there again. It takes two system calls.
const LOOKS: usize = 1000;

/// Whether an entry that is not there is back, after one look at what may hold it or a few.
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

enum Found {
    Nothing,
    Broken(Problem),
    Whole,
}

fn examine(dir: &Path, inspect: &dyn Fn(&Path) -> Completeness) -> Result<Found, Error> {
    match fs::metadata(dir) {
        Ok(metadata) if !metadata.is_dir() => return Ok(Found::Broken(Problem::NotADirectory)),
        Ok(_) => {}
        Err(e) if is_absence(&e) && files::is_dangling_link(dir) => {
            return Ok(Found::Broken(Problem::DanglingLink));
        }
        Err(e) if is_absence(&e) => return Ok(Found::Nothing),
        Err(e) => return Err(e).attempt(Action::LookAt, dir),
    }
    let found = match inspect(dir) {
        Completeness::Whole => return Ok(Found::Whole),
        // Removed since the look above.
        Completeness::Absent => Found::Nothing,
        Completeness::Incomplete { missing } => Found::Broken(Problem::Incomplete { missing }),
    };
    // A directory that may not be searched looks empty to `inspect`; that is no reason to replace it.
    match fs::metadata(dir.join(".")) {
        Err(e) if !is_absence(&e) => Err(e).attempt(Action::LookAt, dir),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests;
