//! The references that a repository advertises: the response to `info/refs`.

use bytes::{Bytes, BytesMut};
use url_parse::{CommitId, Revision};

use super::packets::{Malformed, Packet, take_packet};

/// Replaces a name in a repository without references.
const NO_REFERENCE: &[u8] = b"capabilities^{}";
/// How many names are remembered for the message that a revision does not exist.
const MOST_NAMES: usize = 1000;
/// The suffix of an annotated tag's second line, which has the tagged object.
const PEELED: &[u8] = b"^{}";
/// The object format if none is given.
const SHA1: &[u8] = b"sha1";

/// The references of a repository and the capabilities of its server. Unreadable lines are ignored.
#[derive(Debug, Default)]
pub(super) struct Advertisement {
    references: Vec<Reference>,
    capabilities: Bytes,
}

/// One line: the name of a reference and its object's id, which has the form of a commit id.
#[derive(Debug)]
struct Reference {
    object: CommitId,
    name: Bytes,
}

/// Why a list of references is unusable.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// git refused, with this message.
    Refusal(Bytes),
    /// The object format is this one instead of SHA-1.
    Format(Bytes),
    /// It is not a list that git sends.
    Malformed,
}

impl From<Malformed> for Unusable {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Advertisement {
    /// Parses git's packet lines: the service's name and the references. The result shares the memory
    /// of `list`.
    pub(super) fn read(mut list: BytesMut) -> Result<Self, Unusable> {
        let mut offered = Self::default();
        let mut lines = 0;
        let mut next = || take_packet(&mut list)?.ok_or(Unusable::Malformed);
        loop {
            match next()? {
                Packet::Refusal(words) => return Err(Unusable::Refusal(words)),
                Packet::Flush if lines == 1 => break,
                Packet::Line(line) if lines == 0 && line.starts_with(b"# service=git-upload-pack") => {
                    lines += 1;
                }
                Packet::Flush | Packet::Line(_) => return Err(Unusable::Malformed),
            }
        }
        loop {
            match next()? {
                Packet::Refusal(words) => return Err(Unusable::Refusal(words)),
                Packet::Line(line) => offered.take(&line)?,
                Packet::Flush => return Ok(offered),
            }
        }
    }

    fn take(&mut self, line: &Bytes) -> Result<(), Unusable> {
        let (line, capabilities) = split_once(line, 0);
        if let Some(capabilities) = capabilities
            && self.capabilities.is_empty()
        {
            self.capabilities = trimmed(&capabilities);
            let formats = words(&self.capabilities).filter_map(|word| word.strip_prefix(b"object-format="));
            if let Some(format) = formats.into_iter().find(|format| *format != SHA1) {
                return Err(Unusable::Format(self.capabilities.slice_ref(format)));
            }
        }
        if let (object, Some(name)) = split_once(&trimmed(&line), b' ')
            && name != NO_REFERENCE
            && let Some(object) = std::str::from_utf8(&object).ok().and_then(|object| object.parse().ok())
        {
            self.references.push(Reference { object, name });
        }
        Ok(())
    }

    /// Whether there is no reference: nothing was ever committed.
    pub(super) fn is_empty(&self) -> bool {
        self.references.is_empty()
    }

    /// The short names of branches and tags that can be requested.
    pub(super) fn names(&self) -> Vec<Revision> {
        let names = self.references.iter().filter_map(|reference| {
            let name = std::str::from_utf8(&reference.name).ok()?;
            let short = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/"))?;
            short.parse().ok()
        });
        names.take(MOST_NAMES).collect()
    }

    /// The object of the reference with this full name, usually a commit.
    pub(super) fn object_of(&self, name: impl AsRef<[u8]>) -> Option<CommitId> {
        let name = name.as_ref();
        self.references.iter().find(|reference| reference.name == name).map(|reference| reference.object)
    }

    /// The objects of all references.
    pub(super) fn objects(&self) -> impl Iterator<Item = CommitId> {
        self.references.iter().map(|reference| reference.object)
    }

