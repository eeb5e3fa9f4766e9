//! The files of a commit, as the API lists them.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use net::{SafeUrl, header_text};
use reqwest::header;
use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use url_parse::{CommitId, Excerpt, ModelId, Platform, RepoPath, Url, from_hex};

use super::{Api, pages};
use crate::export::{Allowance, MAX_ENTRIES, MAX_NAMES, path_on};
use crate::{Error, LfsPointer};

/// Pages have up to a thousand files and folders. A server could send empty pages forever.
const MAX_PAGES: usize = 1000;

/// The whole list.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
    /// Paths that are not valid file names on this system.
    pub(super) left_out: Vec<Excerpt>,
}

/// An entry of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) path: RepoPath,
    pub(super) kind: ListedKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ListedKind {
    /// Its size, if known, and the id of its git blob.
    Plain {
        size: Option<u64>,
        blob: git2::Oid,
    },
    Lfs(LfsPointer),
}

impl ListedKind {
    /// A file with this SHA-256, if the text is one.
    pub(super) fn lfs(oid: &str, size: u64) -> Option<Self> {
        from_hex(oid).map(|oid| Self::Lfs(LfsPointer { oid, size }))
    }

    /// A file whose git blob has this id, if the text is one.
    pub(super) fn plain(blob: &str, size: Option<u64>) -> Option<Self> {
        let blob =
            Some(blob).filter(|blob| blob.len() == 40).and_then(|blob| git2::Oid::from_str(blob).ok())?;
        Some(Self::Plain { size, blob })
    }
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
    /// The files of a commit, page by page.
    pub(super) async fn list(&self, commit: CommitId) -> Result<Listing, Error> {
        let mut url = self.hub.endpoint().tree_url(&self.present_model(), &commit);
        let revision = commit.to_string();
        let mut list = List::new(self.model.clone());
        for _ in 0..MAX_PAGES {
            let (body, headers) = self.get(&url, "list the files at", &revision).await?;
            list = list.with_page(url.clone(), body).await?;
            match header_text(&headers, header::LINK).and_then(pages::next_query) {
                Some(query) => url = pages::with_query(&url, &query),
                None => return Ok(list.found),
            }
        }
        Err(self.too_much("pages in the list of its files", MAX_PAGES as u64))
    }
}

#[cfg(feature = "fuzzing")]
pub(super) fn page(api: &Api<'_>, url: &Url, body: &[u8]) -> Option<usize> {
    let mut list = List::new(api.model.clone());
    list.add_page(url, body).ok()?;
    Some(list.found.files.len())
}

/// A growing list, within limits.
pub(super) struct List {
    model: ModelId,
    left: Allowance,
    names_left: Allowance,
    names: HashSet<RepoPath>,
    pub(super) found: Listing,
}

/// A page of the list, processed while it is parsed: a response of a few megabytes may have more
/// entries than are allowed in all.
struct Page<'a> {
    list: &'a mut List,
    /// Why parsing stopped early.
    refused: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of files")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<Entry>()? {
            if let Err(error) = self.list.add(&entry) {
                *self.refused = Some(error);
                return Err(A::Error::custom("an entry is refused"));
            }
        }
        Ok(())
    }
}

impl List {
    pub(super) fn new(model: ModelId) -> Self {
        Self {
            model,
            left: Allowance::new(MAX_ENTRIES),
            names_left: Allowance::new(MAX_NAMES),
            names: HashSet::new(),
            found: Listing::default(),
        }
    }

    /// A page may be [`MAX_ANSWER`](super::MAX_ANSWER) long: too much to be parsed on a thread that
    /// serves other downloads.
    async fn with_page(mut self, url: Url, body: Bytes) -> Result<Self, Error> {
        net::blocking(move || self.add_page(&url, &body).map(|()| self)).await
    }

    fn add_page(&mut self, url: &Url, body: &[u8]) -> Result<(), Error> {
        let mut refused = None;
        let body = net::standard_json(body);
        let mut json = serde_json::Deserializer::from_slice(&body);
        let read = json.deserialize_seq(Page { list: self, refused: &mut refused }).and_then(|()| json.end());
        let unusable = Error::UnusableAnswer { url: SafeUrl::of(url), problem: "it is not a list of files" };
        read.map_err(|_| refused.unwrap_or(unusable))
    }

    /// The next entry's path; `None` if it is left out.
    pub(super) fn path(&mut self, text: &str) -> Result<Option<RepoPath>, Error> {
        self.left.spend(1).map_err(|limit| self.too_much("files and folders", limit))?;
        let name = text.len() as u64;
        self.names_left.spend(name).map_err(|limit| self.too_much("bytes in names of files", limit))?;
        let path = path_on(Platform::here(), text).map_err(|source| Error::UnsafePath {
            model: self.model.clone(),
            path: Excerpt::of(text),
            source,
        })?;
        let Some(path) = path else {
            self.found.left_out.push(Excerpt::of(text));
            return Ok(None);
        };
        if !self.names.insert(path.clone()) {
            return Err(self.unusable(&path, "it is listed twice"));
        }
        Ok(Some(path))
    }

    fn add(&mut self, entry: &Entry) -> Result<(), Error> {
        let Some(path) = self.path(&entry.path)? else { return Ok(()) };
        match entry.kind.as_str() {
            "directory" => Ok(()),
            "file" => {
                let kind = self.kind(&path, entry)?;
                self.found.files.push(Listed { path, kind });
                Ok(())
            }
            _ => {
                let model = self.model.clone();
                Err(Error::NotAPlainFile { model, path, kind: "an entry of unknown kind" })
            }
        }
    }

    fn kind(&self, path: &RepoPath, entry: &Entry) -> Result<ListedKind, Error> {
        match &entry.lfs {
            Some(lfs) => ListedKind::lfs(&lfs.oid, lfs.size)
                .ok_or_else(|| self.unusable(path, "its LFS digest is not a SHA-256")),
            None => ListedKind::plain(&entry.oid, Some(entry.size))
                .ok_or_else(|| self.unusable(path, "its git object has no usable name")),
        }
    }

    fn too_much(&self, what: &'static str, limit: u64) -> Error {
        Error::TooMuchMetadata { model: self.model.clone(), what, limit }
    }

    pub(super) fn unusable(&self, path: &RepoPath, problem: &'static str) -> Error {
        Error::UnusablePath { model: self.model.clone(), path: Excerpt::of(path.as_str()), problem }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn values_that_json_does_not_have_are_skipped() {
        let mut list = List::new("user/repo".parse().unwrap());
        let url = "https://hub.example/api".parse().unwrap();
        let page = "\u{feff}[{\"type\":\"directory\",\"path\":\"a\",\"oid\":\"\",\"score\":NaN}]";
        list.add_page(&url, page.as_bytes()).unwrap();
        assert_eq!(list.names.len(), 1);
    }

    /// The only thread for blocking work is busy, so parsing on another thread would finish at once.
    #[test]
    fn a_page_is_not_read_on_the_thread_that_asks() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (end, may_end) = mpsc::channel::<()>();
        let busy = runtime.spawn_blocking(move || may_end.recv());
        let list = List::new("user/repo".parse().unwrap());
        let url = "https://hub.example/api".parse().unwrap();
        let mut reading = pin!(list.with_page(url, "[]".into()));
        {
            let _inside = runtime.enter();
            let polled = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending));
        }
        end.send(()).unwrap();
        runtime.block_on(busy).unwrap().unwrap();
        assert!(runtime.block_on(reading).unwrap().found.files.is_empty());
    }
}
