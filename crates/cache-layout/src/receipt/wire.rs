//! A receipt as JSON. Everything is text or a number there; converting it back validates it.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url_parse::{CommitId, Endpoint, Excerpt, Proof, RepoPath, Revision, from_hex, hex};

use super::{Edit, Receipt, ReceiptFile};

/// No commit with more files is downloaded, so no valid receipt lists more. Every look-up reads a
/// receipt.
const MOST: usize = 100_000;

/// Raised when older programs would misread the new format.
const VERSION: u32 = 1;

/// A [`Receipt`]; messages call it so.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Receipt")]
struct Wire {
    version: u32,
    commit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen_at: Option<u64>,
    manifest_sha256: String,
    /// Seconds since 1970.
    made: u64,
    #[serde(deserialize_with = "at_most")]
    files: Vec<File>,
    #[serde(default, deserialize_with = "at_most")]
    lacking: Vec<String>,
    #[serde(default, deserialize_with = "at_most", skip_serializing_if = "Vec::is_empty")]
    edits: Vec<Edited>,
}

#[derive(Serialize, Deserialize)]
struct Edited {
    path: String,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct File {
    path: String,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
}

/// Reads a list, and fails at more than [`MOST`] elements.
fn at_most<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct AtMost<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST} elements")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(element) = seq.next_element()? {
                if list.len() == MOST {
                    return Err(A::Error::invalid_length(MOST + 1, &self));
                }
                list.push(element);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(AtMost(PhantomData))
}

#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("version {0} is not known")]
    Version(u32),
    #[error("{0} is not a time")]
    Time(u64),
    #[error("`{0}` is not a digest")]
    Digest(Excerpt),
    #[error(transparent)]
    Name(#[from] url_parse::Error),
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Wire::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl From<&Receipt> for Wire {
    fn from(receipt: &Receipt) -> Self {
        Self {
            version: VERSION,
            commit: receipt.commit.to_string(),
            proof: receipt.proof.map(|proof| proof.as_str().to_owned()),
            endpoint: receipt.endpoint.as_ref().map(ToString::to_string),
            revision: receipt.revision.as_ref().map(ToString::to_string),
            seen_at: receipt.seen_at.map(seconds),
            manifest_sha256: hex(&receipt.manifest_sha256),
            made: seconds(receipt.made_at),
            files: receipt.files.iter().map(File::from).collect(),
            lacking: receipt.lacking.iter().map(ToString::to_string).collect(),
            edits: receipt.edits.iter().map(Edited::from).collect(),
        }
    }
}

impl From<&Edit> for Edited {
    fn from(edit: &Edit) -> Self {
        Self { path: edit.path.as_str().to_owned(), sha256: hex(&edit.sha256) }
    }
}

impl From<&ReceiptFile> for File {
    fn from(file: &ReceiptFile) -> Self {
        Self {
            path: file.path.as_str().to_owned(),
            size: file.size,
            sha256: file.sha256.map(|digest| hex(&digest)),
            md5: file.md5.map(|digest| hex(&digest)),
        }
    }
}

impl TryFrom<Wire> for Receipt {
    type Error = Unusable;

    fn try_from(wire: Wire) -> Result<Self, Unusable> {
        if wire.version != VERSION {
            return Err(Unusable::Version(wire.version));
        }
        Ok(Self {
            commit: wire.commit.parse::<CommitId>()?,
            proof: wire.proof.as_deref().map(str::parse::<Proof>).transpose()?,
            endpoint: wire.endpoint.map(|endpoint| endpoint.parse::<Endpoint>()).transpose()?,
            revision: wire.revision.map(|revision| revision.parse::<Revision>()).transpose()?,
            seen_at: wire.seen_at.map(time).transpose()?,
            manifest_sha256: digest(&wire.manifest_sha256)?,
            made_at: time(wire.made)?,
            files: wire.files.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            lacking: wire.lacking.iter().map(|path| path.parse::<RepoPath>()).collect::<Result<_, _>>()?,
            edits: wire.edits.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<Edited> for Edit {
    type Error = Unusable;

    fn try_from(wire: Edited) -> Result<Self, Unusable> {
        Ok(Self { path: wire.path.parse()?, sha256: digest(&wire.sha256)? })
    }
}

impl TryFrom<File> for ReceiptFile {
    type Error = Unusable;

    fn try_from(wire: File) -> Result<Self, Unusable> {
        Ok(Self {
            path: wire.path.parse()?,
            size: wire.size,
            sha256: wire.sha256.as_deref().map(digest).transpose()?,
            md5: wire.md5.as_deref().map(digest).transpose()?,
        })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn time(seconds: u64) -> Result<SystemTime, Unusable> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(Unusable::Time(seconds))
}

fn digest<const N: usize>(text: &str) -> Result<[u8; N], Unusable> {
    from_hex(&text.to_ascii_lowercase()).ok_or_else(|| Unusable::Digest(Excerpt::of(text)))
}
