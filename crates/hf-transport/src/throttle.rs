//! Keeping to a hub's rate limits: every request waits at the gate of its origin, and every answer is read for
//! what it says of them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use net_policy::{FILES, Gate, RateLimit, ServerWait};
use reqwest::Response;
use reqwest::header::{self, HeaderMap};
use url_parse::{Origin, Url};

use crate::HubClient;
use crate::client::header_text;

/// What a hub counts together, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Git,
    Api,
    Files,
}

impl Lane {
    const fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Api => "api",
            Self::Files => FILES,
        }
    }
}

/// A hub's wish that requests come more slowly, or not at all for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// The server.
    pub origin: Origin,
    /// For how long, from now.
    pub wait: Duration,
    /// Requests still go out meanwhile, one at a time.
    pub is_spread: bool,
}

/// Hears of every [`Throttled`]; called from the task that received the answer, which it must not hold up.
#[derive(Clone)]
pub(crate) struct OnThrottled(pub(crate) Arc<dyn Fn(&Throttled) + Send + Sync>);

impl fmt::Debug for OnThrottled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnThrottled(…)")
    }
}

impl HubClient {
    /// Waits until a request may be sent.
    pub(crate) async fn pass(&self, lane: Lane, url: &Url) {
        let gate = self.gate(url);
        while let Some(wait) = gate.enter(lane.name(), Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads the limits from an answer, whatever its status.
    pub(crate) fn observe(&self, lane: Lane, url: &Url, response: &Response) {
        let Some(origin) = Origin::of(url) else { return };
        let (gate, headers, now) = (self.gate(url), response.headers(), Instant::now());
        let held = server_wait(headers, response.status().as_u16());
        if let Some(wait) = held
            && gate.hold_for(wait, now)
        {
            self.tell(&Throttled { origin: origin.clone(), wait, is_spread: false });
        }
        let limit = header_text(headers, "ratelimit").and_then(|text| text.parse::<RateLimit>().ok());
        // While all requests wait, none are spread.
        if let Some(wait) = limit.and_then(|limit| gate.observe(lane.name(), limit, now))
            && held.is_none_or(|held| held < wait)
        {
            self.tell(&Throttled { origin, wait, is_spread: true });
        }
    }

    fn gate(&self, url: &Url) -> Gate {
        self.config().gates.for_origin(url.as_str())
    }

    fn tell(&self, throttled: &Throttled) {
        let Throttled { origin, wait, is_spread } = throttled;
        tracing::info!(%origin, ?wait, is_spread, "the hub limits the rate of requests");
        if let Some(OnThrottled(tell)) = self.on_throttled() {
            tell(throttled);
        }
    }
}

/// How long an answer asks to be left alone.
pub(crate) fn server_wait(headers: &HeaderMap, status: u16) -> Option<Duration> {
    ServerWait::from_headers(
        header_text(headers, "ratelimit"),
        header_text(headers, header::RETRY_AFTER),
        status,
        SystemTime::now(),
    )
}
