//! The models on a hub.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;

use crate::fixture::{
    Access, Entry, FixtureFile, ModelFixture, Planned, PublishedModel, Repository, Tip, plan, references,
};
use crate::git::Git;
use crate::hex::name_of;
use crate::store::{Store, Stored};

/// All models of one hub, and their shared contents.
#[derive(Debug)]
pub(crate) struct Models {
    folder: PathBuf,
    git: Git,
    store: Store,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    models: HashMap<String, Model>,
    /// Old name to new name.
    renamed: HashMap<String, String>,
    /// The data host's objects, by the path of their URL.
    objects: HashMap<String, Vec<Object>>,
}

#[derive(Debug)]
struct Model {
    repository: Arc<Repository>,
    access: Access,
    head: String,
    /// Full names of references.
    references: HashMap<String, String>,
    commits: HashMap<String, Arc<Commit>>,
}

/// The files of one commit.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) id: String,
    files: BTreeMap<String, Arc<HubFile>>,
}

/// One file as the hub serves it.
#[derive(Debug)]
pub(crate) struct HubFile {
    pub(crate) path: String,
    /// The id of the git blob: of the pointer, for LFS.
    pub(crate) blob: String,
    /// For LFS files.
    pub(crate) object: Option<Object>,
    pub(crate) stored: Stored,
}

/// An LFS file on the data host.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) model: String,
    pub(crate) file: String,
    /// The digest in the pointer.
    pub(crate) sha256: String,
    pub(crate) size: u64,
    /// The data host's own name for the content, which is not the SHA-256.
    pub(crate) xet_hash: String,
    /// The path of its URL.
    pub(crate) url_path: String,
    pub(crate) stored: Stored,
}

impl Models {
    /// Keeps everything below `folder`, which exists and is empty.
    pub(crate) fn new(folder: PathBuf) -> Result<Self> {
        let home = folder.join("home");
        std::fs::create_dir(&home).with_context(|| format!("create {}", home.display()))?;
        let git = Git::isolated(home)?;
        let store = Store::new(folder.join("objects"))?;
        Ok(Self { folder, git, store, known: Mutex::default() })
    }

    pub(crate) fn git(&self) -> &Git {
        &self.git
    }

    /// Commits the fixture: on top of its branch, or with `replace` instead of it.
    pub(crate) fn publish(&self, fixture: &ModelFixture, replace: bool) -> Result<PublishedModel> {
        let (user, repo) = split_id(fixture.id())?;
        let planned =
            plan(fixture, &self.store).with_context(|| format!("make the model {}", fixture.id()))?;
        let (repository, parent) = self.repository(fixture)?;
        repository.set_head(&fixture.head)?;
        let tip = if fixture.empty {
            Tip { commit: String::new(), blobs: Vec::new() }
        } else {
            let parent = parent.filter(|_| !replace);
            repository.commit(fixture, &planned, parent.as_deref())?
        };
        self.remember(fixture, &planned, &tip);
        Ok(PublishedModel {
            user: user.to_owned(),
            repo: repo.to_owned(),
            url: format!("HF://{}", fixture.id()),
            commit: tip.commit,
            files: planned.entries.iter().map(FixtureFile::new).collect(),
        })
    }

    /// The model's repository, created if it is new, and the tip of the fixture's branch.
    fn repository(&self, fixture: &ModelFixture) -> Result<(Arc<Repository>, Option<String>)> {
        let mut known = self.known.lock();
        if let Some(model) = known.models.get(fixture.id()) {
            let tip = model.references.get(&format!("refs/heads/{}", fixture.branch)).cloned();
            return Ok((Arc::clone(&model.repository), tip));
        }
        let folder = self.folder.join("git").join(fixture.id());
        let repository = Arc::new(Repository::create(&self.git, folder)?);
        let model = Model {
            repository: Arc::clone(&repository),
            access: Access::Public,
            head: fixture.head.clone(),
            references: HashMap::new(),
            commits: HashMap::new(),
        };
        known.models.insert(fixture.id().to_owned(), model);
        Ok((repository, None))
    }

    fn remember(&self, fixture: &ModelFixture, planned: &Planned, tip: &Tip) {
        let mut known = self.known.lock();
        let mut files = BTreeMap::new();
        for (entry, blob) in planned.entries.iter().zip(&tip.blobs) {
            let object = entry.lfs.then(|| Object::new(fixture.id(), entry));
            if let Some(object) = &object {
                let same_path = known.objects.entry(object.url_path.clone()).or_default();
                if same_path.iter().all(|known| known.file != object.file) {
                    same_path.push(object.clone());
                }
            }
            let (path, blob, stored) = (entry.path.clone(), blob.clone(), entry.served.clone());
            files.insert(path.clone(), Arc::new(HubFile { path, blob, object, stored }));
        }
        let Some(model) = known.models.get_mut(fixture.id()) else { return };
        model.access = fixture.access.clone();
        model.head.clone_from(&fixture.head);
        if fixture.empty {
            return;
        }
        let commit = Arc::new(Commit { id: tip.commit.clone(), files });
        model.commits.insert(tip.commit.clone(), commit);
        let branch = format!("refs/heads/{}", fixture.branch);
        for name in references(fixture).chain([branch]) {
            model.references.insert(name, tip.commit.clone());
        }
    }

