//! For tests/fuzz: access to private parsers. No clock, no I/O.

use net::SafeUrl;
use url_parse::{Endpoint, Url};

use crate::error::Error;
use crate::format::{RefRecord, StoreInfo};
use crate::key::RefName;
use crate::web::members;

/// Parses the ref of the default branch of `user/model`, and writes it again.
///
/// # Errors
///
/// It is not a valid ref.
pub fn reference(json: &[u8], url: &Url) -> Result<(RefRecord, Vec<u8>), Error> {
    let (hub, model) = (Endpoint::default(), "user/model".parse().map_err(|_| corrupt(url))?);
    let name = RefName { hub: &hub, model: &model, revision: None };
    let record = RefRecord::parse(json, &name, &SafeUrl::of(url))?;
    let again = record.to_json(&name);
    Ok((record, again))
}

/// Parses a store's description of itself.
///
/// # Errors
///
/// It is not valid.
pub fn info(json: &[u8], url: &Url) -> Result<StoreInfo, Error> {
    StoreInfo::parse(json, &SafeUrl::of(url))
}

/// The names in a WebDAV listing of a folder, whose URL ends in a slash.
///
/// # Errors
///
/// It is not a listing.
pub fn folder(xml: &[u8], url: &Url) -> Result<Vec<String>, &'static str> {
    Ok(members(xml, url)?.into_iter().map(|member| member.name).collect())
}

fn corrupt(url: &Url) -> Error {
    Error::Corrupt { url: SafeUrl::of(url), problem: "the name is invalid" }
}
