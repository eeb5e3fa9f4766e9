//! The address of a hub.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::ascii_case;
use crate::commit_id::CommitId;
use crate::error::{Error, Problem};
use crate::excerpt::Excerpt;
use crate::model_id::ModelId;
use crate::origin::Origin;
use crate::repo_path::RepoPath;
use crate::revision::Revision;

/// Encodes all but RFC 3986's unreserved characters, as the hub's own client does, so that proxies and
/// servers cannot interpret a path in different ways.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The base URL of a hub: `https://huggingface.co` by default, or a mirror or a server in the local
/// network. http or https, optionally with a port and a path prefix, but no user info, query or
/// fragment; a trailing slash is dropped.
///
/// A hub has no other identity than this URL. A parameter or field of this type is called `endpoint` if
/// it says where to send requests, and `hub` if it says which hub is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Its path does not end in a slash, except for the root.
    base: Url,
    origin: Origin,
}

impl Endpoint {
    /// The repository's address in git's smart HTTP protocol, `{endpoint}/{user}/{repo}`.
    pub fn git_url(&self, model: &ModelId) -> Url {
        self.below([model.user(), model.repo()])
    }

    /// The address of git-lfs's batch API, `{endpoint}/{user}/{repo}.git/info/lfs/objects/batch`.
    pub fn lfs_batch_url(&self, model: &ModelId) -> Url {
        let repository = format!("{}.git", model.repo());
        self.below([model.user(), &repository, "info", "lfs", "objects", "batch"])
    }

    /// The model with this address in git's protocol, on the web or in the hub's API; `None` for any
    /// other URL.
    pub fn model_at(&self, url: &Url) -> Option<ModelId> {
        if Origin::of(url).as_ref() != Some(&self.origin) {
            return None;
        }
        let path = url.path().strip_prefix(self.base.path().trim_end_matches('/'))?.strip_prefix('/')?;
        let (user, repo) = match path.strip_prefix("api/models/") {
            Some(below) => {
                let (user, rest) = below.split_once('/')?;
                (user, rest.split('/').next().unwrap_or_default())
            }
            None => path.split_once('/')?,
        };
        ModelId::new(user, repo.strip_suffix(".git").unwrap_or(repo)).ok()
    }

    /// The rest of the text after this address and a slash, if it begins so, however scheme, host and
    /// port are written.
    pub(crate) fn strip_from<'a>(&self, text: &'a str) -> Option<&'a str> {
        // The text has as many slashes as the address, plus one.
        let (end, _) = text.match_indices('/').nth(self.as_str().matches('/').count())?;
        let (address, rest) = text.split_at_checked(end)?;
        let is_this = address.parse::<Self>().is_ok_and(|address| address == *self);
        rest.strip_prefix('/').filter(|_| is_this)
    }

    /// The model's web page, where users request access.
    pub fn model_page(&self, model: &ModelId) -> Url {
        self.below([model.user(), model.repo()])
    }

    /// The API call that resolves a revision to a commit,
    /// `{endpoint}/api/models/{user}/{repo}/revision/{revision}`; for `None`, the default branch,
    /// without the last two segments.
    pub fn revision_url(&self, model: &ModelId, revision: Option<&Revision>) -> Url {
        let revision = revision.into_iter().flat_map(|revision| ["revision", revision.as_str()]);
        self.below(["api", "models", model.user(), model.repo()].into_iter().chain(revision))
    }

    /// The API call that lists all files of a commit,
    /// `{endpoint}/api/models/{user}/{repo}/tree/{commit}?recursive=true`.
    pub fn tree_url(&self, model: &ModelId, commit: &CommitId) -> Url {
        let commit = commit.to_string();
        let mut url = self.below(["api", "models", model.user(), model.repo(), "tree", &commit]);
        url.set_query(Some("recursive=true"));
        url
    }

    /// The URL that redirects to a file, `{endpoint}/{user}/{repo}/resolve/{commit}/{path}`.
    pub fn resolve_url(&self, model: &ModelId, commit: &CommitId, path: &RepoPath) -> Url {
        let commit = commit.to_string();
        let start = [model.user(), model.repo(), "resolve", &commit];
        self.below(start.into_iter().chain(path.components()))
    }

    /// Scheme, host and port.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether the hub is this machine itself (`127.0.0.0/8`, `::1`, `localhost`), which no proxy can
    /// reach.
    pub fn is_loopback(&self) -> bool {
        self.origin.is_loopback()
    }

    /// The address without a trailing slash.
    pub fn as_str(&self) -> &str {
        let text = self.base.as_str();
        text.strip_suffix('/').unwrap_or(text)
    }

    /// No segment may be empty, `.` or `..`, since these change the meaning of a URL's path.
    fn below<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut path = self.base.path().trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, SEGMENT));
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        url
    }
}

fn parse(text: &str) -> Result<Endpoint, (Problem, Option<url::ParseError>)> {
    let refused = |problem: Problem| Err((problem, None));
    let unparsable = |cause: Option<url::ParseError>| (Problem::new("it is not a valid URL"), cause);
    // Checked here because a URL parser silently drops or changes these.
    if let Some((at, c)) =
        text.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control() || *c == '\\')
    {
        return refused(Problem::new(format!("it has the character {c:?}")).at(at));
    }
    if let Some(problem) = Problem::invisible_in(text) {
        return refused(problem);
    }
    let Some(rest) = ["https://", "http://"].iter().find_map(|scheme| ascii_case::strip_prefix(text, scheme))
    else {
        return refused(Problem::new("it does not start with `https://` or `http://`"));
    };
    if rest.starts_with('/') {
        return Err(unparsable(Some(url::ParseError::EmptyHost)));
    }
    let mut base = Url::parse(text).map_err(|cause| unparsable(Some(cause)))?;
    if !base.username().is_empty() || base.password().is_some() {
        let problem =
            Problem::new("it contains a user name or a password; the access token is set separately");
        return refused(problem.at(text.len() - rest.len()));
    }
    if let Some((at, mark)) = text.match_indices(['?', '#']).next() {
        return refused(Problem::query_or_fragment(at, mark));
    }
    let path = base.path().trim_end_matches('/').to_owned();
    base.set_path(&path);
    let origin = Origin::of(&base).ok_or_else(|| unparsable(None))?;
    Ok(Endpoint { base, origin })
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|(problem, source)| Error::Endpoint {
            input: Excerpt::of_endpoint(text),
            problem,
            source,
        })
    }
}

impl Default for Endpoint {
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test parses it")]
    fn default() -> Self {
        "https://huggingface.co".parse().expect("a valid address")
    }
}

impl AsRef<str> for Endpoint {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
