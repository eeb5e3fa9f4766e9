//! What the model consists of: its commit, its manifest, its configuration.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_layout::read_plain;
use hf_transport::{
    FileKind, HubClient, HubMetadata, MetadataRequest, MetadataSource, RepoFile, RepoSnapshot,
};
use net::RetryBudget;
use shard_fetch::{CHAT_CONFIG_NAME, ChatConfig, MANIFEST_NAMES, MAX_METADATA_BYTES, Manifest};
use url_parse::{CommitId, DiskError, Proof, RepoPath, Revision};

use super::for_push::PackKeeper;
use super::shards::Bytes;
use super::work::Work;
use crate::context::OwnSource;
use crate::plan::RemoteFile;
use crate::proof::check_snapshot;
use crate::{Error, Event, Warning};

/// The files that describe a model, parsed and validated.
pub(super) struct Described {
    /// The manifest's name in the repository.
    pub(super) manifest_path: RepoPath,
    pub(super) manifest: Manifest,
    config: ChatConfig,
    /// Those that were LFS files.
    pub(super) fetched: Vec<RemoteFile>,
    pub(super) bytes: Bytes,
}

impl Described {
    /// Files that the configuration names and the commit does not have.
    pub(super) fn lacking(&self, snapshot: &RepoSnapshot) -> Vec<RepoPath> {
        let held: HashSet<_> = snapshot.files.iter().map(|file| &file.path).collect();
        self.config.tokenizer_files().iter().filter(|path| !held.contains(path)).cloned().collect()
    }
}

