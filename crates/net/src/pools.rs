//! The HTTP library, set up for each reach when it is first needed.

use std::collections::HashSet;

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use url_parse::Origin;

use crate::error::Error;
use crate::reach::Reach;
use crate::settings::NetSettings;
use crate::setup::library;
use crate::task;

/// Everything that the clones of a client share.
pub(crate) struct Pools {
    /// One for each [`Reach`], so that the limit also covers name look-ups and kept connections.
    by_reach: [Pool; 4],
    /// Servers that have answered before, so that a connection to them may be a kept one.
    pub(crate) known: Mutex<HashSet<Origin>>,
    pub(crate) settings: NetSettings,
}

/// The HTTP library, restricted to addresses within a reach. Set up on first use, since loading the
/// system's certificates takes time.
#[derive(Default)]
struct Pool {
    pooled: OnceCell<reqwest::Client>,
    /// Opens a connection for each request.
    unpooled: OnceCell<reqwest::Client>,
}

impl Pools {
    pub(crate) fn new(settings: NetSettings) -> Result<Self, Error> {
        let without_limit = library(&settings, usize::MAX, Reach::Loopback)?;
        let without_limit =
            Pool { pooled: OnceCell::new_with(Some(without_limit)), unpooled: OnceCell::new() };
        let [public, private, link] = <[Pool; 3]>::default();
        let (by_reach, known) = ([public, private, link, without_limit], Mutex::default());
        Ok(Self { by_reach, known, settings })
    }

    pub(crate) async fn pooled(&self, limit: Reach) -> Result<&reqwest::Client, Error> {
        self.set_up(&self.pool(limit).pooled, usize::MAX, limit).await
    }

    pub(crate) async fn unpooled(&self, limit: Reach) -> Result<&reqwest::Client, Error> {
        self.set_up(&self.pool(limit).unpooled, 0, limit).await
    }

    fn pool(&self, limit: Reach) -> &Pool {
        let [public, private, link, without_limit] = &self.by_reach;
        match limit {
            Reach::Public => public,
            Reach::Private => private,
            Reach::Link => link,
            Reach::Loopback => without_limit,
        }
    }

    async fn set_up<'a>(
        &self,
        cell: &'a OnceCell<reqwest::Client>,
        idle_connections: usize,
        limit: Reach,
    ) -> Result<&'a reqwest::Client, Error> {
        let set_up = || {
            let settings = self.settings.clone();
            task::blocking(move || library(&settings, idle_connections, limit))
        };
        cell.get_or_try_init(set_up).await
    }
}
