//! From a revision to what a server is asked for.

use net::ServerWords;
use url_parse::{CommitId, ModelId, Revision};

use super::advertisement::Advertisement;
use crate::Error;

/// The server's name for a repository's default branch.
pub(super) const DEFAULT_BRANCH: &str = "HEAD";
/// Where the fetched commit is filed in the scratch repository.
pub(super) const FETCHED: &str = "refs/mlc-weights/fetched";
/// Either lets a client ask for a commit that no name points at.
const BY_ID: [&str; 2] = ["allow-reachable-sha1-in-want", "allow-tip-sha1-in-want"];

/// How far a fetch may go for a commit that no name points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// By its id, from a server that hands out commits so.
    Alone,
    /// With everything that the repository holds: the last resort.
    WithHistory,
}

/// What to fetch, so that a revision's commit is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What a name stands for.
    Name(String),
    /// A commit that has no name, from a server that hands out such commits.
    Commit(CommitId),
    /// Everything, in the hope that the commit is in it.
    Everything(CommitId),
    /// Nothing: the commit cannot be had by these means.
    Nothing,
}

impl Wanted {
    /// Decides by what is offered; `None` when the revision is not there.
    ///
    /// 40 hexadecimal digits always mean the commit, even when a branch was given such a name.
    pub(super) fn decide(means: Means, revision: Option<&Revision>, offered: &Advertisement) -> Option<Self> {
        let Some(commit) = revision.and_then(Revision::commit) else {
            let name = revision.map_or(DEFAULT_BRANCH, Revision::as_str);
            return full_names(name).into_iter().find(|name| offered.has(name)).map(Self::Name);
        };
        Some(match (offered.name_of(&commit), means) {
            (Some(name), _) => Self::Name(name.to_owned()),
            (None, Means::WithHistory) => Self::Everything(commit),
            (None, Means::Alone) if BY_ID.iter().any(|ability| offered.offers(ability)) => {
                Self::Commit(commit)
            }
            (None, Means::Alone) => Self::Nothing,
        })
    }

    /// The refspec that brings it.
    pub(super) fn refspec(&self) -> Option<String> {
        match self {
            Self::Name(name) => Some(format!("+{name}:{FETCHED}")),
            Self::Commit(commit) => Some(format!("+{commit}:{FETCHED}")),
            Self::Everything(_) => Some("+refs/*:refs/mlc-weights/all/*".to_owned()),
            Self::Nothing => None,
        }
    }
}

/// Nothing of the repository has this name, or id.
pub(super) fn revision_not_found(
    model: &ModelId,
    revision: Option<&Revision>,
    hub_says: ServerWords,
) -> Error {
    let revision = revision.map_or(DEFAULT_BRANCH, Revision::as_str).to_owned();
    Error::RevisionNotFound { model: model.clone(), revision, hub_says }
}

/// What a short name may stand for: a branch, else a tag, as with `git clone --branch`.
fn full_names(name: &str) -> Vec<String> {
    if name == DEFAULT_BRANCH || name.starts_with("refs/") {
        return vec![name.to_owned()];
    }
    vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIP: &str = "1111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222";

    fn offered(capabilities: &str, names: &[&str]) -> Advertisement {
        let packet = |line: String| format!("{:04x}{line}", line.len() + 4);
        let lines = names.iter().map(|name| packet(format!("{TIP} {name}\0{capabilities}\n")));
        Advertisement::parse(&lines.collect::<String>().into())
    }

    #[track_caller]
    fn check(revision: Option<&str>, offered: &Advertisement, refspec: Option<&str>) {
        for means in [Means::Alone, Means::WithHistory] {
            check_by(means, revision, offered, refspec);
        }
    }

    #[track_caller]
    fn check_by(means: Means, revision: Option<&str>, offered: &Advertisement, refspec: Option<&str>) {
        let revision = revision.map(|text| text.parse().unwrap());
        let wanted = Wanted::decide(means, revision.as_ref(), offered);
        assert_eq!(wanted.and_then(|wanted| wanted.refspec()).as_deref(), refspec, "{revision:?}, {means:?}");
    }

    #[test]
    fn names() {
        let usual = offered(
            "",
            &["HEAD", "refs/heads/main", "refs/heads/v1", "refs/tags/v1", "refs/tags/v2", "refs/pr/1"],
        );
        check(None, &usual, Some("+HEAD:refs/mlc-weights/fetched"));
        for (revision, name) in [
            ("HEAD", "HEAD"),
            ("main", "refs/heads/main"),
            ("v1", "refs/heads/v1"),
            ("v2", "refs/tags/v2"),
            ("refs/tags/v1", "refs/tags/v1"),
            ("refs/pr/1", "refs/pr/1"),
        ] {
            check(Some(revision), &usual, Some(&format!("+{name}:refs/mlc-weights/fetched")));
        }
        for missing in ["v3", "pr/1", "refs/pr/2", "heads/main"] {
            check(Some(missing), &usual, None);
        }
        check(None, &offered("", &["refs/heads/main"]), None);
    }

    #[test]
    fn commits() {
        let named_as_commit = format!("refs/heads/{OTHER}");
        let names = ["refs/heads/main", named_as_commit.as_str()];
        check(Some(TIP), &offered("", &names), Some("+refs/heads/main:refs/mlc-weights/fetched"));
        assert_eq!(
            Wanted::decide(Means::Alone, Some(&OTHER.parse().unwrap()), &offered("", &names)),
            Some(Wanted::Nothing)
        );
        for ability in BY_ID {
            let by_id = format!("+{OTHER}:refs/mlc-weights/fetched");
            check_by(Means::Alone, Some(OTHER), &offered(ability, &names), Some(&by_id));
        }
        for ability in ["", BY_ID[0], BY_ID[1]] {
            let everything = Some("+refs/*:refs/mlc-weights/all/*");
            check_by(Means::WithHistory, Some(OTHER), &offered(ability, &names), everything);
        }
    }
}
