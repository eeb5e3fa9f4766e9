//! Which commits of a store are meant, and their names in it.

use std::collections::BTreeMap;

use net::RetryPolicy;
use url_parse::{CommitId, Endpoint, ModelId, ModelRef, Revision};
use weight_store::{ListedRef, RefName, RefRecord, Store};

use super::stored::insist;
use crate::Error;
use crate::stored::{StoreFinding, StorePart};
use crate::words::failure;

/// The names of a store's commits.
#[derive(Debug, Default)]
pub(super) struct StoreNames {
    /// The commits, each with a model of the hub that has it, if known.
    pub(super) commits: BTreeMap<CommitId, Option<ModelId>>,
    /// The readable names.
    pub(super) refs: Vec<StoredRef>,
    /// The unreadable names.
    pub(super) broken: Vec<(ListedName, StoreFinding)>,
    /// The packs' sizes, if the store was listed.
    pub(super) packs: Option<BTreeMap<CommitId, u64>>,
    /// The number and total size of other files.
    pub(super) others: (u64, u64),
}

/// A name in a store, with the hub as recorded there.
#[derive(Clone, Debug)]
pub(super) struct ListedName {
    pub(super) hub: Endpoint,
    pub(super) model: ModelId,
    pub(super) revision: Option<Revision>,
}

#[derive(Clone, Debug)]
pub(super) struct StoredRef {
    pub(super) name: ListedName,
    pub(super) record: RefRecord,
}

impl ListedName {
    pub(super) fn name(&self) -> RefName<'_> {
        RefName { hub: &self.hub, model: &self.model, revision: self.revision.as_ref() }
    }

    /// The model, with its revision.
    pub(super) fn shown(&self) -> String {
        self.model_ref().to_string()
    }

    fn model_ref(&self) -> ModelRef {
        ModelRef::new(self.model.clone(), self.revision.clone())
    }

    /// The hub as recorded in a store: without its scheme.
    pub(super) fn hub(&self) -> &str {
        host_of(&self.hub)
    }

    /// Whether this is the hub.
    pub(super) fn is_at(&self, hub: &Endpoint) -> bool {
        self.hub() == host_of(hub)
    }
}

impl From<ListedRef> for ListedName {
    fn from(listed: ListedRef) -> Self {
        Self { hub: listed.hub, model: listed.model, revision: listed.revision }
    }
}

fn host_of(hub: &Endpoint) -> &str {
    hub.as_str().split_once("://").map_or(hub.as_str(), |(_, host)| host)
}

impl StoreNames {
    /// Everything in a store.
    pub(super) async fn all(store: &Store, retry: &RetryPolicy, hub: &Endpoint) -> Result<Self, Error> {
        let (refs, packs) =
            (insist(retry, || store.list_refs()).await?, insist(retry, || store.list_packs()).await?);
        let others = (refs.others + packs.others, refs.other_bytes + packs.other_bytes);
        let mut names = Self { others, ..Self::default() };
        names.commits.extend(packs.known.keys().map(|commit| (*commit, None)));
        names.packs = Some(packs.known);
        for listed in refs.known {
            names.read(store, retry, listed.into(), hub).await?;
        }
        Ok(names)
    }

    /// A store's names for some models, computed without listing.
    pub(super) async fn of(
        store: &Store,
        retry: &RetryPolicy,
        hub: &Endpoint,
        models: &[ModelRef],
    ) -> Result<Self, Error> {
        let mut names = Self::default();
        for model in models {
            if let Some(commit) = model.revision().and_then(Revision::commit) {
                names.commits.insert(commit, Some(model.id().clone()));
                continue;
            }
            let revision = model.revision().cloned();
            let name = ListedName { hub: hub.clone(), model: model.id().clone(), revision };
            names.read(store, retry, name, hub).await?;
        }
        Ok(names)
    }

    async fn read(
        &mut self,
        store: &Store,
        retry: &RetryPolicy,
        name: ListedName,
        hub: &Endpoint,
    ) -> Result<(), Error> {
        let asked = name.name();
        let mut absent = None;
        let problem = match insist(retry, || store.find_ref(&asked)).await {
            Ok(Some(record)) => {
                let model = self.commits.entry(record.commit).or_default();
                if name.is_at(hub) {
                    model.get_or_insert_with(|| name.model.clone());
                }
                self.refs.push(StoredRef { name, record });
                return Ok(());
            }
            Ok(None) => {
                absent = Some(name.model_ref());
                "it is missing".to_owned()
            }
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => failure(&error),
        };
        let mut finding = StoreFinding::new(StorePart::Ref, &store.shown_ref(&name.name()), problem);
        (finding.model, finding.absent) = (Some(name.model.clone()), absent);
        self.broken.push((name, finding));
        Ok(())
    }

    /// A model that has the commit, on any hub.
    pub(super) fn model_of(&self, commit: CommitId) -> Option<&ModelId> {
        let known = self.commits.get(&commit).and_then(Option::as_ref);
        known.or_else(|| self.of_commit(commit).next().map(|stored| &stored.name.model))
    }

    /// The finding for a commit that was asked for by its digits, and that the store does not have. Nothing when a name
    /// of the store stands for it: then the store is damaged.
    pub(super) fn absence(&self, store: &Store, commit: CommitId) -> Option<StoreFinding> {
        let model = self.commits.get(&commit).and_then(Option::as_ref)?;
        if self.of_commit(commit).next().is_some() {
            return None;
        }
        let url = store.shown_pack(&commit);
        let mut finding = StoreFinding::new(StorePart::Pack, &url, "it is missing".to_owned());
        (finding.model, finding.commit) = (Some(model.clone()), Some(commit));
        finding.absent = Some(ModelRef::new(model.clone(), Some(commit.into())));
        Some(finding)
    }

    /// The names of a commit.
    pub(super) fn of_commit(&self, commit: CommitId) -> impl Iterator<Item = &StoredRef> {
        self.refs.iter().filter(move |stored| stored.record.commit == commit)
    }
}
