//! Decides which files a download needs, and what each of them must be.

use std::collections::{BTreeMap, HashMap};

use cache_layout::{ContentName, ReceiptFile};
use hf_transport::{FileKind, LfsPointer, RepoFile, RepoSnapshot};
use shard_fetch::{Expected, Manifest, Sha256Digest, ShardRecord};
use url_parse::{CommitId, ModelId, RepoPath};

use crate::Error;

/// What remains to be done for the files of one commit, after its plain files were written.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Files to fetch, each path once.
    pub(crate) fetches: Vec<RemoteFile>,
    /// Shards that the repository keeps in git: already written, still to be verified.
    pub(crate) plain_shards: Vec<(RepoPath, Expected)>,
    /// Large `.bin` files that the manifest does not name: neither fetched nor written.
    pub(crate) unlisted: Vec<RepoPath>,
}

/// A file to fetch.
#[derive(Clone, Debug)]
pub(crate) struct RemoteFile {
    pub(crate) path: RepoPath,
    pub(crate) expected: Expected,
    pub(crate) content: ContentName,
}

impl RemoteFile {
    /// A file known only by its LFS pointer.
    pub(crate) fn from_pointer(path: &RepoPath, pointer: &LfsPointer) -> Self {
        let sha256 = Some(Sha256Digest::from_bytes(pointer.oid));
        let expected = Expected { size: pointer.size, md5: None, sha256 };
        Self { path: path.clone(), expected, content: ContentName::sha256(pointer.oid) }
    }

    /// The file's entry in the receipt.
    pub(crate) fn receipt_file(&self) -> ReceiptFile {
        ReceiptFile {
            path: self.path.clone(),
            size: self.expected.size,
            sha256: self.expected.sha256.map(|digest| *digest.as_bytes()),
            md5: self.expected.md5.map(|digest| *digest.as_bytes()),
        }
    }
}

impl Plan {
    /// Combines the commit's files with those that the manifest names.
    ///
    /// # Errors
    ///
    /// [`Error::MissingShard`] and [`Error::Contradiction`], both before any byte is fetched.
    pub(crate) fn new(model: &ModelId, snapshot: &RepoSnapshot, manifest: &Manifest) -> Result<Self, Error> {
        let mut plan = Self::default();
        let files: HashMap<&RepoPath, &RepoFile> =
            snapshot.files.iter().map(|file| (&file.path, file)).collect();
        let records: BTreeMap<&RepoPath, &ShardRecord> =
            manifest.records().iter().map(|record| (&record.path, record)).collect();
        for record in manifest.records() {
            let file = files.get(&record.path).ok_or_else(|| missing(model, &snapshot.commit, record))?;
            plan.shard(model, record, file)?;
        }
        for file in &snapshot.files {
            match file.kind {
                FileKind::Lfs(pointer) if !records.contains_key(&file.path) => plan.other(file, &pointer),
                _ => {}
            }
        }
        Ok(plan)
    }

    /// Logs the totals.
    pub(crate) fn log(&self, commit: &CommitId) {
        let bytes: u64 = self.fetches.iter().map(|file| file.expected.size).sum();
        tracing::info!(%commit, files = self.fetches.len(), bytes, "planned");
    }

    fn shard(&mut self, model: &ModelId, record: &ShardRecord, file: &RepoFile) -> Result<(), Error> {
        if file.size != record.size {
            return Err(Error::Contradiction {
                model: model.clone(),
                path: record.path.clone(),
                first: "the manifest",
                expected: format!("{} bytes", record.size),
                second: "the commit",
                actual: format!("{} bytes", file.size),
            });
        }
        let md5 = record.md5;
        match file.kind {
            FileKind::Plain => {
                let expected = Expected { size: file.size, md5, sha256: None };
                self.plain_shards.push((record.path.clone(), expected));
            }
            FileKind::Lfs(pointer) => {
                let mut planned = RemoteFile::from_pointer(&record.path, &pointer);
                planned.expected.md5 = md5;
                self.fetches.push(planned);
            }
        }
        Ok(())
    }

    /// A large file that is not a shard, such as a tokenizer. Unlisted `.bin` files are left over from
    /// other formats; the Python original does not fetch them either.
    fn other(&mut self, file: &RepoFile, pointer: &LfsPointer) {
        if file.path.as_str().ends_with(".bin") {
            self.unlisted.push(file.path.clone());
        } else {
            self.fetches.push(RemoteFile::from_pointer(&file.path, pointer));
        }
    }
}

fn missing(model: &ModelId, commit: &CommitId, record: &ShardRecord) -> Error {
    Error::MissingShard { model: model.clone(), commit: *commit, path: record.path.clone() }
}

#[cfg(test)]
mod tests {
    use url_parse::Proof;

    use super::*;

    const MANIFEST: &str = r#"{"metadata": {}, "records": [
        {"dataPath": "params_shard_0.bin", "format": "raw-shard", "nbytes": 10, "records": [],
         "md5sum": "0123456789abcdef0123456789abcdef"},
        {"dataPath": "params_shard_1.bin", "format": "raw-shard", "nbytes": 20, "records": []}]}"#;

    fn path(text: &str) -> RepoPath {
        text.parse().unwrap()
    }

    fn lfs(name: &str, size: u64) -> RepoFile {
        RepoFile::lfs(path(name), LfsPointer { oid: [7; 32], size })
    }

    fn plain(name: &str, size: u64) -> RepoFile {
        RepoFile::plain(path(name), size)
    }

    fn plan(files: Vec<RepoFile>) -> Result<Plan, Error> {
        let manifest = Manifest::parse(MANIFEST.as_bytes(), "tensor-cache.json").unwrap();
        let model = ModelId::new("mlc-ai", "Llama").unwrap();
        let commit = CommitId::from_bytes([1; 20]);
        let snapshot = RepoSnapshot::new(commit, Proof::Git, files);
        Plan::new(&model, &snapshot, &manifest)
    }

    #[test]
    fn shards_take_both_digests_and_other_lfs_files_one() {
        let plan = plan(vec![
            plain("tensor-cache.json", 5),
            lfs("params_shard_0.bin", 10),
            plain("params_shard_1.bin", 20),
            lfs("tokenizer.json", 30),
            lfs("pytorch_model.bin", 40),
        ])
        .unwrap();
        let fetched: Vec<_> = plan.fetches.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(fetched, ["params_shard_0.bin", "tokenizer.json"]);
        assert!(plan.fetches[0].expected.md5.is_some() && plan.fetches[0].expected.sha256.is_some());
        assert!(plan.fetches[1].expected.md5.is_none());
        assert_eq!(plan.plain_shards.len(), 1);
        assert_eq!(plan.plain_shards[0].0.as_str(), "params_shard_1.bin");
        assert_eq!(plan.unlisted, [path("pytorch_model.bin")]);
    }

    #[test]
    fn a_shard_that_the_commit_lacks_is_found_before_any_request() {
        let error = plan(vec![lfs("params_shard_0.bin", 10)]).unwrap_err();
        assert!(matches!(&error, Error::MissingShard { .. }), "{error:?}");
        assert!(error.to_string().contains("params_shard_1.bin"), "{error}");
    }

    #[test]
    fn manifest_and_pointer_must_agree_on_the_size() {
        let error = plan(vec![lfs("params_shard_0.bin", 11), lfs("params_shard_1.bin", 20)]).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Integrity);
        let message = error.to_string();
        assert!(message.contains("the manifest says 10 bytes, the commit says 11 bytes"), "{message}");
    }
}
