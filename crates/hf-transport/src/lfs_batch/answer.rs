//! Interprets a batch response for each object.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use net::Reach;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use url_parse::{Url, from_hex};

use crate::LfsPointer;
use crate::locate::signature_expiry;

/// More objects than a request contains are counted but not kept.
const MAX_OBJECTS: usize = 100;
/// The most headers that a location may require.
const MAX_HEADERS: usize = 16;
const MAX_HEADER_BYTES: usize = 8 << 10;

/// Who sent the response, and when: it may not direct the client to a less safe place than itself.
pub(crate) struct Speaker {
    pub(crate) url: Url,
    pub(crate) reach: Reach,
    pub(crate) now: SystemTime,
}

/// The location of an object.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) expires_at: Option<SystemTime>,
    /// The URL and headers suffice, without the token.
    pub(crate) is_authenticated: bool,
}

/// Why an object's location is unknown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The server's answer for this object. The message is untrusted.
    Refused {
        code: u16,
        message: Option<String>,
    },
    Unusable(&'static str),
}

#[derive(Deserialize)]
struct Batch {
    transfer: Option<String>,
    hash_algo: Option<String>,
    objects: Objects,
}

#[derive(Deserialize)]
struct Object {
    oid: String,
    size: Option<u64>,
    authenticated: Option<bool>,
    actions: Option<Actions>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Actions {
    download: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
    header: Option<HashMap<String, String>>,
    expires_in: Option<f64>,
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<u16>,
    message: Option<String>,
}

/// The first objects of the list, and their total number.
struct Objects {
    first: Vec<Object>,
    count: usize,
}

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ObjectsVisitor)
    }
}

struct ObjectsVisitor;

impl<'de> Visitor<'de> for ObjectsVisitor {
    type Value = Objects;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut objects: A) -> Result<Objects, A::Error> {
        let mut first = Vec::new();
        while first.len() < MAX_OBJECTS
            && let Some(object) = objects.next_element()?
        {
            first.push(object);
        }
        let mut count = first.len();
        while objects.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Objects { first, count })
    }
}

/// The locations of the requested objects, in the order of the request. Other objects are ignored; if
/// one occurs twice, the first counts.
///
/// # Errors
///
/// What is wrong with the response as a whole.
pub(crate) fn read(
    body: &[u8],
    asked: &[LfsPointer],
    speaker: &Speaker,
) -> Result<Vec<Result<Place, Problem>>, &'static str> {
    let batch: Batch = serde_json::from_slice(body).map_err(|_| "it is not a list of LFS objects")?;
    if batch.hash_algo.is_some_and(|name| name != "sha256") {
        return Err("it uses another digest than SHA-256");
    }
    if batch.transfer.is_some_and(|name| name != "basic") {
        return Err("it requires a transfer method that was not offered");
    }
    if batch.objects.count > asked.len() {
        return Err("it lists more objects than were asked for");
    }
    let mut found: HashMap<[u8; 32], Object> = HashMap::new();
    for object in batch.objects.first {
        if let Some(oid) = from_hex(&object.oid) {
            found.entry(oid).or_insert(object);
        }
    }
    let place = |pointer: &LfsPointer| match found.remove(&pointer.oid) {
        Some(object) => place(object, pointer, speaker),
        None => Err(Problem::Unusable("the response does not mention it")),
    };
    Ok(asked.iter().map(place).collect())
}

fn place(object: Object, asked: &LfsPointer, speaker: &Speaker) -> Result<Place, Problem> {
    if let Some(Failure { code, message }) = object.error {
        return Err(Problem::Refused { code: code.unwrap_or(404), message });
    }
    if object.size.is_some_and(|size| size != asked.size) {
        return Err(Problem::Unusable("the server has it with another size"));
    }
    let action = object.actions.and_then(|actions| actions.download);
    let action = action.ok_or(Problem::Unusable("there is nothing to download it from"))?;
    let url = target(&action.href, speaker).map_err(Problem::Unusable)?;
    Ok(Place {
        expires_at: expiry(&action, &url, speaker.now),
        headers: credentials(action.header.unwrap_or_default()).map_err(Problem::Unusable)?,
        is_authenticated: object.authenticated.unwrap_or(false),
        url,
    })
}

fn target(href: &str, speaker: &Speaker) -> Result<Url, &'static str> {
    let url = Url::parse(href).map_err(|_| "it is not a URL")?;
    if let Some(problem) = net::problem_of(&url) {
        return Err(problem);
    }
    if speaker.url.scheme() == "https" && url.scheme() == "http" {
        return Err("it leads from https to plain http");
    }
    if Reach::of_host(&url) > speaker.reach {
        return Err("it leads into a private network, or to this machine");
    }
    Ok(url)
}

/// The headers with credentials. Others could change the meaning of the request.
fn credentials(given: HashMap<String, String>) -> Result<HeaderMap, &'static str> {
    let bytes: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if given.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err("it requires more headers than a request may have");
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let Ok(name) = HeaderName::try_from(name) else {
            return Err("it requires a header that HTTP does not allow");
        };
        if !is_credential(name.as_str()) {
            tracing::debug!(%name, "omitting a header of a batch response");
            continue;
        }
        let value = HeaderValue::try_from(value);
        let Ok(mut value) = value else { return Err("it requires a header that HTTP does not allow") };
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// `Authorization`, and the headers with which the large object stores sign requests.
fn is_credential(name: &str) -> bool {
    name == "authorization" || ["x-amz-", "x-ms-", "x-goog-"].iter().any(|prefix| name.starts_with(prefix))
}

/// When the location expires, according to the server. Some servers write zero, or the year 1, for
/// "never"; a time already in the past indicates that clocks differ.
fn expiry(action: &Action, url: &Url, now: SystemTime) -> Option<SystemTime> {
    let life = action.expires_in.filter(|seconds| *seconds > 0.0);
    let relative =
        life.and_then(|life| Duration::try_from_secs_f64(life).ok()).and_then(|life| now.checked_add(life));
    let absolute =
        || humantime::parse_rfc3339_weak(action.expires_at.as_deref()?).ok().filter(|end| *end > now);
    relative.or_else(absolute).or_else(|| signature_expiry(url, now))
}

#[cfg(test)]
mod tests;
