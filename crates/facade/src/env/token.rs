//! The sources of the access token.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use hf_transport::Token;
use url_parse::DiskError;

use super::values::{Lookup, is_truthy, secret_unusable, unusable};
use super::variables::{
    HF_HOME, HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_TOKEN, HF_TOKEN_PATH, HOME, HUGGING_FACE_HUB_TOKEN,
    USERPROFILE, XDG_CACHE_HOME,
};
use crate::Error;
use crate::words::failure;

/// A longer file contains no token.
const MAX_FILE: u64 = 64 * 1024;

/// The first source that has one. A token set for this program counts as chosen for the configured hub;
/// the file of a login does not.
pub(super) fn token(lookup: Lookup<'_>) -> Result<Option<Token>, Error> {
    for name in [HF_TOKEN, HUGGING_FACE_HUB_TOKEN] {
        let Some(value) = lookup(name) else { continue };
        let value = value.to_string_lossy();
        if !Token::is_blank(&value) {
            let token = Token::new(&value).map_err(|source| secret_unusable(name, source))?;
            return Ok(Some(token.found_in(name)));
        }
    }
    match lookup(HF_TOKEN_PATH) {
        Some(path) => in_file_that_was_named(&expanded(&path, lookup)),
        None => Ok(default_file(lookup).and_then(|path| left_by_a_login(&path))),
    }
}

fn in_file_that_was_named(path: &Path) -> Result<Option<Token>, Error> {
    let shown = path.to_string_lossy();
    let text = read(path).map_err(|source| unusable(HF_TOKEN_PATH, &shown, source))?;
    let token = not_blank(&text).map_err(|source| unusable(HF_TOKEN_PATH, &shown, source))?;
    Ok(token.map(|token| token.found_in(&format!("{}, which {HF_TOKEN_PATH} names", url_parse::shown(path)))))
}

/// The user did not name this file: if it is unusable, there is no token.
fn left_by_a_login(path: &Path) -> Option<Token> {
    let token = in_file_of_a_login(path).inspect_err(|error| {
        tracing::warn!(path = %url_parse::shown(path), error = %failure(error), "cannot use the token that a login has saved");
    });
    token.ok().flatten()
}

/// The token that a login left in this file, if it exists.
pub(super) fn in_file_of_a_login(path: &Path) -> Result<Option<Token>, hf_transport::Error> {
    let text = match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|source| DiskError::new("read", path, source))?,
    };
    Ok(not_blank(&text)?.map(|token| token.found_by_itself().found_in(&url_parse::shown(path))))
}

/// A blank file has no token, and is not an error.
fn not_blank(text: &str) -> Result<Option<Token>, hf_transport::Error> {
    if Token::is_blank(text) { Ok(None) } else { Token::new(text).map(Some) }
}

fn read(path: &Path) -> io::Result<String> {
    // It may be a pipe, which has no length.
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large to hold a token"));
    }
    Ok(text)
}

/// The file of a login, unless it must not be used.
pub(super) fn default_file(lookup: Lookup<'_>) -> Option<PathBuf> {
    if lookup(HF_HUB_DISABLE_IMPLICIT_TOKEN).is_some_and(|value| is_truthy(&value)) {
        return None;
    }
    let folder = |name| lookup(name).map(|folder| expanded(&folder, lookup));
    let cache = || folder(XDG_CACHE_HOME).or_else(|| Some(home(lookup)?.join(".cache")));
    let of_the_hubs_clients = folder(HF_HOME).or_else(|| Some(cache()?.join("huggingface")))?;
    Some(of_the_hubs_clients.join("token"))
}

fn home(lookup: Lookup<'_>) -> Option<PathBuf> {
    lookup(if cfg!(windows) { USERPROFILE } else { HOME }).map(PathBuf::from)
}

/// Expands a leading `~`, `$NAME` and `${NAME}`, as the hub's own clients do; an unset name stays as it
/// is.
fn expanded(path: &OsString, lookup: Lookup<'_>) -> PathBuf {
    let Some(text) = path.to_str() else { return path.into() };
    let text = match (text.strip_prefix('~'), home(lookup)) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with(['/', std::path::MAIN_SEPARATOR]) => {
            format!("{}{rest}", home.to_string_lossy())
        }
        _ => text.to_owned(),
    };
    let (mut whole, mut rest) = (String::new(), text.as_str());
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        let (name, behind) = variable(after);
        match lookup(name).filter(|_| !name.is_empty()) {
            Some(value) => whole.push_str(&value.to_string_lossy()),
            None => whole.extend(["$", &after[..after.len() - behind.len()]]),
        }
        rest = behind;
    }
    PathBuf::from(whole + rest)
}

/// The name of a variable at the start of a text, and the rest.
fn variable(text: &str) -> (&str, &str) {
    if let Some((name, behind)) = text.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        return (name, behind);
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests;
