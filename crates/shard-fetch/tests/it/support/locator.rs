//! Asks the local hub, as hf-transport would.

use std::sync::Mutex;

use local_hub::{LocalHub, PublishedModel};
use net::{Client, Hop, NetSettings, Redirects, Request};
use shard_fetch::{ErrorKind, LocateError, LocateReason, Location, Locator, RepoPath, async_trait};

pub(crate) struct HubLocator {
    base: String,
    client: Client,
    reasons: Mutex<Vec<LocateReason>>,
}

impl HubLocator {
    pub(crate) fn new(hub: &LocalHub, model: &PublishedModel) -> Self {
        let mut settings = NetSettings::default();
        "tester/1".clone_into(&mut settings.user_agent);
        Self {
            base: format!("{}/{}/{}/resolve/{}", hub.endpoint(), model.user, model.repo, model.commit),
            client: Client::new(settings).unwrap(),
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
        let url = format!("{}/{file}", self.base).parse().unwrap();
        let request = Request { redirects: Redirects::WithinOrigin, ..Request::get(url, "locate", Hop::Hub) };
        let answer = self.client.send(request, &()).await;
        let answer = answer.map_err(|error| LocateError::transient(error, None))?;
        match answer.status().as_u16() {
            302 => {}
            status if net::is_transient_status(status) => {
                return Err(LocateError::transient(format!("the hub answers {status}"), None));
            }
            status => {
                return Err(LocateError::permanent(format!("the hub answers {status}"), ErrorKind::Refused));
            }
        }
        Ok(Location::new(answer.elsewhere().unwrap().clone()))
    }
}
