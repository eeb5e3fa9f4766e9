//! The address of a store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use net::SafeUrl;
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderValue;
use url_parse::{Excerpt, Url, is_unprintable};

use crate::error::Error;
use crate::key::Key;

/// What an address begins with, for messages.
const SCHEMES: &str = "it starts with none of s3://, gs://, az://, https://, http:// and file:///";

/// The address of a store.
///
/// | written as | what it is |
/// |---|---|
/// | `s3://bucket/prefix` | a bucket on S3, or on a server with the same API |
/// | `gs://bucket/prefix` | a bucket of Google Cloud Storage |
/// | `az://container/prefix` | a container of Azure Blob Storage |
/// | `https://host/path`, `http://host/path` | a web server; writing needs WebDAV |
/// | `file:///path`, on Windows `file:///C:/path` | a folder |
///
/// A web server's address may contain a user and a password. Nothing shows them, not even `Debug`.
///
/// ```
/// use weight_store::StoreUrl;
///
/// let store: StoreUrl = "https://reader:secret@cache.example/models/".parse()?;
/// assert_eq!(store.to_string(), "https://cache.example/models");
/// let error = "ftp://cache.example".parse::<StoreUrl>().unwrap_err();
/// assert!(error.to_string().contains("it starts with none of s3://"));
/// # Ok::<(), weight_store::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StoreUrl {
    pub(crate) home: Home,
    /// Without a trailing slash and without user info.
    shown: Url,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Home {
    /// The prefix of each key: empty, or ends in a slash.
    Bucket {
        cloud: Cloud,
        bucket: String,
        prefix: String,
    },
    Web {
        base: Url,
        login: Option<HeaderValue>,
    },
    Folder(PathBuf),
}

/// The cloud that a bucket belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cloud {
    /// S3.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Cloud {
    const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

impl StoreUrl {
    /// The folder, if the store is one on this machine.
    pub fn folder(&self) -> Option<&Path> {
        if let Home::Folder(folder) = &self.home { Some(folder) } else { None }
    }

    /// The address as kept in errors.
    pub(crate) fn safe(&self) -> SafeUrl {
        SafeUrl::of(&self.shown)
    }

    /// The URL of a key in this store, for messages.
    pub(crate) fn at(&self, key: &Key) -> SafeUrl {
        SafeUrl::of(&below(&self.shown, key))
    }
}

/// The base URL with a key appended. Keys need no encoding.
pub(crate) fn below(base: &Url, key: &Key) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), key.as_str()));
    url
}

impl FromStr for StoreUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|problem| Error::Address { input: Excerpt::of_url(text), problem })
    }
}

fn parse(text: &str) -> Result<StoreUrl, String> {
    if let Ok(url) = Url::from_file_path(text) {
        return Err(format!("write a folder as {url}"));
    }
    if let Some(c) = text.chars().find(|c| c.is_whitespace() || is_unprintable(*c) || *c == '\\') {
        return Err(format!("it has the character {c:?}"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(SCHEMES.to_owned());
    };
    if rest.contains(['?', '#']) {
        return Err("it has a query or a fragment, which no store's address has".to_owned());
    }
    match scheme.to_ascii_lowercase().as_str() {
        "s3" => in_bucket(Cloud::S3, rest),
        "gs" => in_bucket(Cloud::Gcs, rest),
        "az" => in_bucket(Cloud::Azure, rest),
        "http" | "https" => on_the_web(text),
        "file" => in_folder(text, rest),
        _ => Err(SCHEMES.to_owned()),
    }
}

fn in_bucket(cloud: Cloud, rest: &str) -> Result<StoreUrl, String> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if rest.contains('@') {
        return Err("it contains an `@`; credentials are set separately".to_owned());
    }
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if bucket.is_empty() || !bucket.chars().all(is_name) {
        return Err(
            "`://` must be followed by a bucket: lower-case letters, digits, `-`, `_` and `.`".to_owned()
        );
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if let Some(problem) = prefix.split('/').filter(|_| !prefix.is_empty()).find_map(problem_of_component) {
        return Err(problem);
    }
    let shown = Url::parse(&format!("{}://{bucket}/{prefix}", cloud.scheme()));
    let shown = shown.map_err(|_| "it is not a valid URL".to_owned())?;
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    Ok(StoreUrl { home: Home::Bucket { cloud, bucket: bucket.to_owned(), prefix }, shown })
}

fn problem_of_component(component: &str) -> Option<String> {
    if matches!(component, "" | "." | "..") {
        return Some("its prefix has a component that is empty, `.` or `..`".to_owned());
    }
    let is_foreign = |c: &char| !(c.is_ascii_alphanumeric() || "-_.=+!".contains(*c));
    let foreign = component.chars().find(is_foreign)?;
    Some(format!(
        "its prefix has the character {foreign:?}, but only letters, digits, `-`, `_`, `.`, `=`, `+` and `!` are allowed"
    ))
}

fn on_the_web(text: &str) -> Result<StoreUrl, String> {
    let mut base = Url::parse(text).map_err(|error| format!("it is not a valid URL: {error}"))?;
    let login = login_of(&base)?;
    // These cannot fail for http.
    let _ = (base.set_username(""), base.set_password(None));
    let path = base.path().trim_end_matches('/').to_owned();
    base.set_path(&path);
    Ok(StoreUrl { shown: base.clone(), home: Home::Web { base, login } })
}

/// The `Authorization` header for the user info of a URL.
fn login_of(url: &Url) -> Result<Option<HeaderValue>, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut login: Vec<u8> = percent_decode_str(url.username()).collect();
    login.push(b':');
    login.extend(percent_decode_str(url.password().unwrap_or_default()));
    let header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(login)));
    let mut header = header.map_err(|_| "its user and password cannot be sent".to_owned())?;
    header.set_sensitive(true);
    Ok(Some(header))
}

