//! The folders of a cache.

use std::io;
use std::path::{Path, PathBuf};

use url_parse::Platform;

use crate::config::{CacheConfig, Durability, Locking};
use crate::error::Error;
use crate::place::{PRIVATE, Place};

/// The private folder of a tier, whose path is followed as given.
pub(crate) fn private_in(folder: &Path) -> Place {
    Place::anchored_loosely(folder, 1).join(PRIVATE)
}

/// A folder that holds `hf/<user>/<repo>` directories.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// A folder that is only read.
    ReadOnly(PathBuf),
    /// `<home>/model_weights`, the target of downloads.
    Writable(PathBuf),
}

impl Tier {
    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::ReadOnly(path) | Self::Writable(path) => path,
        }
    }

    /// Whether this tier is never written to.
    pub const fn is_read_only(&self) -> bool {
        matches!(self, Self::ReadOnly(_))
    }
}

/// Where a cache keeps everything. Cheap to create and clone: it holds names, no open files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheLayout {
    home: PathBuf,
    /// In search order; the writable tier is last.
    tiers: Vec<Tier>,
    weights: PathBuf,
    hf: Place,
    private: Place,
    durability: Durability,
    locking: Locking,
}

impl CacheLayout {
    /// Makes the configured folders absolute. Does not access the disk.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableFolder`] if the home is empty, or the working directory is needed and unknown;
    /// on Windows also if a path would mean another folder or a device
    /// ([`Platform::problem_of_folder`]).
    pub fn new(config: CacheConfig) -> Result<Self, Error> {
        let CacheConfig { home, read_only, durability, locking } = config;
        let home = absolute(home)?;
        let weights = home.join("model_weights");
        let named = read_only.into_iter().filter(|tier| !tier.as_os_str().is_empty());
        let mut tiers =
            named.map(|tier| absolute(tier).map(Tier::ReadOnly)).collect::<Result<Vec<_>, Error>>()?;
        tiers.push(Tier::Writable(weights.clone()));
        // Links are allowed at `model_weights`, then at the private folder itself, or at `hf` and a
        // user's folder in it.
        let hf = Place::anchored_loosely(&home, 3).join("model_weights").join("hf");
        let private = Place::anchored_loosely(&home, 2).join("model_weights").join(PRIVATE);
        Ok(Self { home, tiers, weights, hf, private, durability, locking })
    }

    #[cfg(test)]
    pub(crate) fn weights(&self) -> &Path {
        &self.weights
    }

    /// The private folder.
    pub(crate) const fn private(&self) -> &Place {
        &self.private
    }

    /// The folder that contains users' folders.
    pub(crate) const fn hf(&self) -> &Place {
        &self.hf
    }

    /// The cache's home, absolute.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The tiers in search order; the writable tier is last.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// Whether publishing syncs to disk.
    pub const fn durability(&self) -> Durability {
        self.durability
    }

    /// Whether locks are used.
    pub const fn locking(&self) -> Locking {
        self.locking
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, Error> {
    let problem = Platform::here().problem_of_folder(&path.to_string_lossy());
    let made = match problem {
        Some(problem) => Err(io::Error::new(io::ErrorKind::InvalidInput, problem)),
        None => std::path::absolute(&path),
    };
    made.map_err(|source| Error::UnusableFolder { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use url_parse::ErrorKind;

    #[test]
    fn folders_become_absolute_and_empty_tiers_vanish() {
        let mut config = CacheConfig::new("some/home");
        config.read_only = vec!["".into(), "tier".into(), "".into()];
        let layout = CacheLayout::new(config).unwrap();
        assert!(layout.home().is_absolute() && layout.home().ends_with("some/home"));
        let [Tier::ReadOnly(tier), Tier::Writable(weights)] = layout.tiers() else {
            panic!("{:?}", layout.tiers());
        };
        assert!(tier.is_absolute() && tier.ends_with("tier"));
        assert_eq!(*weights, layout.home().join("model_weights"));
    }

    #[test]
    fn an_empty_home_is_refused() {
        let error = CacheLayout::new(CacheConfig::new("")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "\"\" cannot be used as a cache folder");
    }
}
