//! The result that a caller gets.

use std::fmt;
use std::path::{Path, PathBuf};

use cache_layout::Tier;
use serde::{Serialize, Serializer};
use url_parse::{CommitId, Proof};

use crate::serialized;

/// A whole model in a directory. Serialized, it is an object of its fields, with the tier as its folder
/// and `read_only`, and with the members of the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Model {
    /// The directory with the shards, `tensor-cache.json`, `mlc-chat-config.json` and the rest of the
    /// repository. It is absolute.
    pub path: PathBuf,
    /// The tier of the cache that the directory is in.
    pub tier: Tier,
    /// The directory's commit. If the directory existed already, or another process put it there
    /// meanwhile, the commit is known from the cache's receipt, or from the requested revision if that
    /// is a full commit. `None` otherwise, for instance if another program made the directory.
    pub commit: Option<CommitId>,
    /// What proved, when it was downloaded, that its files belong to the commit; `None` if no receipt
    /// says so.
    pub proof: Option<Proof>,
    /// The source of the commit's content; `None` for a directory without a receipt.
    pub metadata: Option<MetadataOrigin>,
    /// How the model was obtained.
    pub outcome: Outcome,
}

/// The source of a commit's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataOrigin {
    /// The hub.
    Hub,
    /// A store that had the commit.
    Store,
    /// The application's own [`MetadataSource`](crate::metadata::MetadataSource).
    Application,
    /// The receipt of an earlier download in the cache; nothing was asked.
    Receipt,
}

#[derive(Serialize)]
struct ModelJson<'a> {
    #[serde(serialize_with = "serialized::path")]
    path: &'a Path,
    #[serde(serialize_with = "serialized::path")]
    tier: &'a Path,
    read_only: bool,
    #[serde(serialize_with = "serialized::optional_text")]
    commit: Option<CommitId>,
    proof: Option<&'static str>,
    metadata: Option<&'static str>,
    #[serde(flatten)]
    outcome: Outcome,
}

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = ModelJson {
            path: &self.path,
            tier: self.tier.path(),
            read_only: self.tier.is_read_only(),
            commit: self.commit,
            proof: self.proof.map(Proof::as_str),
            metadata: self.metadata.map(MetadataOrigin::as_str),
            outcome: self.outcome,
        };
        document.serialize(serializer)
    }
}

impl MetadataOrigin {
    /// The origin as a word in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Store => "store",
            Self::Application => "application",
            Self::Receipt => "receipt",
        }
    }
}

impl fmt::Display for MetadataOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a [`Model`] was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was in the cache: no request was made.
    Cached,
    /// It was downloaded.
    #[non_exhaustive]
    Downloaded {
        /// How many bytes of its files were received over the network in this run.
        bytes_received: u64,
        /// How many of these came from stores.
        bytes_from_store: u64,
        /// How many bytes of its files were copied from stores in folders.
        bytes_copied: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_a_json_object() {
        let outcome = Outcome::Downloaded { bytes_received: 3, bytes_from_store: 2, bytes_copied: 1 };
        let model = Model {
            path: "/home/hf/user/repo".into(),
            tier: Tier::Writable("/home".into()),
            commit: None,
            proof: Some(Proof::Git),
            metadata: Some(MetadataOrigin::Hub),
            outcome,
        };
        let json = |model: &Model| serde_json::to_string(model).unwrap();
        assert_eq!(
            json(&model),
            r#"{"path":"/home/hf/user/repo","tier":"/home","read_only":false,"commit":null,"proof":"git","metadata":"hub","outcome":"downloaded","bytes_received":3,"bytes_from_store":2,"bytes_copied":1}"#
        );
        let cached = json(&Model { outcome: Outcome::Cached, ..model });
        assert!(cached.ends_with(r#""metadata":"hub","outcome":"cached"}"#), "{cached}");
    }
}
