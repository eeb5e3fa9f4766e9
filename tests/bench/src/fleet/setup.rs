//! The compared setups: where the nodes get the model.

use std::fmt;
use std::ops::RangeInclusive;

use clap::ValueEnum;
use serde::Serialize;

/// The speeds of the links in bytes per second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Speeds {
    pub(super) hub: u64,
    pub(super) store: u64,
}

/// Where the nodes look for the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Setup {
    /// Every node uses the hub
    Hub,
    /// A filled store; the hub resolves the commit
    Store,
    /// The same with a full commit id, so that no node asks the hub
    Pinned,
    /// A store that is empty at first, and filled by the holder of the lease
    Fill,
    /// An HTTP cache, empty at first, in front of a store
    Cache,
    /// A read-only folder that all nodes can access
    Tier,
    /// The store at a tenth of its speed
    SlowStore,
    /// Like `fill`, but the node that downloads from the hub is killed midway
    Killed,
}

impl Setup {
    pub(super) const ALL: [Self; 8] = [
        Self::Hub,
        Self::Store,
        Self::Pinned,
        Self::Fill,
        Self::Cache,
        Self::Tier,
        Self::SlowStore,
        Self::Killed,
    ];

    /// The numbers of nodes to measure, within these bounds.
    pub(super) fn nodes(self, bounds: RangeInclusive<usize>) -> Vec<usize> {
        let wanted: &[usize] = match self {
            Self::Hub | Self::Store | Self::Fill | Self::Cache | Self::Tier => {
                &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000]
            }
            Self::Pinned => &[1, 64, 1000],
            Self::SlowStore => &[64],
            Self::Killed => &[16],
        };
        wanted.iter().copied().filter(|nodes| bounds.contains(nodes)).collect()
    }

    pub(super) fn speeds(self, speeds: Speeds) -> Speeds {
        match self {
            Self::SlowStore => Speeds { store: speeds.store / 10, ..speeds },
            _ => speeds,
        }
    }

    /// The seconds that the links alone take, at the speeds of this setup.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn ideal(self, nodes: usize, bytes: u64, speeds: Speeds) -> f64 {
        let from = |speed: u64, copies: usize| copies as f64 * bytes as f64 / speed as f64;
        let Speeds { hub, store } = self.speeds(speeds);
        match self {
            Self::Hub => from(hub, nodes),
            // A cache forwards one range while it fetches the next.
            Self::Store | Self::Pinned | Self::SlowStore | Self::Cache => from(store, nodes),
            // One node downloads and pushes, then all others download.
            Self::Fill | Self::Killed => from(hub, 1) + from(store, nodes),
            Self::Tier => 0.0,
        }
    }

    /// The law as a formula.
    pub(super) fn law(self) -> &'static str {
        match self {
            Self::Hub => "N·S/B_hub",
            Self::Store | Self::Pinned | Self::SlowStore => "N·S/B_store",
            Self::Fill | Self::Killed => "S/B_hub + N·S/B_store",
            Self::Cache => "N·S/B_cache",
            Self::Tier => "0",
        }
    }

    /// The power of two by which to scale the model down, so that the links alone take at most `seconds`,
    /// and all copies fit into `room` bytes.
    pub(super) fn smaller(self, nodes: usize, bytes: u64, speeds: Speeds, seconds: f64, room: u64) -> u64 {
        let fits = |smaller: u64| {
            let bytes = bytes / smaller;
            let all = bytes.saturating_mul(u64::try_from(nodes).unwrap_or(u64::MAX));
            self.ideal(nodes, bytes, speeds) <= seconds && (self == Self::Tier || all <= room)
        };
        (0..12).map(|power| 1 << power).find(|smaller| fits(*smaller)).unwrap_or(1 << 12)
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hub => "hub alone",
            Self::Store => "store, filled before",
            Self::Pinned => "store, pinned commit",
            Self::Fill => "store, filled on the way",
            Self::Cache => "HTTP cache before a store",
            Self::Tier => "read-only tier",
            Self::SlowStore => "store at a tenth of its speed",
            Self::Killed => "filled on the way, holder killed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEEDS: Speeds = Speeds { hub: 12_500_000, store: 125_000_000 };

    #[test]
    fn the_model_shrinks_until_the_lines_are_fast_enough() {
        let smaller = |setup: Setup, nodes| setup.smaller(nodes, 200_000_000, SPEEDS, 110.0, u64::MAX);
        assert_eq!([1, 4, 8, 1000].map(|nodes| smaller(Setup::Hub, nodes)), [1, 1, 2, 256]);
        assert_eq!([64, 128, 1000].map(|nodes| smaller(Setup::Store, nodes)), [1, 2, 16]);
        assert_eq!(smaller(Setup::Tier, 1000), 1);
        assert_eq!(Setup::Store.smaller(10, 200, SPEEDS, 110.0, 500), 4);
    }

    #[test]
    fn a_slow_store_is_ten_times_slower() {
        let ideal = |setup: Setup| setup.ideal(10, 125_000_000, SPEEDS);
        assert_eq!((ideal(Setup::Store), ideal(Setup::SlowStore), ideal(Setup::Fill)), (10.0, 100.0, 20.0));
    }
}
