//! What a model at a revision is called on disk.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use url_parse::{ModelId, ModelRef, Revision};

use crate::hex;

/// Between repository, revision and digest. No repository has one in its name, and one of a revision is
/// percent-encoded.
const SEPARATOR: char = '@';
/// What every file system keeps as it is, but for the case of letters.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// As long may `<user>+<repo>@<revision>` be. A name may have 255 bytes, and the endings of private files need
/// some.
const LONGEST: usize = 240;
/// As many digits of a SHA-256 are written.
const DIGITS: usize = 16;

/// The name of an entry in its user's folder: `repo`, or `repo@revision` with the revision percent-encoded.
///
/// File systems that do not tell letters by their case must not take two revisions for one, so a revision with
/// an upper-case letter has a digest of its exact text behind it. One that is too long is cut and has it too.
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
    let mut digest = hex::encode(&Sha256::digest(revision));
    digest.truncate(DIGITS);
    let start = cut(&encoded, room.saturating_sub(1 + DIGITS));
    format!("{start}{SEPARATOR}{digest}")
}

/// The beginning of encoded text, at most so many bytes of it, without half an escape at its end.
fn cut(encoded: &str, length: usize) -> &str {
    let start = encoded.get(..length).unwrap_or(encoded);
    match start.rfind('%') {
        Some(at) if start.len() < encoded.len() && at + 3 > start.len() => {
            start.get(..at).unwrap_or_default()
        }
        _ => start,
    }
}

/// The model that an entry's folder is named after; `None` for any other name, and for one that was cut.
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
