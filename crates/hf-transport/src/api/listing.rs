//! The files of a commit, as the API lists them.

use std::collections::HashSet;

use net::{SafeUrl, header_text};
use reqwest::header;
use serde::Deserialize;
use url_parse::{CommitId, Excerpt, Platform, RepoPath};

use super::{Api, pages};
use crate::export::{Allowance, MAX_ENTRIES, path_on};
use crate::lfs_pointer::parse_oid;
use crate::{Error, LfsPointer};

/// Files and folders come a thousand at a time, or fewer. Pages without any would never end.
const MAX_PAGES: usize = 1000;

/// The whole list.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
    /// Paths that this system's file names do not allow.
    pub(super) left_out: Vec<Excerpt>,
}

/// One file of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) path: RepoPath,
    pub(super) kind: ListedKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ListedKind {
    /// Its size, and the name of its git blob.
    Plain {
        size: u64,
        blob: git2::Oid,
    },
    Lfs(LfsPointer),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    oid: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

impl Api<'_> {
    /// The files of a commit, asked for page by page.
    pub(super) async fn list(&self, commit: CommitId) -> Result<Listing, Error> {
        let mut url = self.hub.endpoint().tree_url(self.model, &commit);
        let revision = commit.to_string();
        let mut list = List {
            api: self,
            left: Allowance::new(MAX_ENTRIES),
            names: HashSet::new(),
            found: Listing::default(),
        };
        for _ in 0..MAX_PAGES {
            let (body, headers) = self.get(&url, "list the files at", &revision).await?;
            let entries: Vec<Entry> = serde_json::from_slice(&body).map_err(|_| Error::UnusableAnswer {
                url: SafeUrl::of(&url),
                problem: "it is no list of files",
            })?;
            entries.iter().try_for_each(|entry| list.add(entry))?;
            match header_text(&headers, header::LINK).and_then(pages::next_query) {
                Some(query) => url = pages::with_query(&url, &query),
                None => return Ok(list.found),
            }
        }
        Err(self.too_much("pages in the list of its files", MAX_PAGES as u64))
    }
}

struct List<'a> {
    api: &'a Api<'a>,
    left: Allowance,
    names: HashSet<RepoPath>,
    found: Listing,
}

impl List<'_> {
    fn add(&mut self, entry: &Entry) -> Result<(), Error> {
        self.left.spend(1).map_err(|limit| self.api.too_much("files and folders", limit))?;
        let path = path_on(Platform::here(), &entry.path).map_err(|source| Error::UnsafePath {
            model: self.api.model.clone(),
            path: Excerpt::of(&entry.path),
            source,
        })?;
        let Some(path) = path else {
            self.found.left_out.push(Excerpt::of(&entry.path));
            return Ok(());
        };
        if !self.names.insert(path.clone()) {
            return Err(self.unusable(&path, "it is listed twice"));
        }
        match entry.kind.as_str() {
            "directory" => Ok(()),
            "file" => {
                let kind = self.kind(&path, entry)?;
                self.found.files.push(Listed { path, kind });
                Ok(())
            }
            _ => {
                let model = self.api.model.clone();
                Err(Error::NotAPlainFile { model, path, kind: "an entry of unknown kind" })
            }
        }
    }

    fn kind(&self, path: &RepoPath, entry: &Entry) -> Result<ListedKind, Error> {
        let Some(lfs) = &entry.lfs else {
            let blob = Some(&entry.oid).filter(|oid| oid.len() == 40).map(|oid| git2::Oid::from_str(oid));
            return match blob {
                Some(Ok(blob)) => Ok(ListedKind::Plain { size: entry.size, blob }),
                _ => Err(self.unusable(path, "its git object has no usable name")),
            };
        };
        match parse_oid(&lfs.oid) {
            Some(oid) => Ok(ListedKind::Lfs(LfsPointer { oid, size: lfs.size })),
            None => Err(self.unusable(path, "its LFS digest is no SHA-256")),
        }
    }

    fn unusable(&self, path: &RepoPath, problem: &'static str) -> Error {
        Error::UnusablePath { model: self.api.model.clone(), path: Excerpt::of(path.as_str()), problem }
    }
}