impl Work {
    /// Asks the stores, then the hub, for the commit and its plain files; retries transient failures.
    pub(super) async fn snapshot(&self) -> Result<RepoSnapshot, Error> {
        if let Some(snapshot) = self.stored_snapshot().await? {
            return Ok(snapshot);
        }
        let mut source = self.source(self.hub.clone().impatient());
        let mut is_first = true;
        let mut budget = RetryBudget::new(self.context.retry.clone());
        let started = Instant::now();
        let mut restored = self.restored_commit();
        loop {
            tracing::info!(attempt = budget.attempts() + 1, "requesting the metadata");
            self.observer().on_event(&Event::Metadata { model: self.request.model() });
            let cause = match source.fetch(self.metadata_request(restored).await?).await {
                Ok(snapshot) => return self.proven(snapshot).await,
                Err(hf_transport::Error::RevisionNotFound { .. }) if restored.is_some() => {
                    if let Some(commit) = restored.take() {
                        self.warn(Warning::CommitGone { commit: &commit });
                    }
                    continue;
                }
                // Another connection may be better.
                Err(error) if error.is_too_slow() && is_first => {
                    (source, is_first) = (self.source(self.hub.clone()), false);
                    tracing::info!(%error, "the metadata arrives too slowly: trying another connection");
                    continue;
                }
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error.into()),
            };
            (source, is_first) = (self.source(self.hub.clone()), false);
            let Some(pause) = pause_after(&cause, &mut budget) else {
                return Err(Error::MetadataGaveUp {
                    model: self.request.model().clone(),
                    attempts: budget.attempts(),
                    elapsed: started.elapsed(),
                    source: cause,
                });
            };
            let pause = cause.server_wait().map_or(pause, |wait| wait.max(pause));
            tracing::info!(attempt = budget.attempts(), delay = ?pause, error = %cause, "retrying the metadata");
            self.observer().on_event(&Event::RetryingMetadata { pause, cause: &cause });
            tokio::time::sleep(pause).await;
        }
    }

    /// The commit that a repaired model keeps.
    pub(super) fn restored_commit(&self) -> Option<CommitId> {
        let mended = self.mended.as_ref().filter(|_| !self.request.updates());
        mended.map(|receipt| receipt.commit)
    }

    fn source(&self, hub: HubClient) -> Arc<dyn MetadataSource> {
        match (&self.context.metadata, &self.for_push) {
            (Some(OwnSource(source)), _) => Arc::clone(source),
            (None, Some(for_push)) => Arc::new(PackKeeper::new(hub, for_push.clone())),
            (None, None) => Arc::new(HubMetadata::new(hub)),
        }
    }

    /// Returns the snapshot if it may be trusted, with a warning if it is not proven.
    async fn proven(&self, snapshot: RepoSnapshot) -> Result<RepoSnapshot, Error> {
        if snapshot.proof == Proof::Git {
            return Ok(snapshot);
        }
        let (context, has_served_git) = (Arc::clone(&self.context), self.hub.has_served_git());
        let snapshot = self
            .lease
            .on_disk(move |lease, _| {
                check_snapshot(&context, &lease.slot, &snapshot, has_served_git)?;
                Ok(snapshot)
            })
            .await?;
        tracing::warn!(commit = %snapshot.commit, "nothing proves that the files are those of the commit");
        self.warn(Warning::Unproven { commit: &snapshot.commit, hub: self.hub.endpoint() });
        Ok(snapshot)
    }

    /// A request that starts with an empty tree, whatever an earlier attempt left there.
    pub(super) async fn metadata_request(
        &self,
        restored: Option<CommitId>,
    ) -> Result<MetadataRequest, Error> {
        let temp_dir = self.context.temp_dir.clone();
        let (scratch_parent, export_to, keep_in) = self
            .lease
            .on_disk(move |lease, run| {
                run.empty_tree()?;
                if let Some(folder) = &temp_dir {
                    fs::create_dir_all(folder)
                        .map_err(|source| DiskError::new("create the scratch folder", folder, source))?;
                }
                // The git library resolves paths.
                let scratch = run.scratch_by_path(temp_dir.as_deref())?;
                // A dry run keeps nothing.
                let keep_in = lease.may_publish().then(|| run.kept_metadata().to_owned());
                Ok((scratch, run.tree().to_owned(), keep_in))
            })
            .await?;
        let model = self.request.model();
        let mut request = MetadataRequest::new(model.id().clone(), scratch_parent, export_to);
        request.revision = restored.map(Revision::from).or_else(|| model.revision().cloned());
        request.keep_in = keep_in;
        request.keep_alive = Arc::clone(&self.lease) as hf_transport::KeepAlive;
        Ok(request)
    }

    /// Reads the manifest and the configuration; if they are LFS files, fetches them first.
    pub(super) async fn describe(&self, snapshot: &RepoSnapshot) -> Result<Described, Error> {
        let manifest_file =
            self.find(snapshot, &MANIFEST_NAMES, "tensor-cache.json or ndarray-cache.json")?;
        let config_file = self.find(snapshot, &[CHAT_CONFIG_NAME], CHAT_CONFIG_NAME)?;
        let fetched: Vec<RemoteFile> = [manifest_file, config_file]
            .into_iter()
            .filter_map(|file| match &file.kind {
                FileKind::Lfs(pointer) => Some(RemoteFile::from_pointer(&file.path, pointer)),
                FileKind::Plain => None,
            })
            .collect();
        let bytes = self.fetch_files(snapshot.commit, &fetched).await?;
        let manifest_path = manifest_file.path.clone();
        let paths = (manifest_path.clone(), config_file.path.clone());
        let model = self.request.model().id().clone();
        let (manifest, config) = self
            .lease
            .on_disk(move |_, run| {
                let unusable = |path: &RepoPath, source| Error::Unusable {
                    model: model.clone(),
                    path: path.clone(),
                    source,
                };
                let manifest_bytes = read(run.tree(), &paths.0)?;
                let manifest = Manifest::parse(&manifest_bytes, paths.0.as_str());
                let manifest = manifest.map_err(|source| unusable(&paths.0, source))?;
                let config = ChatConfig::parse(&read(run.tree(), &paths.1)?);
                let config = config.map_err(|source| unusable(&paths.1, source))?;
                add_newer_name(run.tree(), &paths.0, &manifest_bytes)?;
                Ok((manifest, config))
            })
            .await?;
        Ok(Described { manifest_path, manifest, config, fetched, bytes })
    }

    /// The first of these files that the commit has; an error if it is too large.
    fn find<'a>(
        &self,
        snapshot: &'a RepoSnapshot,
        names: &[&str],
        missing: &'static str,
    ) -> Result<&'a RepoFile, Error> {
        let is_in = |name: &str, file: &RepoFile| file.path.as_str().starts_with(&format!("{name}/"));
        if let Some(name) = names.iter().find(|name| snapshot.files.iter().any(|file| is_in(name, file))) {
            return Err(Error::FolderForFile {
                model: self.request.model().id().clone(),
                commit: snapshot.commit,
                path: name.parse()?,
            });
        }
        let named = |name: &&str| snapshot.files.iter().find(|file| file.path.as_str() == *name);
        let file = names.iter().find_map(named).ok_or_else(|| Error::NotAnMlcModel {
            model: self.request.model().id().clone(),
            commit: snapshot.commit,
            missing,
        })?;
        if file.size > MAX_METADATA_BYTES {
            let (model, path) = (self.request.model().id().clone(), file.path.clone());
            let source = shard_fetch::Error::metadata_too_large(path.to_string(), MAX_METADATA_BYTES);
            return Err(Error::Unusable { model, path, source });
        }
        Ok(file)
    }
}

