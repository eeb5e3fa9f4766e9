//! The paths of everything that belongs to one model.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use url_parse::ModelRef;

use crate::config::Locking;
use crate::layout::{CacheLayout, Tier, private_in};
use crate::place::Place;
use crate::slot_name::entry_name;

/// One model's places: its entry, its directories in the read-only tiers, its private files. Holds
/// names only; made by [`CacheLayout::slot`](crate::CacheLayout::slot).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    model: ModelRef,
    /// The model as one file name. It is unambiguous because user, repository and encoded revision
    /// contain no `+`, and names with a second `+` are free for related files.
    file_name: String,
    home: PathBuf,
    private: Place,
    /// In search order; the writable tier is last.
    candidates: Vec<(Tier, PathBuf)>,
    entry: Place,
    locking: Locking,
}

impl CacheLayout {
    /// The places of a model at a revision.
    pub fn slot(&self, model: &ModelRef) -> Slot {
        let (user, name) = (model.id().user(), entry_name(model));
        let in_tier = |tier: &Path| tier.join("hf").join(user).join(&name);
        Slot {
            model: model.clone(),
            file_name: file_name(user, &name),
            home: self.home().to_path_buf(),
            private: self.private().clone(),
            candidates: self.tiers().iter().map(|tier| (tier.clone(), in_tier(tier.path()))).collect(),
            entry: self.hf().join(user).join(&name),
            locking: self.locking(),
        }
    }
}

impl Slot {
    /// The model and its revision.
    pub const fn model(&self) -> &ModelRef {
        &self.model
    }

    /// The model's directory in the writable tier, whether it exists or not.
    pub fn entry(&self) -> &Path {
        self.entry.path()
    }

    /// The entry as a place. The folders above it may be links made by root or the current user.
    pub(crate) const fn entry_place(&self) -> &Place {
        &self.entry
    }

    /// The model's directories in all tiers, in search order.
    pub fn candidates(&self) -> impl Iterator<Item = (&Tier, &Path)> {
        self.candidates.iter().map(|(tier, dir)| (tier, dir.as_path()))
    }

    pub(crate) fn file_name(&self) -> &str {
        &self.file_name
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    pub(crate) fn lock_file(&self) -> Place {
        self.private.join("locks").join(&self.file_name)
    }

    pub(crate) fn holder_file(&self) -> Place {
        self.private.join("locks").join(format!("{}+holder", self.file_name))
    }

    pub(crate) fn receipt_file(&self) -> Place {
        receipt_file(&self.private, &self.file_name)
    }

    pub(crate) fn receipt_file_in(&self, tier: &Tier) -> Place {
        match tier {
            Tier::Writable(_) => self.receipt_file(),
            Tier::ReadOnly(path) => receipt_file(&private_in(path), &self.file_name),
        }
    }

    /// The receipt that a run is about to install, on the file system of its destination.
    pub(crate) fn receipt_draft(&self, run: &OsStr) -> Place {
        let mut name = OsString::from(format!("{}+", self.file_name));
        name.push(run);
        self.private.join("receipts").join(name)
    }

    /// The private folder of the home.
    pub(crate) const fn private(&self) -> &Place {
        &self.private
    }

    pub(crate) const fn locking(&self) -> Locking {
        self.locking
    }
}

/// The name of a slot's private files, from the names of its entry and of the folder above it.
pub(crate) fn file_name(user: &str, entry: &str) -> String {
    format!("{user}+{entry}")
}

/// A slot's receipt in a tier's private folder, given its [`file_name`].
pub(crate) fn receipt_file(private: &Place, file_name: &str) -> Place {
    private.join("receipts").join(format!("{file_name}.json"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::CacheConfig;
    use crate::staging::Staging;

    /// An absolute path; on Windows, on a drive.
    fn absolute(path: &str) -> PathBuf {
        std::path::absolute(path).unwrap()
    }

    fn slot(model: &str) -> Slot {
        let mut config = CacheConfig::new("/home");
        config.read_only = vec!["/ro".into()];
        CacheLayout::new(config).unwrap().slot(&model.parse().unwrap())
    }

    #[test]
    fn the_places_of_a_model() {
        let slot = slot("mlc-ai/Llama-3");
        assert_eq!(slot.entry(), absolute("/home/model_weights/hf/mlc-ai/Llama-3"));
        let dirs: Vec<_> = slot.candidates().map(|(_, dir)| dir.to_path_buf()).collect();
        assert_eq!(dirs, [absolute("/ro/hf/mlc-ai/Llama-3"), slot.entry().into()]);
        let private = absolute("/home/model_weights/.mlc-weights");
        assert_eq!(slot.lock_file(), private.join("locks/mlc-ai+Llama-3"));
        assert_eq!(slot.holder_file(), private.join("locks/mlc-ai+Llama-3+holder"));
        assert_eq!(slot.receipt_file(), private.join("receipts/mlc-ai+Llama-3.json"));
        let shared = slot.receipt_file_in(&Tier::ReadOnly(absolute("/ro")));
        assert_eq!(shared, absolute("/ro/.mlc-weights/receipts/mlc-ai+Llama-3.json"));
        assert_eq!(
            slot.receipt_file_in(&Tier::Writable(absolute("/home/model_weights"))),
            slot.receipt_file()
        );
        assert_eq!(slot.receipt_draft("1-a".as_ref()), private.join("receipts/mlc-ai+Llama-3+1-a"));
        assert_eq!(*Staging::of(&slot).folder(), private.join("staging/mlc-ai+Llama-3"));
    }

    #[test]
    fn the_places_of_a_revision_have_its_encoded_name() {
        let slot = slot("mlc-ai/Llama-3@refs/pr/1");
        assert_eq!(slot.entry(), absolute("/home/model_weights/hf/mlc-ai/Llama-3@refs%2Fpr%2F1"));
        let dirs: Vec<_> = slot.candidates().map(|(_, dir)| dir.to_path_buf()).collect();
        assert_eq!(dirs, [absolute("/ro/hf/mlc-ai/Llama-3@refs%2Fpr%2F1"), slot.entry().into()]);
        let receipts = absolute("/home/model_weights/.mlc-weights/receipts");
        assert_eq!(slot.receipt_file(), receipts.join("mlc-ai+Llama-3@refs%2Fpr%2F1.json"));
    }

    proptest! {
        #[test]
        fn no_two_models_share_a_private_file(
            a in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}(@[a-z+.]{1,4})?",
            b in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}(@[a-z+.]{1,4})?",
        ) {
            prop_assume!(a != b);
            if a.parse::<ModelRef>().is_err() || b.parse::<ModelRef>().is_err() {
                return Ok(()); // Names that Windows reserves, and text that is no revision.
            }
            let files = |model: &str| {
                let slot = slot(model);
                [slot.lock_file(), slot.holder_file(), slot.receipt_file(), Staging::of(&slot).folder().clone()]
            };
            for file in files(&a) {
                prop_assert!(!files(&b).contains(&file), "{}", file.display());
                let name = file.file_name().and_then(OsStr::to_str).unwrap().to_owned();
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+@%".contains(&b)), "{}", name);
            }
        }
    }
}