    /// The object of a reference that leads to this commit: the commit, or a tag of it.
    ///
    /// In the protocol, the tagged object follows its tag, so one pass is enough even if every line
    /// names the commit.
    pub(super) fn object_for(&self, commit: &CommitId) -> Option<CommitId> {
        let before = std::iter::once(None).chain(self.references.iter().map(Some));
        let mut lines = before.zip(&self.references).filter(|(_, line)| line.object == *commit);
        lines.find_map(|(before, line)| match line.name.strip_suffix(PEELED) {
            Some(tag) => before.filter(|before| before.name == tag).map(|tag| tag.object),
            None => Some(line.object),
        })
    }

    /// Whether the server has this capability.
    pub(super) fn offers(&self, capability: &str) -> bool {
        words(&self.capabilities).any(|known| known == capability.as_bytes())
    }
}

/// Whether a list of references with this start is that of the "dumb" protocol for plain web servers:
/// lines with an object, a tab and a name. `None` if it is too short to tell.
pub(super) fn is_dumb(start: &[u8]) -> Option<bool> {
    let (object, name) = start.split_at_checked(40)?;
    let name = name.get(..6)?;
    Some(object.iter().all(u8::is_ascii_hexdigit) && name == b"\trefs/")
}

fn words(capabilities: &[u8]) -> impl Iterator<Item = &[u8]> {
    capabilities.split(|byte| *byte == b' ')
}

/// The text before the first `separator`, and the text after it.
fn split_once(bytes: &Bytes, separator: u8) -> (Bytes, Option<Bytes>) {
    match bytes.iter().position(|byte| *byte == separator) {
        Some(at) => (bytes.slice(..at), Some(bytes.slice(at + 1..))),
        None => (bytes.clone(), None),
    }
}

fn trimmed(bytes: &Bytes) -> Bytes {
    bytes.slice_ref(bytes.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";
    const THREE: &str = "3333333333333333333333333333333333333333";

    fn packet(contents: &[u8]) -> Vec<u8> {
        [format!("{:04x}", contents.len() + 4).as_bytes(), contents].concat()
    }

    fn read(lines: &[&[u8]]) -> Result<Advertisement, Unusable> {
        let lines: Vec<u8> = lines.iter().flat_map(|line| packet(line)).collect();
        let bytes = [&packet(b"# service=git-upload-pack\n"), &b"0000"[..], &lines, b"0000"].concat();
        Advertisement::read(BytesMut::from(&*bytes))
    }

    fn advertisement(lines: &[&[u8]]) -> Advertisement {
        read(lines).unwrap()
    }

    fn usual() -> Advertisement {
        advertisement(&[
            format!("{ONE} HEAD\0 thin-pack shallow symref=HEAD:refs/heads/main agent=git/2\n").as_bytes(),
            format!("{ONE} refs/heads/main\n").as_bytes(),
            &[TWO.as_bytes(), b" refs/heads/caf\xe9\n"].concat(),
            format!("{TWO} refs/tags/v1\n").as_bytes(),
            format!("{THREE} refs/tags/v1^{{}}\n").as_bytes(),
        ])
    }

    #[test]
    fn references_are_found_by_their_full_names() {
        let offered = usual();
        assert!(!offered.is_empty());
        for name in ["HEAD", "refs/heads/main", "refs/tags/v1"] {
            assert!(offered.object_of(name).is_some(), "{name}");
        }
        for name in ["main", "refs/heads/mai", "refs/heads/main\n", "v1", ""] {
            assert!(offered.object_of(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_commit_is_asked_for_by_the_object_of_a_name_that_leads_to_it() {
        let offered = usual();
        let object_for =
            |commit: &str| offered.object_for(&commit.parse().unwrap()).map(|object| object.to_string());
        assert_eq!(object_for(ONE).as_deref(), Some(ONE));
        assert_eq!(object_for(TWO).as_deref(), Some(TWO));
        assert_eq!(object_for(THREE).as_deref(), Some(TWO));
        assert_eq!(object_for(&"4".repeat(40)), None);
        let without_tag = advertisement(&[format!("{ONE} refs/tags/v1^{{}}\0\n").as_bytes()]);
        assert_eq!(without_tag.object_for(&ONE.parse().unwrap()), None);
    }

    /// There is no search, however often a list names the commit.
    #[test]
    fn the_tagged_object_follows_its_tag() {
        let tag = |name: &str| format!("{TWO} refs/tags/{name}\n").into_bytes();
        let peeled = |name: &str| format!("{ONE} refs/tags/{name}^{{}}\n").into_bytes();
        let object_for = |lines: &[Vec<u8>]| {
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            advertisement(&lines).object_for(&ONE.parse().unwrap()).map(|object| object.to_string())
        };
        assert_eq!(object_for(&[tag("a"), peeled("a")]).as_deref(), Some(TWO));
        assert_eq!(object_for(&[tag("a"), tag("b"), peeled("a")]), None);
        assert_eq!(object_for(&[peeled("a"), tag("a")]), None);
        assert_eq!(object_for(&[peeled("x"), tag("a"), peeled("a")]).as_deref(), Some(TWO));
    }

    #[test]
    fn capabilities_are_whole_words() {
        let offered = usual();
        for capability in ["thin-pack", "shallow", "agent=git/2"] {
            assert!(offered.offers(capability), "{capability}");
        }
        for capability in ["thin", "agent", "allow-tip-sha1-in-want"] {
            assert!(!offered.offers(capability), "{capability}");
        }
    }

    #[test]
    fn an_empty_repository_offers_only_capabilities() {
        let zero = "0".repeat(40);
        let offered = advertisement(&[format!("{zero} capabilities^{{}}\0shallow\n").as_bytes()]);
        assert!(offered.is_empty() && offered.offers("shallow"));
        assert!(advertisement(&[]).is_empty());
    }

    #[test]
    fn a_malformed_list_is_not_used() {
        for bytes in [
            &b""[..],
            b"000",
            b"0000",
            b"<html>",
            b"ffff",
            b"001e# service=git-upload-pack\n",
            b"001e# service=git-upload-pack\n0000",
            b"001e# service=git-upload-pack\n0000ffff",
            b"001e# service=git-upload-pack\n001e# service=git-upload-pack\n00000000",
            b"00000000",
            b"0008abc\n00000000",
        ] {
            assert_eq!(
                Advertisement::read(BytesMut::from(bytes)).unwrap_err(),
                Unusable::Malformed,
                "{bytes:?}"
            );
        }
        assert!(advertisement(&[b"no object HEAD", b"shallow x"]).is_empty());
    }

    #[test]
    fn the_older_protocol_is_known_by_its_first_line() {
        let list = format!("{ONE}\trefs/heads/main\n{TWO}\trefs/tags/v1\n");
        assert_eq!(is_dumb(list.as_bytes()), Some(true));
        assert_eq!(is_dumb(&list.as_bytes()[..45]), None);
        let other = list.replace('\t', " ");
        for other in [other.as_str(), &list.replace('1', "x"), &"<!doctype html>".repeat(4)] {
            assert_eq!(is_dumb(other.as_bytes()), Some(false), "{other}");
        }
    }

    #[test]
    fn a_refusal_in_any_packet_counts() {
        let first = BytesMut::from(&b"000bERR no!"[..]);
        let refusal = Some(Unusable::Refusal("no!".into()));
        assert_eq!(Advertisement::read(first).err(), refusal);
        assert_eq!(read(&[format!("{ONE} HEAD\0\n").as_bytes(), b"ERR no!"]).err(), refusal);
    }

    #[test]
    fn only_objects_that_sha1_names_are_understood() {
        let list =
            |format: &str| read(&[format!("{ONE} HEAD\0shallow object-format={format} a=b\n").as_bytes()]);
        assert!(list("sha1").is_ok());
        assert_eq!(list("sha256").err(), Some(Unusable::Format("sha256".into())));
        assert_eq!(list("").err(), Some(Unusable::Format(Bytes::new())));
        assert_eq!(list("sha1 object-format=x").err(), Some(Unusable::Format("x".into())));
    }
}