fn in_folder(text: &str, rest: &str) -> Result<StoreUrl, String> {
    if !rest.starts_with('/') {
        return Err("file:// must be followed by an absolute path".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("it is not a valid URL: {error}"))?;
    let folder = url.to_file_path().map_err(|()| "it is not a path on this system".to_owned())?;
    of_folder(&folder).ok_or_else(|| "it does not name a folder".to_owned())
}

/// The store in the folder with this absolute path.
fn of_folder(folder: &Path) -> Option<StoreUrl> {
    folder.file_name()?;
    let shown = Url::from_file_path(folder).ok()?;
    Some(StoreUrl { home: Home::Folder(folder.to_owned()), shown })
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = SafeUrl::of(&self.shown).to_string();
        f.write_str(shown.strip_suffix('/').unwrap_or(&shown))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = text.parse::<StoreUrl>().unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
        error
    }

    #[test]
    fn valid_addresses_are_accepted() {
        for (text, shown) in [
            ("s3://bucket", "s3://bucket"),
            ("S3://bucket/", "s3://bucket"),
            ("s3://my.bucket-1/a/b=c/", "s3://my.bucket-1/a/b=c"),
            ("gs://bucket/Prefix", "gs://bucket/Prefix"),
            ("az://container/x", "az://container/x"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://user:s3cret@host/a%20b//", "https://host/a%20b"),
            if cfg!(windows) {
                ("file:///C:/a%20stick/", "file:///C:/a%20stick")
            } else {
                ("file:///mnt/a%20stick/", "file:///mnt/a%20stick")
            },
        ] {
            let store: StoreUrl = text.parse().unwrap();
            assert_eq!(store.to_string(), shown);
            assert_eq!(format!("{store:?}"), format!("StoreUrl({shown})"));
            let there = store.at(&Key::info()).to_string();
            assert_eq!(there, format!("{shown}/mlc-weights-store.json"));
        }
    }

    #[test]
    fn problems_are_named() {
        for (text, words) in [
            ("", "starts with none of"),
            ("bucket/prefix", "starts with none of"),
            ("ftp://host/x", "starts with none of"),
            if cfg!(windows) {
                ("C:\\a b", "write a folder as file:///C:/a%20b")
            } else {
                ("/mnt/a b", "write a folder as file:///mnt/a%20b")
            },
            ("s3://", "followed by a bucket"),
            ("s3://Bucket", "followed by a bucket"),
            ("s3://key:s3cret@bucket/x", "credentials are set separately"),
            ("s3://bucket//x", "empty, `.` or `..`"),
            ("gs://bucket/a/../b", "empty, `.` or `..`"),
            ("az://container/a%20b", "has the character '%'"),
            ("s3://bucket/a b", "has the character ' '"),
            ("s3://bucket/x?sig=s3cret", "a query or a fragment"),
            ("https://user:s3cret@/x", "not a valid URL"),
            ("https://host/x?sig=s3cret", "a query or a fragment"),
            ("file://host/x", "an absolute path"),
            ("file:///", "it does not name a folder"),
        ] {
            assert!(refused(text).contains(words), "{}", refused(text));
        }
    }

    #[test]
    fn a_login_is_sent_and_not_shown() {
        let store: StoreUrl = "https://user:pa%20ss@host/x".parse().unwrap();
        let Home::Web { base, login } = store.home else { panic!() };
        assert_eq!(base.as_str(), "https://host/x");
        let login = login.unwrap();
        assert_eq!(login.to_str().unwrap(), "Basic dXNlcjpwYSBzcw==");
        assert!(login.is_sensitive());
    }
}
