//! What may go wrong during a download.

use local_hub::{Fault, FaultTarget, ModelFixture, Route, Times};
use proptest::prelude::*;

use crate::damage::{Damage, damages};
use crate::stage::MIB;

/// One model and everything that happens while it is downloaded.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    sizes: Vec<u64>,
    pub(crate) failures: Vec<Failure>,
    /// The runs that are killed, and the damage after each.
    pub(crate) kills: Vec<(Moment, Option<Damage>)>,
    /// The damage after the first run that ends by itself.
    pub(crate) damage: Option<Damage>,
    /// The number given with `-j`.
    pub(crate) connections: Option<usize>,
    pub(crate) is_synced: bool,
}

/// A fault of the hub or the data host.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    route: Route,
    /// The index of the file, if the route has files.
    file: usize,
    is_resumed: bool,
    pub(crate) fault: Fault,
    pub(crate) times: Times,
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// When this many thousandths of the model have been sent.
    Sent(u64),
    /// This many milliseconds after the start.
    After(u64),
}

impl Trial {
    pub(crate) fn fixture(&self) -> ModelFixture {
        let sizes = self.sizes.iter().enumerate();
        sizes.fold(ModelFixture::new("mlc-ai/unlucky"), |fixture, (place, size)| {
            fixture.shard(&format!("{place}.bin"), *size)
        })
    }

    pub(crate) fn target(&self, failure: &Failure) -> FaultTarget {
        let subject = match failure.route {
            Route::Data | Route::Resolve => format!("{}.bin", failure.file % self.sizes.len()),
            _ => String::new(),
        };
        let target = FaultTarget::route(failure.route, &subject);
        if failure.is_resumed { target.resumed() } else { target }
    }
}

pub(crate) fn trials() -> impl Strategy<Value = Trial> {
    (
        proptest::collection::vec(sizes(), 1..5),
        proptest::collection::vec(failures(), 0..4),
        proptest::collection::vec((moments(), proptest::option::of(damages())), 0..3),
        proptest::option::of(damages()),
        proptest::option::of(1_usize..7),
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(sizes, failures, kills, damage, connections, is_synced)| Trial {
            sizes,
            failures,
            kills,
            damage,
            connections,
            is_synced,
        })
}

/// Files larger than 8 MiB are split among connections.
fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => proptest::sample::select(vec![0, 1, 65_535, 65_536, MIB, MIB + 1, 8 * MIB, 8 * MIB + 1, 16 * MIB]),
        2 => 1..200_000_u64,
        2 => 1..12 * MIB,
    ]
}

fn moments() -> impl Strategy<Value = Moment> {
    prop_oneof![2 => (0_u64..900).prop_map(Moment::Sent), 1 => (0_u64..400).prop_map(Moment::After)]
}

fn failures() -> impl Strategy<Value = Failure> {
    let route = prop_oneof![
        8 => Just(Route::Data),
        2 => Just(Route::Resolve),
        1 => Just(Route::InfoRefs),
        1 => Just(Route::UploadPack),
    ];
    let times =
        prop_oneof![6 => Just(Times::Once), 3 => (2_usize..5).prop_map(Times::N), 1 => Just(Times::Forever)];
    (route, 0_usize..5, any::<bool>(), faults(), times).prop_map(|(route, file, is_resumed, fault, times)| {
        Failure {
            route,
            file,
            is_resumed: is_resumed && route == Route::Data,
            fault: if times == Times::Forever { without_progress(fault) } else { fault },
            times,
        }
    })
}

/// Transfers that fail but make some progress are retried for as long as it takes, which is too long for a
/// test.
fn without_progress(fault: Fault) -> Fault {
    match fault {
        Fault::Truncate { .. } => Fault::Truncate { after: 0 },
        Fault::Reset { .. } => Fault::Reset { after: 0 },
        Fault::Stall { .. } => Fault::Stall { after: 0 },
        other => other,
    }
}

fn faults() -> impl Strategy<Value = Fault> {
    let gzip = Fault::Header { name: "content-encoding".to_owned(), value: Some("gzip".to_owned()) };
    let after = || prop_oneof![0_u64..1000, 0_u64..200_000, 0..9 * MIB];
    prop_oneof![
        3 => after().prop_map(|after| Fault::Truncate { after }),
        3 => after().prop_map(|after| Fault::Reset { after }),
        1 => after().prop_map(|after| Fault::Stall { after }),
        2 => after().prop_map(|at| Fault::Corrupt { at }),
        1 => (1_u64..5000).prop_map(|by| Fault::TooLong { by }),
        1 => (1_u64..5000).prop_map(|by| Fault::TooShort { by }),
        4 => proptest::sample::select(vec![401_u16, 403, 404, 408, 416, 418, 429, 500, 502, 503, 504])
            .prop_map(Fault::status),
        1 => Just(Fault::retry_after(503, "1")),
        1 => Just(Fault::rate_limited(0)),
        1 => Just(Fault::Refuse),
        2 => Just(Fault::IgnoreRange),
        1 => Just(Fault::WrongContentRange),
        1 => Just(Fault::NoContentLength),
        1 => Just(Fault::Html),
        1 => Just(gzip),
    ]
}
