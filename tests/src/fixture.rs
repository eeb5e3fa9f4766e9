//! Model repositories as tests describe them.

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

use crate::access::Access;
use crate::store::Content;
use hostile::RawEntry;
use manifest::RealManifest;

/// A model repository, to be handed to [`LocalHub::publish`](crate::LocalHub::publish).
///
/// [`ModelFixture::new`] is a small model as `mlc_llm convert_weight` and `gen_config` leave it on the hub; every
/// method makes it larger, odder or worse. All contents are generated from fixed seeds and all dates are fixed, so
/// one fixture has the same commit in every run.
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
    stated_sizes: BTreeMap<usize, u64>,
    config: Option<Config>,
    files: BTreeMap<String, File>,
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

#[derive(Clone, Debug)]
struct Shard {
    path: String,
    content: Content,
}

#[derive(Clone, Debug)]
struct File {
    content: Content,
    lfs: bool,
    /// What the data host serves instead.
    served: Option<Content>,
}

#[derive(Clone, Debug)]
enum Config {
    /// With these `tokenizer_files`.
    Usual(Vec<String>),
    Given(Vec<u8>),
}

impl ModelFixture {
    /// A small but complete model `user/repo`: three shards of some ten kilobytes, `tensor-cache.json` with MD5,
    /// `mlc-chat-config.json`, `tokenizer.json` (the shards and it are LFS files), `tokenizer_config.json`,
    /// `README.md` and `.gitattributes`.
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

    /// A repository without a single file, to which the other methods add some.
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
            stated_sizes: BTreeMap::new(),
            config: None,
            files: BTreeMap::new(),
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

    /// The `user/repo` it was made for.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same fixture under another name.
    #[must_use]
    pub fn named(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// Generates every random content anew: another model with the same shape, as a second commit needs it.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    // Shards.

    /// `count` shards of `size` bytes each, `params_shard_0.bin` and so on, instead of those it has.
    #[must_use]
    pub fn shards(mut self, count: usize, size: u64) -> Self {
        self.shards.clear();
        for index in 0..count {
            self = self.shard(&format!("params_shard_{index}.bin"), size);
        }
        self
    }

    /// One more shard, at any path.
    #[must_use]
    pub fn shard(mut self, path: &str, size: u64) -> Self {
        self.shards.push(Shard { path: path.to_owned(), content: files::generated(path, size) });
        self
    }

    /// One more shard with these bytes.
    #[must_use]
    pub fn shard_with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.shards.push(Shard { path: path.to_owned(), content: Content::from(bytes) });
        self
    }

    /// Shards are ordinary git blobs instead of LFS files: the metadata clone brings them, and there is no SHA-256.
    #[must_use]
    pub fn plain_shards(mut self) -> Self {
        self.shards_in_git = true;
        self
    }

    // The manifest.

    /// Under which names there is a manifest.
    #[must_use]
    pub fn manifests(mut self, manifests: Manifests) -> Self {
        self.manifests = manifests;
        self
    }

