//! The names of files in a store. Each name can be computed, so nothing has to be searched.
//! No clock, no I/O.

use sha2::{Digest as _, Sha256};
use url_parse::{CommitId, Endpoint, ModelId, Revision};

use crate::blob_id::BlobId;

/// The layout's format: the one that is written and the latest that is read.
pub(crate) const FORMAT: u64 = 1;
/// The name of the default branch's ref.
pub(crate) const DEFAULT_BRANCH: &str = "HEAD";
/// The longest component. File systems allow 255 bytes, and suffixes need some.
const LONGEST: usize = 200;
/// How many digits of a SHA-256 replace what was cut off.
const DIGITS: usize = 32;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A name in a store: lower-case letters, digits and `.`, `_`, `-`, `!`, in components separated by
/// slashes. It means the same in a URL, in a bucket and on a case-insensitive file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

/// What a ref names: a revision of a model on a hub.
#[derive(Clone, Copy, Debug)]
pub struct RefName<'a> {
    /// The hub.
    pub hub: &'a Endpoint,
    /// The model.
    pub model: &'a ModelId,
    /// A branch or a tag; `None` is the default branch.
    pub revision: Option<&'a Revision>,
}

impl RefName<'_> {
    pub(crate) fn revision(&self) -> &str {
        self.revision.map_or(DEFAULT_BRANCH, Revision::as_str)
    }
}

impl Key {
    /// The store's description of itself.
    pub(crate) fn info() -> Self {
        Self("mlc-weights-store.json".to_owned())
    }

    pub(crate) fn blob(blob: &BlobId) -> Self {
        Self(format!("blobs/sha256/{blob}"))
    }

    pub(crate) fn pack(commit: &CommitId) -> Self {
        Self(format!("packs/{commit}.pack"))
    }

    pub(crate) fn reference(name: &RefName<'_>) -> Self {
        let hub = name.hub.as_str();
        let hub = hub.split_once("://").map_or(hub, |(_, host)| host);
        let parts = [hub, name.model.user(), name.model.repo(), name.revision()].map(component);
        Self(format!("refs/{}.json", parts.join("/")))
    }

    pub(crate) fn lease(commit: &CommitId) -> Self {
        Self(format!("leases/{commit}.json"))
    }

    /// A name found by listing a store.
    pub(crate) fn listed(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The hub, model and revision of a ref's name; `None` if it is not one, or was cut.
    pub(crate) fn parts_of_ref(&self) -> Option<(Endpoint, ModelId, Option<Revision>)> {
        let mut parts = self.0.strip_prefix("refs/")?.strip_suffix(".json")?.split('/');
        let mut part = || decoded(parts.next()?);
        let (hub, user, repo, revision) = (part()?, part()?, part()?, part()?);
        let hub: Endpoint = format!("https://{hub}").parse().ok()?;
        let (model, revision) = (ModelId::new(&user, &repo).ok()?, revision.parse::<Revision>().ok()?);
        let revision = Some(revision).filter(|revision| revision.as_str() != DEFAULT_BRANCH);
        let again = Self::reference(&RefName { hub: &hub, model: &model, revision: revision.as_ref() });
        (again == *self).then_some((hub, model, revision))
    }

    /// A temporary name beside this one, for an incomplete file.
    pub(crate) fn draft(&self, random: u64) -> Self {
        Self(format!("{}.tmp-{random:016x}", self.0))
    }

    /// Whether the file under this name never changes.
    #[cfg_attr(
        not(any(feature = "s3", feature = "gcs", feature = "azure")),
        expect(dead_code, reason = "buckets tell caches so")
    )]
    pub(crate) fn is_immutable(&self) -> bool {
        self.0.starts_with("blobs/") || self.0.starts_with("packs/")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Encodes a text as one component: an upper-case letter becomes `!` and the lower-case one, as in Go
/// module paths; any other byte outside the permitted set becomes `!!` and two hexadecimal digits. A
/// text that is too long is cut, followed by `!!!` and a digest.
fn component(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            // Except at the end, where Windows drops it.
            b'.' if at + 1 < text.len() => encoded.push('.'),
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => encoded.push(char::from(byte)),
            b'A'..=b'Z' => encoded.extend(['!', char::from(byte.to_ascii_lowercase())]),
            _ => {
                encoded += "!!";
                encoded.extend([byte >> 4, byte & 15].map(|digit| char::from(HEX[usize::from(digit)])));
            }
        }
    }
    if encoded.len() > LONGEST {
        encoded.truncate(LONGEST - 3 - DIGITS);
        encoded += "!!!";
        let digest = BlobId::from_bytes(Sha256::digest(text).into()).to_string();
        encoded.extend(digest.chars().take(DIGITS));
    }
    encoded
}

