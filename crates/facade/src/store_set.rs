//! The stores of one download, and their state.

use std::collections::{HashMap, HashSet};
use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use net::{Client, SafeUrl};
use parking_lot::Mutex;
use url_parse::{CommitId, RepoPath};
use weight_store::Store;

use crate::store::StoreConfig;
use crate::store_mode::StoreMode;
use crate::stores::StoreAnswer;
use crate::words::failure;
use crate::{Error, Event, Observer, Warning};

/// A store is given up after refusing this many files, or having them with wrong content.
const MAX_FAILURES: u32 = 3;

pub(crate) struct StoreSet {
    mode: StoreMode,
    members: Vec<Member>,
    /// A store has provided the commit's content.
    has_given_snapshot: AtomicBool,
    /// If only stores may be asked: the first failure.
    failure: Mutex<Option<Error>>,
    /// The commit that the name stands for, and when that was seen.
    named: Mutex<Option<(CommitId, SystemTime)>>,
    /// Files currently requested from a store: its index, and the file's address there.
    asked: Mutex<HashMap<RepoPath, (usize, SafeUrl)>>,
    /// Files that a store has with wrong content.
    wrong: Mutex<HashSet<RepoPath>>,
    watcher: Arc<dyn Observer>,
}

struct Member {
    store: Store,
    failures: AtomicU32,
    /// A file with wrong content was reported.
    is_known_as_damaged: AtomicBool,
}

impl StoreSet {
    pub(crate) fn open(
        config: &StoreConfig,
        client: &Client,
        watcher: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let open = |url: &weight_store::StoreUrl| {
            let store = Store::open(url.clone(), &config.settings, client)?;
            Ok(Member { store, failures: AtomicU32::new(0), is_known_as_damaged: AtomicBool::new(false) })
        };
        let members = config.urls.iter().map(open).collect::<Result<_, Error>>()?;
        Ok(Self {
            mode: config.mode,
            members,
            has_given_snapshot: AtomicBool::new(false),
            failure: Mutex::default(),
            named: Mutex::default(),
            asked: Mutex::default(),
            wrong: Mutex::default(),
            watcher,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn mode(&self) -> StoreMode {
        self.mode
    }

    /// Whether only stores may be asked.
    pub(crate) fn is_only(&self) -> bool {
        !self.is_empty() && self.mode == StoreMode::Only
    }

    /// The store with this index; `None` past the last store, or if it was given up.
    pub(crate) fn get(&self, number: usize) -> Option<&Store> {
        let member = self.members.get(number)?;
        let is_used = self.is_only() || member.failures.load(Ordering::Relaxed) < MAX_FAILURES;
        is_used.then_some(&member.store)
    }

    /// The store that is written to.
    pub(crate) fn first(&self) -> Option<&Store> {
        self.members.first().map(|member| &member.store)
    }

    /// The stores in use, with their indices.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = (usize, &Store)> {
        (0..self.members.len()).filter_map(|number| Some((number, self.get(number)?)))
    }

    /// The addresses of all stores.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.members.iter().map(|member| member.store.url().to_string()).collect()
    }

    /// The addresses, for a message.
    pub(crate) fn shown(&self) -> String {
        self.urls().join(", ")
    }

    /// Gives a store up for this reason.
    pub(crate) fn give_up(&self, number: usize, why: &(dyn StdError + 'static)) {
        let Some(member) = self.members.get(number) else { return };
        if member.failures.swap(MAX_FAILURES, Ordering::Relaxed) < MAX_FAILURES {
            self.warn_of_giving_up(member, &failure(why));
        }
    }

    /// Records that the store has failed with a file.
    pub(crate) fn failed(&self, number: usize) {
        let Some(member) = self.members.get(number) else { return };
        if member.failures.fetch_add(1, Ordering::Relaxed) + 1 == MAX_FAILURES && !self.is_only() {
            self.warn_of_giving_up(member, "it failed for several files, or had wrong content");
        }
    }

    fn warn_of_giving_up(&self, member: &Member, why: &str) {
        let store = member.store.url().to_string();
        tracing::warn!(store, reason = why, "giving up a store");
        self.warn(Warning::StoreGivenUp { store: &store, reason: why });
        self.told(&store, StoreAnswer::GivenUp);
    }

    /// Warns that the store has wrong content.
    pub(crate) fn warn_of_wrong_content(&self, store: &Store, why: &(dyn StdError + 'static)) {
        self.warn_of_damage(store, &failure(why));
    }

    fn warn_of_damage(&self, store: &Store, reason: &str) {
        let store = store.url().to_string();
        tracing::warn!(store, reason, "a store has damaged content");
        self.warn(Warning::WrongInStore { store: &store, reason });
    }

    fn warn(&self, warning: Warning<'_>) {
        self.watcher.on_event(&Event::Warning(warning));
    }

    /// Reports a store's answer for the file at this address.
    pub(crate) fn told(&self, url: &str, answer: StoreAnswer) {
        tracing::debug!(url, answer = answer.as_str(), "a store responded");
        self.watcher.on_event(&Event::Store { url, answer });
    }

    /// Records that a store is asked for a file, at this address.
    pub(crate) fn asks(&self, number: usize, file: &RepoPath, url: SafeUrl) {
        self.asked.lock().insert(file.clone(), (number, url));
    }

    /// Reports the answer for a file that a store was last asked for, if any.
    pub(crate) fn answered(&self, file: &RepoPath, answer: StoreAnswer) {
        let asked = self.asked.lock().remove(file);
        if let Some((_, url)) = asked {
            self.told(&url.to_string(), answer);
        }
    }

    /// Records that a store has wrong content for a file.
    pub(crate) fn note_wrong(&self, file: &RepoPath) {
        self.wrong.lock().insert(file.clone());
    }

    /// Warns that the store that was asked for a file has wrong content for it; for each store once. If
    /// only stores may be asked, this is an error in the end.
    pub(crate) fn warn_of_wrong_file(&self, file: &RepoPath) {
        let number = self.asked.lock().get(file).map(|(number, _)| *number);
        let Some(member) = number.and_then(|number| self.members.get(number)) else { return };
        if !self.is_only() && !member.is_known_as_damaged.swap(true, Ordering::Relaxed) {
            self.warn_of_damage(&member.store, &format!("{file} is not the file that the commit has"));
        }
    }

    /// Whether a store has wrong content for a file.
    pub(crate) fn has_wrong(&self, file: &RepoPath) -> bool {
        self.wrong.lock().contains(file)
    }

    /// Records a failure if only stores may be asked; another store may still have the file.
    pub(crate) fn failed_with(&self, error: Error) {
        self.failure.lock().get_or_insert(error);
    }

    /// # Errors
    ///
    /// The first store's failure, if one has failed.
    pub(crate) fn failure(&self) -> Result<(), Error> {
        self.failure.lock().take().map_or(Ok(()), Err)
    }

    /// Records the commit that the name stands for.
    pub(crate) fn name(&self, commit: CommitId, seen_at: SystemTime) {
        *self.named.lock() = Some((commit, seen_at));
    }

    /// When the name was seen to stand for this commit.
    pub(crate) fn seen_at(&self, commit: CommitId) -> Option<SystemTime> {
        self.named.lock().filter(|(named, _)| *named == commit).map(|(_, seen_at)| seen_at)
    }

    /// Records that the commit's content came from a store's pack, not from the hub.
    pub(crate) fn gave_snapshot(&self) {
        self.has_given_snapshot.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_given_snapshot(&self) -> bool {
        self.has_given_snapshot.load(Ordering::Relaxed)
    }
}