    /// The manifest, byte for byte, under the names that [`ModelFixture::manifests`] sets.
    #[must_use]
    pub fn manifest_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.manifest_bytes = Some(bytes.into());
        self
    }

    /// A real model's manifest with its records, names and order, but every shard `divisor` times smaller (at least
    /// one byte). `nbytes`, the inner `byteOffset`s and `md5sum` (where the original has one) are rewritten to
    /// match, so that the sizes of the inner records still add up to the shard; their shapes are left as they are.
    /// The shards replace those the fixture has.
    ///
    /// Publishing fails when `json` is not a manifest.
    #[must_use]
    pub fn real_manifest(mut self, manifests: Manifests, json: &str, divisor: u64) -> Self {
        self.manifests = manifests;
        self.real_manifest = Some(RealManifest::new(json, divisor));
        self.shards.clear();
        self
    }

    /// What the manifest says about MD5.
    #[must_use]
    pub fn md5(mut self, field: Md5Field) -> Self {
        self.md5 = field;
        self
    }

    /// The manifest has no `md5sum`, as before November 2023.
    #[must_use]
    pub fn without_md5(self) -> Self {
        self.md5(Md5Field::Absent)
    }

    /// The manifest has a wrong (but well-formed) `md5sum` for the shard with this index.
    #[must_use]
    pub fn wrong_md5(mut self, index: usize) -> Self {
        self.wrong_md5.insert(index);
        self
    }

    /// The manifest states `nbytes` for the shard with this index, whatever its size is.
    #[must_use]
    pub fn stated_size(mut self, index: usize, nbytes: u64) -> Self {
        self.stated_sizes.insert(index, nbytes);
        self
    }

    /// The manifests are themselves LFS files.
    #[must_use]
    pub fn lfs_manifest(self) -> Self {
        self.as_lfs("tensor-cache.json").as_lfs("ndarray-cache.json")
    }

    // The chat configuration.

    /// `mlc-chat-config.json`, byte for byte.
    #[must_use]
    pub fn config_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.config = Some(Config::Given(bytes.into()));
        self
    }

    /// No `mlc-chat-config.json`.
    #[must_use]
    pub fn without_config(mut self) -> Self {
        self.config = None;
        self
    }

    /// The `tokenizer_files` that `mlc-chat-config.json` lists. The files themselves are not touched.
    #[must_use]
    pub fn tokenizer_files(mut self, paths: &[&str]) -> Self {
        self.config = Some(Config::Usual(paths.iter().map(|path| (*path).to_owned()).collect()));
        self
    }

    /// `mlc-chat-config.json` is itself an LFS file.
    #[must_use]
    pub fn lfs_config(self) -> Self {
        self.as_lfs("mlc-chat-config.json")
    }

    // Other files.

    /// A file that git itself holds.
    #[must_use]
    pub fn plain_file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.file(path, Content::from(bytes), false)
    }

    /// An LFS file: git holds the pointer. A path `….bin` makes one that the manifest does not list.
    #[must_use]
    pub fn lfs_file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.file(path, Content::from(bytes), true)
    }

    /// An LFS file of generated bytes.
    #[must_use]
    pub fn random_lfs_file(self, path: &str, size: u64) -> Self {
        self.file(path, files::generated(path, size), true)
    }

    /// Turns the file at `path`, whichever method makes it, into an LFS file.
    #[must_use]
    pub fn as_lfs(mut self, path: &str) -> Self {
        self.lfs.insert(path.to_owned());
        self
    }

    /// An LFS file for which the data host has other bytes than its pointer promises.
    #[must_use]
    pub fn lying_lfs_file(mut self, path: &str, promised: &[u8], served: &[u8]) -> Self {
        let file = File { content: Content::from(promised), lfs: true, served: Some(Content::from(served)) };
        self.files.insert(path.to_owned(), file);
        self
    }

    /// Without a file that was added before.
    #[must_use]
    pub fn without_file(mut self, path: &str) -> Self {
        self.files.remove(path);
        self.shards.retain(|shard| shard.path != path);
        self
    }

    fn file(mut self, path: &str, content: Content, lfs: bool) -> Self {
        self.files.insert(path.to_owned(), File { content, lfs, served: None });
        self
    }

    // What no good repository has.

    /// A symbolic link (mode 120000).
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.raw_entry("120000", path, RawTarget::Blob(target.as_bytes().to_vec()))
    }

    /// A submodule (mode 160000), without a `.gitmodules`.
    #[must_use]
    pub fn submodule(self, path: &str) -> Self {
        self.raw_entry(
            "160000",
            path,
            RawTarget::Object("0123456789abcdef0123456789abcdef01234567".to_owned()),
        )
    }

    /// An entry of the root tree, written past all of git's checks: any mode, any name without a NUL, `..`, `.git`,
    /// `a/b`, `C:x`, backslashes and control characters included. It replaces an entry of the same name.
    #[must_use]
    pub fn raw_entry(mut self, mode: &str, name: impl AsRef<[u8]>, target: RawTarget) -> Self {
        self.raw.push(RawEntry { mode: mode.to_owned(), name: name.as_ref().to_vec(), target });
        self
    }

    /// The repository exists, but nothing was ever committed.
    #[must_use]
    pub fn empty_repository(mut self) -> Self {
        self.empty = true;
        self
    }

    // History, references, access.

    /// Before the commit with the model there are `commits` others, with `bytes` of incompressible, since deleted
    /// files spread over them.
    #[must_use]
    pub fn history(mut self, commits: usize, bytes: u64) -> Self {
        self.old_commits = commits;
        self.old_bytes = bytes;
        self
    }

    /// The branch that the commit goes to (`main`).
    #[must_use]
    pub fn on_branch(mut self, branch: &str) -> Self {
        branch.clone_into(&mut self.branch);
        self
    }

    /// Tags the commit. A name that starts with `refs/` is taken as it is, so `refs/pr/1` can be made too.
    #[must_use]
    pub fn tag(mut self, name: &str) -> Self {
        self.tags.push(name.to_owned());
        self
    }

    /// The branch that `HEAD` points to (`main`); it need not exist.
    #[must_use]
    pub fn head(mut self, branch: &str) -> Self {
        branch.clone_into(&mut self.head);
        self
    }

    /// Who may read the repository (everyone).
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }
}
