//! Rate limits: counted and announced in every response of the hub, and enforced on request.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::log::Route;

/// The buckets of one hub, in fixed windows.
#[derive(Debug)]
pub(crate) struct Limits {
    window: Duration,
    resolvers: u64,
    api: u64,
    pages: u64,
    is_enforced: bool,
    state: Mutex<LimitsState>,
}

#[derive(Debug)]
struct LimitsState {
    window_began: Instant,
    used_resolvers: u64,
    used_api: u64,
    used_pages: u64,
}

/// One request's share of it.
pub(super) struct Charge {
    pub(super) header: String,
    pub(super) policy: String,
    pub(super) is_over: bool,
}

impl LimitsState {
    fn new() -> Self {
        Self { window_began: Instant::now(), used_resolvers: 0, used_api: 0, used_pages: 0 }
    }
}

impl Limits {
    /// The real hub's limits for an address without a token, announced but not enforced: a half-empty
    /// bucket is refilled.
    pub(crate) fn announced() -> Self {
        Self::new(3000, 500, 100, Duration::from_secs(300), false)
    }

    /// At most `quota` requests per `window` (to `/resolve/` and similar; git and pages likewise); then
    /// it answers 429.
    pub(crate) fn enforced(quota: u64, window: Duration) -> Self {
        Self::new(quota, quota, quota, window, true)
    }

    fn new(resolvers: u64, api: u64, pages: u64, window: Duration, is_enforced: bool) -> Self {
        Self { window, resolvers, api, pages, is_enforced, state: Mutex::new(LimitsState::new()) }
    }

    pub(super) fn charge(&self, route: Route) -> Charge {
        let mut state = self.state.lock();
        if state.window_began.elapsed() >= self.window {
            *state = LimitsState::new();
        }
        let until_reset = self.window.saturating_sub(state.window_began.elapsed()).as_secs();
        let (name, quota, used) = match route {
            Route::Resolve | Route::ResolveCache => ("resolvers", self.resolvers, &mut state.used_resolvers),
            Route::Api => ("api", self.api, &mut state.used_api),
            _ => ("pages", self.pages, &mut state.used_pages),
        };
        if !self.is_enforced && *used * 2 >= quota {
            *used = 0;
        }
        let is_over = *used >= quota;
        *used = quota.min(*used + 1);
        Charge {
            header: format!("\"{name}\";r={};t={until_reset}", quota - *used),
            policy: format!("\"fixed window\";\"{name}\";q={quota};w={}", self.window.as_secs()),
            is_over,
        }
    }
}
