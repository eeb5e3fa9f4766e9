//! Model repositories as tests describe them.

mod builder;
mod files;
mod hostile;
mod import;
mod manifest;
mod plan;
mod published;

use std::collections::{BTreeMap, BTreeSet};

pub use hostile::RawTarget;
pub use manifest::{Manifests, Md5Field};
pub use published::{FixtureFile, PublishedModel};

pub(crate) use import::{Repository, Tip, references};
pub(crate) use plan::{Entry, Planned, plan};

use crate::store::Content;
use hostile::RawEntry;
use manifest::RealManifest;

/// A model repository, to be passed to [`LocalHub::publish`](crate::LocalHub::publish).
///
/// [`ModelFixture::new`] is a small model like those that `mlc_llm convert_weight` and `gen_config`
/// produce; each method makes it larger, unusual or broken. All contents are generated from fixed seeds
/// and all dates are fixed, so a fixture has the same commit in every run.
#[derive(Clone, Debug)]
pub struct ModelFixture {
    id: String,
    shards: Vec<Shard>,
    shards_in_git: bool,
    manifests: Manifests,
    manifest_bytes: Option<Vec<u8>>,
    real_manifest: Option<RealManifest>,
    lfs: BTreeSet<String>,
    md5: Md5Field,
    wrong_md5: BTreeSet<usize>,
    flipped_bits: BTreeMap<usize, u64>,
    stated_sizes: BTreeMap<usize, u64>,
    config: Option<Config>,
    files: BTreeMap<String, GivenFile>,
    links: BTreeMap<String, Link>,
    raw: Vec<RawEntry>,
    old_commits: usize,
    old_bytes: u64,
    pub(crate) branch: String,
    tags: Vec<String>,
    pub(crate) head: String,
    pub(crate) empty: bool,
    pub(crate) access: Access,
    seed: u64,
}

/// Access to one repository; see [`ModelFixture::access`](ModelFixture::access).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    #[default]
    Public,
    /// Only clients with one of these tokens; for others the repository does not exist.
    Private(Vec<String>),
    /// Everyone can see it, but only clients with one of these tokens can read its files.
    Gated(Vec<String>),
    /// No one: "Access to this resource is disabled."
    Disabled,
}

#[derive(Clone, Debug)]
struct Shard {
    path: String,
    content: Content,
}

#[derive(Clone, Debug)]
struct GivenFile {
    content: Content,
    lfs: bool,
    /// What the data host serves instead.
    served: Option<Content>,
}

/// What git contains besides files.
#[derive(Clone, Debug)]
enum Link {
    /// With this target.
    Symbolic(String),
    Submodule,
}

#[derive(Clone, Debug)]
enum Config {
    /// With these `tokenizer_files`.
    Usual(Vec<String>),
    Given(Vec<u8>),
}

impl ModelFixture {
    /// A small but complete model `user/repo`: three shards of some ten kilobytes, `tensor-cache.json`
    /// with MD5, `mlc-chat-config.json`, `tokenizer.json` (this and the shards are LFS files),
    /// `tokenizer_config.json`, `README.md` and `.gitattributes`.
    pub fn new(id: &str) -> Self {
        let tokenizers = ["tokenizer.json", "tokenizer_config.json"].map(str::to_owned);
        let fixture = Self {
            config: Some(Config::Usual(tokenizers.to_vec())),
            manifests: Manifests::TensorCache,
            ..Self::without_files(id)
        };
        fixture
            .shard("params_shard_0.bin", 98_304)
            .shard("params_shard_1.bin", 65_536)
            .shard("params_shard_2.bin", 40_962)
            .random_lfs_file("tokenizer.json", 20_000)
            .plain_file("tokenizer_config.json", files::TOKENIZER_CONFIG)
            .plain_file("README.md", files::readme(id))
            .plain_file(".gitattributes", files::GIT_ATTRIBUTES)
    }

    /// A repository without files, to which other methods add some.
    pub fn without_files(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            shards: Vec::new(),
            shards_in_git: false,
            manifests: Manifests::None,
            manifest_bytes: None,
            real_manifest: None,
            lfs: BTreeSet::new(),
            md5: Md5Field::Present,
            wrong_md5: BTreeSet::new(),
            flipped_bits: BTreeMap::new(),
            stated_sizes: BTreeMap::new(),
            config: None,
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            raw: Vec::new(),
            old_commits: 0,
            old_bytes: 0,
            branch: "main".to_owned(),
            tags: Vec::new(),
            head: "main".to_owned(),
            empty: false,
            access: Access::Public,
            seed: 0,
        }
    }

    /// Its name `user/repo`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same fixture under another name.
    #[must_use]
    pub fn named(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }
}
