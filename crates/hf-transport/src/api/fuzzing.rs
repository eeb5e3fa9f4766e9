//! For tests/fuzz.

use url_parse::ModelId;

use super::{Api, listing, pages, siblings};
use crate::HubClient;

/// The number of files on a page of the listing, if it is valid.
pub fn listing(hub: &HubClient, model: &ModelId, body: &[u8]) -> Option<usize> {
    listing::page(&Api::new(hub, model), &hub.endpoint().model_page(model), body)
}

/// The number of files in a model's description, if it lists any.
pub fn told(hub: &HubClient, model: &ModelId, body: &[u8]) -> Option<usize> {
    siblings::told(&Api::new(hub, model), body)
}

/// The query of the page that this `Link` header refers to.
pub fn next_page(link: &str) -> Option<String> {
    pages::next_query(link)
}
