//! What a repository offers: the answer to `info/refs`.
//!
//! libgit2 reads the same bytes, and is the one to complain about them. What it hands out afterwards is not
//! enough: names that are not UTF-8 make its binding panic, and it keeps the server's abilities to itself.

use bytes::Bytes;
use url_parse::{CommitId, Revision};

/// Stands in place of a name when a repository has no reference.
const NO_REFERENCE: &[u8] = b"capabilities^{}";
/// Ends the second line of an annotated tag: the one with the object that the tag is for.
const PEELED: &str = "^{}";

/// The references of a repository and the abilities of its server. What cannot be read is left out.
#[derive(Debug, Default)]
pub(super) struct Advertisement {
    references: Vec<Reference>,
    capabilities: Bytes,
}

/// One line: the name of a reference and its object, 40 hexadecimal digits.
#[derive(Debug)]
struct Reference {
    object: Bytes,
    name: Bytes,
}

impl Advertisement {
    /// Reads git's packet lines. The result shares the memory of `body`.
    pub(super) fn parse(body: &Bytes) -> Self {
        let mut offered = Self::default();
        let mut rest = body.clone();
        while let Some(packet) = take_packet(&mut rest) {
            let (line, capabilities) = split_once(&packet, 0);
            if let Some(capabilities) = capabilities
                && offered.capabilities.is_empty()
            {
                offered.capabilities = trimmed(&capabilities);
            }
            if let (object, Some(name)) = split_once(&trimmed(&line), b' ')
                && object.len() == 40
                && name != NO_REFERENCE
            {
                offered.references.push(Reference { object, name });
            }
        }
        offered
    }

    /// There is no reference at all: nothing was ever committed.
    pub(super) fn is_empty(&self) -> bool {
        self.references.is_empty()
    }

    /// Whether there is a reference of this full name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.references.iter().any(|reference| reference.name == name)
    }

    /// A name under which a commit can be asked for. A name comes from the server; one that breaks git's rules
    /// is not used.
    pub(super) fn name_of(&self, commit: &CommitId) -> Option<&str> {
        let digits = commit.to_string();
        self.references.iter().filter(|reference| reference.object == digits).find_map(|reference| {
            let name = std::str::from_utf8(&reference.name).ok()?;
            let name = name.strip_suffix(PEELED).unwrap_or(name);
            name.parse::<Revision>().is_ok().then_some(name)
        })
    }

    /// Whether the server knows this part of the protocol.
    pub(super) fn offers(&self, capability: &str) -> bool {
        self.capabilities.split(|byte| *byte == b' ').any(|known| known == capability.as_bytes())
    }
}

/// Takes the next packet with contents off `rest`; `None` at the end, and at what is no packet.
fn take_packet(rest: &mut Bytes) -> Option<Bytes> {
    const HEAD: usize = 4;
    loop {
        let digits = std::str::from_utf8(rest.get(..HEAD)?).ok()?;
        let length = usize::from_str_radix(digits, 16).ok()?;
        if length > rest.len() {
            return None;
        }
        // 0000 to 0003 are marks without contents.
        let mut packet = rest.split_to(length.max(HEAD));
        if packet.len() > HEAD {
            return Some(packet.split_off(HEAD));
        }
    }
}

/// What is before the first `separator`, and what is after it.
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

    fn advertisement(lines: &[&[u8]]) -> Advertisement {
        let lines: Vec<u8> = lines.iter().flat_map(|line| packet(line)).collect();
        let bytes = [&packet(b"# service=git-upload-pack\n"), &b"0000"[..], &lines, b"0000"].concat();
        Advertisement::parse(&bytes.into())
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
    fn names_are_found() {
        let offered = usual();
        assert!(!offered.is_empty());
        for name in ["HEAD", "refs/heads/main", "refs/tags/v1"] {
            assert!(offered.has(name), "{name}");
        }
        for name in ["main", "refs/heads/mai", "refs/heads/main\n", "v1", ""] {
            assert!(!offered.has(name), "{name}");
        }
    }

    #[test]
    fn a_commit_is_asked_for_by_a_name_that_leads_to_it() {
        let offered = usual();
        let name_of = |commit: &str| offered.name_of(&commit.parse().unwrap());
        assert_eq!(name_of(ONE), Some("HEAD"));
        // The name that is not UTF-8 is passed over.
        assert_eq!(name_of(TWO), Some("refs/tags/v1"));
        assert_eq!(name_of(THREE), Some("refs/tags/v1"));
        assert_eq!(name_of(&"4".repeat(40)), None);
        let hostile = advertisement(&[format!("{ONE} refs/heads/a:refs/heads/b\0\n").as_bytes()]);
        assert_eq!(hostile.name_of(&ONE.parse().unwrap()), None);
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
    fn bytes_that_are_no_packets_are_nothing() {
        for bytes in [
            &b""[..],
            b"000",
            b"0000",
            b"<html>",
            b"ffff",
            b"0005",
            b"-001x",
            b"00010002",
            b"\xff\xff\xff\xff",
        ] {
            assert!(Advertisement::parse(&Bytes::from_static(bytes)).is_empty(), "{bytes:?}");
        }
        let cut = [&packet(format!("{ONE} HEAD\0shallow\n").as_bytes())[..], b"0040abc"].concat();
        assert!(Advertisement::parse(&cut.into()).has("HEAD"));
    }
}