/// How long to wait after a transient failure; `None` if it was the last attempt.
pub(super) fn pause_after(cause: &hf_transport::Error, budget: &mut RetryBudget) -> Option<Duration> {
    if cause.is_too_slow() { budget.too_slow() } else { budget.failed() }
}

fn read(tree: &Path, path: &RepoPath) -> Result<Vec<u8>, Error> {
    let path = path.under(tree);
    let bytes = read_plain(&path, MAX_METADATA_BYTES);
    Ok(bytes.map_err(|source| DiskError::new("read", &path, source))?)
}

/// Adds the manifest's newer name, which current runtimes open, if it only has the older one.
fn add_newer_name(tree: &Path, path: &RepoPath, manifest: &[u8]) -> Result<(), Error> {
    let [newer, _] = MANIFEST_NAMES;
    if path.as_str() == newer {
        return Ok(());
    }
    let path = tree.join(newer);
    let mut options = fs::OpenOptions::new();
    // Never writable for everyone, whatever the umask.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o664);
    let written =
        options.write(true).create_new(true).open(&path).and_then(|mut file| file.write_all(manifest));
    Ok(written.map_err(|source| DiskError::new("write", &path, source))?)
}

#[cfg(test)]
mod tests {
    use hf_transport::{HubClient, HubConfig};
    use local_hub::{Fault, FaultTarget, LocalHub, ModelFixture, Times};
    use net::{Client, Floor, NetSettings, RetryPolicy};

    use super::*;

    const ID: &str = "mlc-ai/tiny";
    const WINDOW: Duration = Duration::from_millis(300);

    /// How often a hub is asked that always fails so.
    async fn attempts(fault: Fault) -> usize {
        let hub = LocalHub::start();
        hub.publish(&ModelFixture::new(ID));
        hub.fault(FaultTarget::info_refs(ID), fault, Times::Forever);
        let mut settings = NetSettings::default();
        settings.floor = Floor { bytes: 1_000_000, window: WINDOW };
        settings.idle_timeout = WINDOW;
        let config = HubConfig::new(hub.endpoint().parse().unwrap());
        let client = HubClient::new(Client::new(settings).unwrap(), config);
        let cause = client.commit_of(&ID.parse().unwrap(), None).await.unwrap_err();
        let mut budget = RetryBudget::new(RetryPolicy::default());
        1 + std::iter::from_fn(|| pause_after(&cause, &mut budget)).count()
    }

    #[tokio::test]
    async fn slow_responses_have_two_attempts_and_silence_six() {
        assert_eq!(attempts(Fault::SlowDrip { bytes: 1, every: WINDOW / 20 }).await, 2);
        assert_eq!(attempts(Fault::NoAnswer).await, 6);
    }
}
