//! The cache as a set of names.

use std::path::{Path, PathBuf};

use url_parse::{ModelId, ModelRef};

use crate::config::{CacheConfig, Durability, Locking};
use crate::error::Error;
use crate::receipt;
use crate::slot::{self, PRIVATE, Slot};
use crate::slot_name;
use crate::tier::Tier;

/// Where a cache keeps what. Cheap to make and to clone; holds names, and no file is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheLayout {
    home: PathBuf,
    /// In the order of look-up; the writable tier is last.
    tiers: Vec<Tier>,
    weights: PathBuf,
    private: PathBuf,
    durability: Durability,
    locking: Locking,
}

impl CacheLayout {
    /// Takes the configured folders and makes them absolute. Touches no disk.
    ///
    /// # Errors
    /// [`Error::UnusableFolder`] when the home is empty, or the working directory is needed and unknown.
    pub fn new(config: CacheConfig) -> Result<Self, Error> {
        let CacheConfig { home, read_only, durability, locking } = config;
        let home = absolute(home)?;
        let weights = home.join("model_weights");
        let named = read_only.into_iter().filter(|tier| !tier.as_os_str().is_empty());
        let mut tiers =
            named.map(|tier| absolute(tier).map(Tier::ReadOnly)).collect::<Result<Vec<_>, Error>>()?;
        tiers.push(Tier::Writable(weights.clone()));
        let private = weights.join(PRIVATE);
        Ok(Self { home, tiers, weights, private, durability, locking })
    }

    /// The names of the places of one model at one revision.
    pub fn slot(&self, model: &ModelRef) -> Slot {
        Slot::new(model, self)
    }

    /// The slot that a private file or folder is named after; nothing when it is named after none.
    pub(crate) fn slot_of_file_name(&self, name: &str) -> Option<Slot> {
        let (user, entry) = name.split_once('+')?;
        self.slot_of_entry(user, entry)
    }

    /// The slot whose entry is `hf/<user>/<name>`; nothing when that is no name of an entry. For a name that was
    /// cut it is the receipt that knows.
    pub(crate) fn slot_of_entry(&self, user: &str, name: &str) -> Option<Slot> {
        let model = slot_name::parse(user, name).or_else(|| self.model_by_receipt(user, name))?;
        let slot = self.slot(&model);
        (slot.file_name() == slot::file_name(user, name)).then_some(slot)
    }

    fn model_by_receipt(&self, user: &str, name: &str) -> Option<ModelRef> {
        let (repo, _) = name.split_once('@')?;
        let id = ModelId::new(user, repo).ok()?;
        // The rest of the name must be fit for a path before one is made of it.
        if name.bytes().any(|byte| !(byte.is_ascii_alphanumeric() || b"-_.%@".contains(&byte))) {
            return None;
        }
        let file = self.private.join("receipts").join(format!("{}.json", slot::file_name(user, name)));
        Some(ModelRef::new(id, Some(receipt::read_if_any(&file)?.revision?)))
    }

    pub(crate) fn weights(&self) -> &Path {
        &self.weights
    }

    /// The private folder.
    pub(crate) fn private(&self) -> &Path {
        &self.private
    }

    /// The cache's home, absolute.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The tiers in the order of look-up; the last one is the writable tier.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// How careful publishing is.
    pub const fn durability(&self) -> Durability {
        self.durability
    }

    /// Whether locks are used.
    pub const fn locking(&self) -> Locking {
        self.locking
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, Error> {
    std::path::absolute(&path).map_err(|source| Error::UnusableFolder { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::{Receipt, testing};

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
    fn an_entry_leads_back_to_its_slot() {
        let folder = testing::folder();
        let layout = CacheLayout::new(CacheConfig::new(folder.path())).unwrap();
        let too_long = format!("user/repo@{}", "x".repeat(250));
        for model in ["user/repo", "user/repo@main", "user/repo@refs/pr/1", "user/repo@V1", &too_long] {
            let slot = layout.slot(&model.parse().unwrap());
            let mut receipt = Receipt::new("ab".repeat(20).parse().unwrap(), [7; 32]);
            receipt.revision = slot.model().revision().cloned();
            testing::write(&slot.receipt_file(), std::str::from_utf8(&receipt.to_json()).unwrap());
            let name = slot.entry().file_name().unwrap().to_str().unwrap();
            assert_eq!(layout.slot_of_entry("user", name).as_ref(), Some(&slot), "{name}");
            assert_eq!(layout.slot_of_file_name(slot.file_name()).as_ref(), Some(&slot), "{name}");
        }
        for (user, name) in [
            ("user", "repo@V1"),
            ("user", "repo@V2@0123456789abcdef"),
            ("user", "repo@V1@../x"),
            ("..", "repo"),
            ("user", "."),
        ] {
            assert_eq!(layout.slot_of_entry(user, name), None, "{user}/{name}");
        }
    }

    #[test]
    fn an_empty_home_is_refused() {
        let error = CacheLayout::new(CacheConfig::new("")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "\"\" cannot be used as a cache folder");
    }
}
