//! Requests and bytes, by what was asked for.

use local_hub::{RequestLog, Route};
use serde::{Deserialize, Serialize};

/// Requests, and the bytes of the bodies of their answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(in super::super) struct Traffic {
    pub(in super::super) requests: u64,
    pub(in super::super) bytes: u64,
}

/// What a hub was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(in super::super) struct Routes {
    /// Which commit a name stands for.
    pub(in super::super) references: Traffic,
    /// What a commit holds.
    pub(in super::super) packs: Traffic,
    /// Where a file is.
    pub(in super::super) locations: Traffic,
    /// The bytes of files.
    pub(in super::super) blobs: Traffic,
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
    pub(in super::super) fn content(&self) -> u64 {
        self.packs.bytes + self.blobs.bytes
    }

    pub(in super::super) fn requests(&self) -> u64 {
        [self.references, self.packs, self.locations, self.blobs].iter().map(|it| it.requests).sum()
    }
}