/// The text of a component, unless it was cut.
fn decoded(component: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), component.as_bytes());
    while let [first, more @ ..] = rest {
        rest = more;
        match (*first, more) {
            (b'!', [b'!', high, low, more @ ..]) => {
                let digit = |digit: &u8| HEX.iter().position(|hex| hex == digit);
                bytes.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
                rest = more;
            }
            (b'!', [letter @ b'a'..=b'z', more @ ..]) => {
                bytes.push(letter.to_ascii_uppercase());
                rest = more;
            }
            (b'!', _) => return None,
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reference(hub: &str, model: &str, revision: Option<&str>) -> String {
        let revision = revision.map(|revision| revision.parse().unwrap());
        let (hub, model) = (hub.parse().unwrap(), model.parse().unwrap());
        Key::reference(&RefName { hub: &hub, model: &model, revision: revision.as_ref() }).as_str().to_owned()
    }

    #[test]
    fn each_file_has_a_computed_key() {
        assert_eq!(
            Key::blob(&BlobId::from_bytes([0xab; 32])).as_str(),
            format!("blobs/sha256/{}", "ab".repeat(32))
        );
        assert_eq!(
            Key::pack(&CommitId::from_bytes([1; 20])).as_str(),
            format!("packs/{}.pack", "01".repeat(20))
        );
        assert_eq!(
            reference("https://huggingface.co", "mlc-ai/Llama-3-q4f16_1-MLC", None),
            "refs/huggingface.co/mlc-ai/!llama-3-q4f16_1-!m!l!c/!h!e!a!d.json"
        );
        assert_eq!(
            reference("http://127.0.0.1:8080/mirror", "a/b.", Some("refs/pr/1")),
            "refs/127.0.0.1!!3a8080!!2fmirror/a/b!!2e/refs!!2fpr!!2f1.json"
        );
        let long = reference("https://h", "a/b", Some(&"é".repeat(127)));
        assert_eq!(long.len(), "refs/h/a/b/.json".len() + LONGEST);
        assert_ne!(long, reference("https://h", "a/b", Some(&("é".repeat(126) + "e"))));
    }

    #[test]
    fn the_parts_of_a_listed_ref_are_parsed() {
        for name in [
            "refs/huggingface.co/mlc-ai/!llama-3-q4f16_1-!m!l!c/!h!e!a!d.json",
            "refs/127.0.0.1!!3a8080!!2fmirror/a/b/refs!!2fpr!!2f1.json",
        ] {
            let (hub, model, revision) = Key::listed(name).parts_of_ref().unwrap();
            let again = RefName { hub: &hub, model: &model, revision: revision.as_ref() };
            assert_eq!(Key::reference(&again).as_str(), name);
        }
        for name in [
            "refs/h/a/b.json",
            "refs/h/a/b/c/d.json",
            "refs/h/a/b/c",
            "refs/h/A/b/c.json",
            "refs/h/a/b/!.json",
            "refs/h/a/b/!!zz.json",
            "refs/h/a/b/!!!.json",
            "refs/h/../b/c.json",
            "refs/h/a/b/c.json.tmp-0000000000000000",
        ] {
            assert_eq!(Key::listed(name).parts_of_ref(), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_component_that_is_not_cut_can_be_read(text in "\\PC{0,12}") {
            prop_assert_eq!(decoded(&component(&text)), Some(text));
        }

        #[test]
        fn no_two_texts_share_a_component_whatever_the_case_of_letters(a in "[a-cA-C!é/.]{1,4}", b in "[a-cA-C!é/.]{1,4}") {
            prop_assert_eq!(a == b, component(&a) == component(&b));
            let is_kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-!".contains(c);
            prop_assert!(component(&a).chars().all(is_kept));
        }
    }
}
