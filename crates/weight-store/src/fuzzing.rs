//! For tests/fuzz: what a store's JSON files say, and what a web server says that it has.

use net::SafeUrl;
use url_parse::{Endpoint, Url};

use crate::error::Error;
use crate::format::{RefRecord, StoreInfo};
use crate::key::RefName;
use crate::web::members;

/// The ref of the default branch of `user/model`, and the same written again.
///
/// # Errors
/// It is none.
pub fn reference(json: &[u8], url: &Url) -> Result<(RefRecord, Vec<u8>), Error> {
    let (hub, model) = (Endpoint::default(), "user/model".parse().map_err(|_| corrupt(url))?);
    let name = RefName { hub: &hub, model: &model, revision: None };
    let record = RefRecord::parse(json, &name, &SafeUrl::of(url))?;
    let again = record.to_json(&name);
    Ok((record, again))
}

/// What a store says of itself.
///
/// # Errors
/// It is nothing that one says.
pub fn info(json: &[u8], url: &Url) -> Result<StoreInfo, Error> {
    StoreInfo::parse(json, &SafeUrl::of(url))
}

/// The names that a WebDAV server tells of a folder, whose URL ends in a slash.
///
/// # Errors
/// It is no list.
pub fn folder(xml: &[u8], url: &Url) -> Result<Vec<String>, &'static str> {
    Ok(members(xml, url)?.into_iter().map(|member| member.name).collect())
}

fn corrupt(url: &Url) -> Error {
    Error::Corrupt { url: SafeUrl::of(url), problem: "the name is none" }
}
