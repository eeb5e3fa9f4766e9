//! The name of a model at a revision on disk.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use url_parse::{ModelId, ModelRef, Revision, hex};

/// Separates repository, revision and digest. It does not occur in a repository's name and is
/// percent-encoded in a revision.
const SEPARATOR: char = '@';
/// Characters that every file system preserves, except perhaps for case.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// The longest `<user>+<repo>@<revision>`. A name may have 255 bytes, and private files add suffixes.
const LONGEST: usize = 240;
/// How many digits of the SHA-256 are used.
const DIGITS: usize = 16;

/// The name of an entry in its user's folder: `repo`, or `repo@revision` with the revision
/// percent-encoded.
///
/// A case-insensitive file system must not confuse two revisions, so a revision with an upper-case
/// letter is followed by a digest of its exact text. So is one that was cut because it is too long.
pub(crate) fn entry_name(model: &ModelRef) -> String {
    let (user, repo) = (model.id().user(), model.id().repo());
    match model.revision() {
        Some(revision) => {
            let room = LONGEST.saturating_sub(user.len() + repo.len() + 2);
            format!("{repo}{SEPARATOR}{}", file_name_of(revision.as_str(), room))
        }
        None => repo.to_owned(),
    }
}

fn file_name_of(revision: &str, room: usize) -> String {
    let encoded = utf8_percent_encode(revision, KEPT).to_string();
    if encoded.len() <= room && !revision.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return encoded;
    }
    let mut digest = hex(&Sha256::digest(revision));
    digest.truncate(DIGITS);
    let start = cut(&encoded, room.saturating_sub(1 + DIGITS));
    format!("{start}{SEPARATOR}{digest}")
}

/// At most the first `length` bytes of encoded text, without splitting an escape.
fn cut(encoded: &str, length: usize) -> &str {
    let start = encoded.get(..length).unwrap_or(encoded);
    match start.rfind('%') {
        Some(at) if start.len() < encoded.len() && at + 3 > start.len() => {
            start.get(..at).unwrap_or_default()
        }
        _ => start,
    }
}

/// The model of an entry's folder name; `None` if the name is not valid or was cut.
pub(crate) fn parse(user: &str, name: &str) -> Option<ModelRef> {
    let (repo, revision) = match name.split_once(SEPARATOR) {
        Some((repo, revision)) => (repo, revision.split(SEPARATOR).next()),
        None => (name, None),
    };
    let id = ModelId::new(user, repo).ok()?;
    let decode = |revision| percent_decode_str(revision).decode_utf8().ok()?.parse::<Revision>().ok();
    let model = match revision {
        Some(revision) => ModelRef::new(id, Some(decode(revision)?)),
        None => id.into(),
    };
    (entry_name(&model) == name).then_some(model)
}

#[cfg(test)]
mod tests;
