//! Asks the local hub, as hf-transport would.

use std::sync::Mutex;

use local_hub::{LocalHub, PublishedModel};
use shard_fetch::{ErrorKind, LocateError, LocateReason, Location, Locator, RepoPath, async_trait};

pub(crate) struct HubLocator {
    base: String,
    client: reqwest::Client,
    reasons: Mutex<Vec<LocateReason>>,
}

impl HubLocator {
    pub(crate) fn new(hub: &LocalHub, model: &PublishedModel) -> Self {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Self {
            base: format!("{}/{}/{}/resolve/{}", hub.endpoint(), model.user, model.repo, model.commit),
            client: client.build().unwrap(),
            reasons: Mutex::default(),
        }
    }

    /// Why it was asked, each time.
    pub(crate) fn reasons(&self) -> Vec<LocateReason> {
        self.reasons.lock().unwrap().clone()
    }
}

#[async_trait]
impl Locator for HubLocator {
    async fn locate(&self, file: &RepoPath, reason: LocateReason) -> Result<Location, LocateError> {
        self.reasons.lock().unwrap().push(reason);
        let response = self.client.get(format!("{}/{file}", self.base)).send().await;
        let response = response.map_err(|error| LocateError::transient(error, None))?;
        match response.status().as_u16() {
            302 => {}
            status if net::is_transient_status(status) => {
                return Err(LocateError::transient(format!("the hub answers {status}"), None));
            }
            status => {
                return Err(LocateError::permanent(format!("the hub answers {status}"), ErrorKind::Refused));
            }
        }
        let url = response.headers().get("location").unwrap().to_str().unwrap();
        Ok(Location::new(url.parse().unwrap()))
    }
}