    pub(crate) fn forget(&self, id: &str, commit: &str, api_remembers: bool) -> Result<()> {
        let folder = self.repository_folder(id).with_context(|| format!("there is no model {id}"))?;
        // git keeps objects in packs marked to be kept, or named by a reference log; there are neither
        // here.
        self.git.run(&folder, &["repack", "-a", "-d", "-q"], b"")?;
        self.git.run(&folder, &["prune", "--expire=now"], b"")?;
        if let Some(model) = self.known.lock().models.get_mut(id).filter(|_| !api_remembers) {
            model.commits.remove(commit);
        }
        Ok(())
    }

    pub(crate) fn rename(&self, old: &str, new: &str) {
        let mut known = self.known.lock();
        if let Some(model) = known.models.remove(old) {
            known.models.insert(new.to_owned(), model);
        }
        known.renamed.insert(old.to_owned(), new.to_owned());
    }

    /// The new name of a model that was renamed, or is known in different case.
    pub(crate) fn moved_to(&self, id: &str) -> Option<String> {
        let known = self.known.lock();
        if known.models.contains_key(id) {
            return None;
        }
        let renamed = known.renamed.get(id).cloned();
        renamed.or_else(|| known.models.keys().find(|other| other.eq_ignore_ascii_case(id)).cloned())
    }

    pub(crate) fn access(&self, id: &str) -> Option<Access> {
        self.known.lock().models.get(id).map(|model| model.access.clone())
    }

    pub(crate) fn set_access(&self, id: &str, access: Access) {
        if let Some(model) = self.known.lock().models.get_mut(id) {
            model.access = access;
        }
    }

    /// Every token that some model accepts.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let known = self.known.lock();
        let tokens = known.models.values().filter_map(|model| match &model.access {
            Access::Private(tokens) | Access::Gated(tokens) => Some(tokens),
            Access::Public | Access::Disabled => None,
        });
        tokens.flatten().cloned().collect()
    }

    pub(crate) fn repository_folder(&self, id: &str) -> Option<PathBuf> {
        self.known.lock().models.get(id).map(|model| model.repository.folder.clone())
    }

    /// The branch that a clone gets, and that a missing `revision` means.
    pub(crate) fn head(&self, id: &str) -> Option<String> {
        self.known.lock().models.get(id).map(|model| model.head.clone())
    }

    /// The commit of a branch, a tag, a full reference or a commit id. Only published commits are
    /// known, not those of a fixture's invented history.
    pub(crate) fn commit(&self, id: &str, revision: &str) -> Option<Arc<Commit>> {
        let known = self.known.lock();
        let model = known.models.get(id)?;
        let names = [revision.to_owned(), format!("refs/heads/{revision}"), format!("refs/tags/{revision}")];
        let named = names.iter().find_map(|name| model.references.get(name));
        model.commits.get(named.map_or(revision, String::as_str)).cloned()
    }

    /// The only published commit whose id begins with these digits.
    pub(crate) fn short_commit(&self, id: &str, start: &str) -> Option<Arc<Commit>> {
        let known = self.known.lock();
        let mut commits =
            known.models.get(id)?.commits.values().filter(|commit| commit.id.starts_with(start));
        commits.next().filter(|_| commits.next().is_none() && start.len() >= 7).cloned()
    }

    /// An LFS file of the model with this SHA-256.
    pub(crate) fn object(&self, id: &str, sha256: &str) -> Option<Object> {
        let known = self.known.lock();
        let mut commits = known.models.get(id)?.commits.values();
        let object = |file: &Arc<HubFile>| file.object.clone().filter(|object| object.sha256 == sha256);
        commits.find_map(|commit| commit.files.values().find_map(object))
    }

    /// The LFS files whose bytes are at this path of the data host.
    pub(crate) fn objects_at(&self, url_path: &str) -> Vec<Object> {
        self.known.lock().objects.get(url_path).cloned().unwrap_or_default()
    }
}

impl Commit {
    /// All files, in order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = &HubFile> {
        self.files.values().map(|file| &**file)
    }

    pub(crate) fn file(&self, path: &str) -> Option<Arc<HubFile>> {
        self.files.get(path).cloned()
    }
}

impl Object {
    fn new(model: &str, entry: &Entry) -> Self {
        let xet_hash = name_of(&format!("xet {}", entry.stored.sha256), 64);
        let repository = name_of(&format!("repository {model}"), 24);
        Self {
            model: model.to_owned(),
            file: entry.path.clone(),
            sha256: entry.stored.sha256.clone(),
            size: entry.stored.size,
            url_path: format!("/xet-bridge-us/{repository}/{xet_hash}"),
            xet_hash,
            stored: entry.served.clone(),
        }
    }
}

/// The two parts of `user/repo`.
fn split_id(id: &str) -> Result<(&str, &str)> {
    let (user, repo) =
        id.split_once('/').with_context(|| format!("a model is named user/repo, not {id:?}"))?;
    let is_good = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    ensure!(is_good(user) && is_good(repo), "a model is named user/repo, not {id:?}");
    Ok((user, repo))
}
