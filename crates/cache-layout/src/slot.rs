//! The names of everything that belongs to one model.

use std::path::{Path, PathBuf};

use url_parse::ModelId;

use crate::tier::Tier;

/// One model's places: its entry, its candidates in the read-only tiers, its private files. Names only;
/// made by [`CacheLayout::slot`](crate::CacheLayout::slot).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    model: ModelId,
    /// The model in one file name. User and repository have no `+`, so the name is unambiguous, and names
    /// with a second `+` are free for files beside it.
    file_name: String,
    home: PathBuf,
    private: PathBuf,
    /// In the order of look-up; the writable tier's is last.
    candidates: Vec<(Tier, PathBuf)>,
    entry: PathBuf,
}

impl Slot {
    pub(crate) fn new(model: &ModelId, home: &Path, private: &Path, tiers: &[Tier], writable: &Path) -> Self {
        let in_tier = |tier: &Path| tier.join("hf").join(model.user()).join(model.repo());
        Self {
            model: model.clone(),
            file_name: format!("{}+{}", model.user(), model.repo()),
            home: home.to_path_buf(),
            private: private.to_path_buf(),
            candidates: tiers.iter().map(|tier| (tier.clone(), in_tier(tier.path()))).collect(),
            entry: in_tier(writable),
        }
    }

    /// The model.
    pub const fn model(&self) -> &ModelId {
        &self.model
    }

    /// The model's directory in the writable tier, whether it exists or not.
    pub fn entry(&self) -> &Path {
        &self.entry
    }

    /// The model's directories in all tiers, in the order of look-up.
    pub fn candidates(&self) -> impl Iterator<Item = (&Tier, &Path)> {
        self.candidates.iter().map(|(tier, dir)| (tier, dir.as_path()))
    }

    pub(crate) fn file_name(&self) -> &str {
        &self.file_name
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.private.join("locks").join(&self.file_name)
    }

    pub(crate) fn holder_file(&self) -> PathBuf {
        self.private.join("locks").join(format!("{}+holder", self.file_name))
    }

    pub(crate) fn receipt_file(&self) -> PathBuf {
        self.private.join("receipts").join(format!("{}.json", self.file_name))
    }

    /// The one place that decides where a slot is staged: on the file system of the writable tier.
    pub(crate) fn staging(&self) -> PathBuf {
        self.private.join("staging").join(&self.file_name)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::prelude::*;

    use super::*;

    fn slot(user: &str, repo: &str) -> Slot {
        let tiers = [Tier::ReadOnly("/ro".into()), Tier::Writable("/home/model_weights".into())];
        let model = ModelId::new(user, repo).unwrap();
        let private = Path::new("/home/model_weights/.mlc-weights");
        Slot::new(&model, Path::new("/home"), private, &tiers, Path::new("/home/model_weights"))
    }

    #[test]
    fn places() {
        let slot = slot("mlc-ai", "Llama-3");
        assert_eq!(slot.entry(), Path::new("/home/model_weights/hf/mlc-ai/Llama-3"));
        let dirs: Vec<_> = slot.candidates().map(|(_, dir)| dir.to_path_buf()).collect();
        assert_eq!(dirs, [Path::new("/ro/hf/mlc-ai/Llama-3"), slot.entry()]);
        let private = Path::new("/home/model_weights/.mlc-weights");
        assert_eq!(slot.lock_file(), private.join("locks/mlc-ai+Llama-3"));
        assert_eq!(slot.holder_file(), private.join("locks/mlc-ai+Llama-3+holder"));
        assert_eq!(slot.receipt_file(), private.join("receipts/mlc-ai+Llama-3.json"));
        assert_eq!(slot.staging(), private.join("staging/mlc-ai+Llama-3"));
    }

    proptest! {
        #[test]
        fn no_two_models_share_a_private_file(
            a in ("[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}", "[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}"),
            b in ("[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}", "[A-Za-z0-9_][A-Za-z0-9_.-]{0,3}"),
        ) {
            prop_assume!(a != b);
            let (Ok(one), Ok(other)) = (ModelId::new(&a.0, &a.1), ModelId::new(&b.0, &b.1)) else {
                return Ok(()); // Names that Windows reserves.
            };
            let files = |model: &ModelId| {
                let slot = slot(model.user(), model.repo());
                [slot.lock_file(), slot.holder_file(), slot.receipt_file(), slot.staging()]
            };
            for file in files(&one) {
                prop_assert!(!files(&other).contains(&file), "{}", file.display());
                let name = file.file_name().and_then(OsStr::to_str).unwrap().to_owned();
                prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b)), "{}", name);
            }
        }
    }
}
