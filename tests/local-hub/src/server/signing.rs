//! Signed URLs of the data host, which expire and must be used unchanged.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::answer::disposition;
use super::place::encoded;
use crate::hex::name_of;
use crate::models::Object;

/// Creates and checks signed URLs.
#[derive(Debug)]
pub(crate) struct Signing {
    lifetime: Duration,
    /// Incremented when all issued URLs are to expire.
    generation: Mutex<u64>,
}

/// The problem with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadUrl {
    Expired,
    /// The query differs from what was signed.
    Signature,
}

impl Signing {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, generation: Mutex::new(0) }
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn expire_all(&self) {
        *self.generation.lock() += 1;
    }

    /// The path and query under which the data host serves the object.
    pub(super) fn path_and_query(&self, object: &Object) -> String {
        let expires = (seconds_now() + self.lifetime.as_secs()).to_string();
        let generation = *self.generation.lock();
        let policy = name_of(&format!("policy {expires}"), 40);
        let before = format!(
            "Expires={expires}&Hash-Algorithm=SHA256&Key-Pair-Id=K{generation}HUB&Policy={policy}~-__"
        );
        let after = format!(
            "X-Xet-Cas-Uid=public&response-content-disposition={}&user_id=public",
            encoded(&disposition(&object.file))
        );
        let signature = sign(object, &before, &after);
        format!("{}?{before}&Signature={signature}&{after}", object.url_path)
    }

    /// The object at a path that the query was made for, expired or not.
    pub(super) fn signed_for<'a>(objects: &'a [Object], query: &str) -> Option<&'a Object> {
        let (before, signature, after) = split(query)?;
        objects.iter().find(|object| sign(object, before, after) == signature)
    }

    /// The object that the data host may serve for this query.
    pub(super) fn check<'a>(&self, objects: &'a [Object], query: &str) -> Result<&'a Object, BadUrl> {
        let object = Self::signed_for(objects, query).ok_or(BadUrl::Signature)?;
        let key = format!("&Key-Pair-Id=K{}HUB&", *self.generation.lock());
        let is_alive = expiry(query).is_some_and(|expires| seconds_now() < expires) && query.contains(&key);
        if is_alive { Ok(object) } else { Err(BadUrl::Expired) }
    }
}

/// The query before the signature, the signature, and the rest.
fn split(query: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = query.split_once("&Signature=")?;
    let (signature, after) = rest.split_once('&')?;
    Some((before, signature, after))
}

fn sign(object: &Object, before: &str, after: &str) -> String {
    name_of(&format!("{} {} {before} {after}", object.url_path, object.file), 64)
}

fn expiry(query: &str) -> Option<u64> {
    query.strip_prefix("Expires=")?.split('&').next()?.parse().ok()
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
