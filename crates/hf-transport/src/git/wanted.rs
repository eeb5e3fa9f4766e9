//! Decides what to request for a revision.

use net::ServerWords;
use url_parse::{CommitId, ModelId, Revision};

use super::advertisement::Advertisement;
use crate::Error;
use crate::metadata::DEFAULT_BRANCH;

/// Each of these capabilities allows requesting a commit that no name points at.
const BY_ID: [&str; 2] = ["allow-reachable-sha1-in-want", "allow-tip-sha1-in-want"];

/// What a fetch may do for a commit that no name points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// Request it by its id, if the server supports that.
    Alone,
    /// Fetch everything in the repository, as a last resort.
    WithHistory,
}

/// What to fetch so that it includes a revision's commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The object of a name: a commit or a tag.
    Tip(CommitId),
    /// A commit without a name, from a server that supports this.
    Commit(CommitId),
    /// Everything, which may include the commit.
    Everything(CommitId),
    /// Nothing: the commit cannot be fetched in this way.
    Nothing,
}

impl Wanted {
    /// Decides by the advertisement; `None` if the revision does not exist.
    ///
    /// 40 hexadecimal digits always mean the commit, even if a branch has such a name.
    pub(super) fn decide(means: Means, revision: Option<&Revision>, offered: &Advertisement) -> Option<Self> {
        let Some(commit) = revision.and_then(Revision::commit) else {
            let name = revision.map_or(DEFAULT_BRANCH, Revision::as_str);
            return full_names(name).iter().find_map(|name| offered.object_of(name)).map(Self::Tip);
        };
        Some(match (offered.object_for(&commit), means) {
            (Some(object), _) => Self::Tip(object),
            (None, Means::WithHistory) => Self::Everything(commit),
            (None, Means::Alone) if BY_ID.iter().any(|ability| offered.offers(ability)) => {
                Self::Commit(commit)
            }
            (None, Means::Alone) => Self::Nothing,
        })
    }
}

/// The commit that a name leads to, as far as the list shows it: a tag's target follows it.
pub(super) fn named_commit(revision: Option<&Revision>, offered: &Advertisement) -> Option<CommitId> {
    let names = full_names(revision.map_or(DEFAULT_BRANCH, Revision::as_str));
    let name = names.iter().find(|name| offered.object_of(name).is_some())?;
    offered.object_of(format!("{name}^{{}}")).or_else(|| offered.object_of(name))
}

/// The error for a name or id that the repository does not have.
pub(super) fn revision_not_found(
    model: &ModelId,
    revision: Option<&Revision>,
    hub_says: ServerWords,
) -> Error {
    let revision = revision.map_or(DEFAULT_BRANCH, Revision::as_str).to_owned();
    Error::RevisionNotFound { model: model.clone(), revision, known: Vec::new(), hub_says }
}

/// The references that a short name may mean: a branch, or else a tag, as with `git clone --branch`.
fn full_names(name: &str) -> Vec<String> {
    if name == DEFAULT_BRANCH || name.starts_with("refs/") {
        return vec![name.to_owned()];
    }
    vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::packets::packet;

    const OTHER: &str = "2222222222222222222222222222222222222222";

    /// The object of the reference with this index.
    fn object(number: usize) -> CommitId {
        format!("{number:040}").parse().unwrap()
    }

    fn offered(capabilities: &str, names: &[&str]) -> Advertisement {
        let mut list = packet("# service=git-upload-pack\n") + "0000";
        for (number, name) in names.iter().enumerate() {
            list += &packet(&format!("{} {name}\0{capabilities}\n", object(number)));
        }
        Advertisement::read((list + "0000").as_bytes().into()).unwrap()
    }

    #[track_caller]
    fn check(revision: Option<&str>, offered: &Advertisement, expected: Option<usize>) {
        for means in [Means::Alone, Means::WithHistory] {
            check_by(means, revision, offered, expected.map(|number| Wanted::Tip(object(number))).as_ref());
        }
    }

    #[track_caller]
    fn check_by(means: Means, revision: Option<&str>, offered: &Advertisement, expected: Option<&Wanted>) {
        let revision = revision.map(|text| text.parse().unwrap());
        let wanted = Wanted::decide(means, revision.as_ref(), offered);
        assert_eq!(wanted.as_ref(), expected, "{revision:?}, {means:?}");
    }

    #[test]
    fn a_name_is_a_branch_or_a_tag_or_a_full_reference() {
        let names = ["HEAD", "refs/heads/main", "refs/heads/v1", "refs/tags/v1", "refs/tags/v2", "refs/pr/1"];
        let usual = offered("", &names);
        check(None, &usual, Some(0));
        for (revision, number) in
            [("HEAD", 0), ("main", 1), ("v1", 2), ("v2", 4), ("refs/tags/v1", 3), ("refs/pr/1", 5)]
        {
            check(Some(revision), &usual, Some(number));
        }
        for missing in ["v3", "pr/1", "refs/pr/2", "heads/main"] {
            check(Some(missing), &usual, None);
        }
        check(None, &offered("", &["refs/heads/main"]), None);
    }

    #[test]
    fn a_commit_without_a_name_is_requested_as_the_server_allows() {
        let named_as_commit = format!("refs/heads/{OTHER}");
        let names = ["refs/heads/main", named_as_commit.as_str()];
        let other: CommitId = OTHER.parse().unwrap();
        check(Some(&object(1).to_string()), &offered("", &names), Some(1));
        check_by(Means::Alone, Some(OTHER), &offered("", &names), Some(&Wanted::Nothing));
        for ability in BY_ID {
            check_by(Means::Alone, Some(OTHER), &offered(ability, &names), Some(&Wanted::Commit(other)));
        }
        for ability in ["", BY_ID[0], BY_ID[1]] {
            let everything = Some(&Wanted::Everything(other));
            check_by(Means::WithHistory, Some(OTHER), &offered(ability, &names), everything);
        }
    }
}
