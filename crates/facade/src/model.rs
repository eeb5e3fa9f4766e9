//! What a caller gets.

use std::path::{Path, PathBuf};

use cache_layout::Tier;
use serde::{Serialize, Serializer};
use url_parse::{CommitId, Proof};

use crate::serialized;

/// A model that is whole, in a directory. Serialized, it is an object of its fields, with the tier as its folder and
/// whether that is `read_only`, and the members of the outcome among them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Model {
    /// The directory that holds the shards, `tensor-cache.json`, `mlc-chat-config.json` and the rest of the
    /// repository. It is absolute.
    pub path: PathBuf,
    /// The tier of the cache that the directory belongs to.
    pub tier: Tier,
    /// The commit that the directory is of. For one that was there already, or that another process has put there
    /// meanwhile, the cache's receipt says it, or the revision that was asked for, when that is a full commit;
    /// `None` when neither does, as for a directory that another program made.
    pub commit: Option<CommitId>,
    /// What showed, when it was downloaded, that its files are those of the commit; `None` when no receipt says so.
    pub proof: Option<Proof>,
    /// Where it is known from what the commit holds; `None` for a directory that there is no receipt of.
    pub metadata: Option<MetadataOrigin>,
    /// How the model came about.
    pub outcome: Outcome,
}

/// Where it is known from what a model's commit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataOrigin {
    /// The hub was asked.
    Hub,
    /// A store had the commit.
    Store,
    /// The application's own [`MetadataSource`](crate::metadata::MetadataSource) was asked.
    Application,
    /// Nobody was asked: the cache has the receipt of an earlier download.
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
    /// The origin in one word, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Store => "store",
            Self::Application => "application",
            Self::Receipt => "receipt",
        }
    }
}

/// How a [`Model`] came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was in the cache: no request was made.
    Cached,
    /// It was downloaded.
    Downloaded {
        /// How many bytes of its files came over the network, now and not in an earlier, interrupted run.
        bytes_received: u64,
        /// How many of these a store has given.
        bytes_from_store: u64,
        /// How many bytes of its files were copied out of a store in a folder.
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
