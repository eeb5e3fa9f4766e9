//! What the hub has shown of itself that the user should know.

use hf_transport::HubConfig;

use super::Work;
use crate::{Event, Warning};

impl Work {
    /// Before the first request.
    pub(super) fn warn_of_exposed_token(&self) {
        let HubConfig { endpoint, token, .. } = &self.config;
        if token.as_ref().is_some_and(|token| token.is_exposed_at(endpoint)) {
            tracing::warn!(hub = %endpoint, "the access token is sent over plain http");
            self.warn(Warning::TokenOverPlainHttp { hub: endpoint });
        }
    }

    /// After the first answers, whatever they were.
    pub(super) fn warn_of_what_the_hub_said(&self) {
        if self.hub.has_dropped_token() {
            self.warn(Warning::TokenDropped { hub: &self.config.endpoint });
        }
        let model = self.request.model().id();
        if let Some(present) = self.hub.renamed(model) {
            self.warn(Warning::Renamed { model, present: &present });
        }
    }

    fn warn(&self, warning: Warning<'_>) {
        self.observer().on_event(&Event::Warning(warning));
    }
}
