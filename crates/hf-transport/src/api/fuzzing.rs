//! For tests/fuzz.

use url_parse::ModelId;

use super::{Api, listing, pages, siblings};
use crate::HubClient;

/// How many files a page of the list has, if it is one.
pub fn listing(hub: &HubClient, model: &ModelId, body: &[u8]) -> Option<usize> {
    listing::page(&Api::new(hub, model), &hub.endpoint().model_page(model), body)
}

/// How many files are told with a model, if any are.
pub fn told(hub: &HubClient, model: &ModelId, body: &[u8]) -> Option<usize> {
    siblings::told(&Api::new(hub, model), body)
}

/// The query of the page after the one with this `Link` header.
pub fn next_page(link: &str) -> Option<String> {
    pages::next_query(link)
}
