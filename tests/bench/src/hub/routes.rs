//! Requests and bytes by purpose.

use local_hub::{RequestLog, Route};
use serde::{Deserialize, Serialize};

/// Requests, and the bytes of their response bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

/// The requests to a hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Routes {
    /// Requests that resolve a name to a commit.
    pub(crate) references: Traffic,
    /// Requests for the contents of a commit.
    pub(crate) packs: Traffic,
    /// Requests for the location of a file.
    pub(crate) locations: Traffic,
    /// Requests for the bytes of files.
    pub(crate) blobs: Traffic,
}

impl Routes {
    pub(super) fn of(log: &RequestLog) -> Self {
        let mut routes = Self::default();
        for request in log.requests() {
            let traffic = match request.route {
                Route::InfoRefs | Route::Api => &mut routes.references,
                Route::UploadPack => &mut routes.packs,
                Route::Data => &mut routes.blobs,
                Route::LfsBatch | Route::Resolve | Route::ResolveCache | Route::Other => {
                    &mut routes.locations
                }
            };
            traffic.requests += 1;
            traffic.bytes += request.body_sent;
        }
        routes
    }

    /// Bytes of packs and files.
    pub(crate) fn content(&self) -> u64 {
        self.packs.bytes + self.blobs.bytes
    }

    pub(crate) fn requests(&self) -> u64 {
        [self.references, self.packs, self.locations, self.blobs].iter().map(|it| it.requests).sum()
    }
}
