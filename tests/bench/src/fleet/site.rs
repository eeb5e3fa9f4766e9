//! The servers, the links between them, and one measurement on them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use local_hub::{LocalS3, S3Place};

use super::cache::HttpCache;
use super::crew::Crew;
use super::killed;
use super::network::{Namespace, Wire};
use super::point::{Point, StoreTraffic, summary};
use super::setup::{Setup, Speeds};
use crate::hub::{HubProcess, Network, Served, Shape};
use crate::measure::{children_cpu, cpu_of, measure};
use crate::workplace::{Workplace, clean, emptied, removed};

/// During preparation.
const FAST: Speeds = Speeds { hub: 1_000_000_000, store: 1_000_000_000 };
const SHARDS: usize = 24;
const BUCKET: &str = "models";

/// The namespaces of all servers; the nodes are in this process's own.
pub(super) struct Networks {
    nodes: Namespace,
    hub: Namespace,
    store: Namespace,
    cache: Namespace,
}

impl Networks {
    pub(super) fn new() -> Result<Self> {
        let nodes = Namespace::own()?;
        Ok(Self { nodes, hub: Namespace::new()?, store: Namespace::new()?, cache: Namespace::new()? })
    }
}

/// The servers' counters at one moment.
struct Counts {
    store: StoreTraffic,
    received: [u64; 3],
    nodes_cpu: f64,
    servers_cpu: f64,
}

pub(super) struct Site<'a> {
    place: &'a Workplace,
    networks: &'a Networks,
    speeds: Speeds,
    to_hub: Wire<'a>,
    to_store: Wire<'a>,
    to_cache: Wire<'a>,
    cache_to_store: Wire<'a>,
    hub: HubProcess,
    store: LocalS3,
    cache: Option<HttpCache>,
    /// By the factor by which they are scaled down.
    models: BTreeMap<u64, Served>,
    pushed: BTreeSet<u64>,
    has_tier: bool,
    filled: usize,
}

impl<'a> Site<'a> {
    pub(super) fn new(
        place: &'a Workplace,
        networks: &'a Networks,
        weed: PathBuf,
        speeds: Speeds,
    ) -> Result<Self> {
        let Networks { nodes, hub, store, cache } = networks;
        let to_hub = Wire::new(nodes, hub, 1)?;
        let to_store = Wire::new(nodes, store, 2)?;
        let program = hub.command(std::env::current_exe().context("looking for this program")?);
        let s3 =
            S3Place { program: weed, enter: store.enter(), address: to_store.address(), is_public: true };
        Ok(Self {
            place,
            networks,
            speeds,
            to_hub,
            to_store,
            to_cache: Wire::new(nodes, cache, 3)?,
            cache_to_store: Wire::new(cache, store, 4)?,
            hub: HubProcess::start_by(program, &place.disk, Network::Loopback, to_hub.address())?,
            store: LocalS3::try_start(&s3, &place.disk)?,
            cache: None,
            models: BTreeMap::new(),
            pushed: BTreeSet::new(),
            has_tier: false,
            filled: 0,
        })
    }

    fn set_speeds(&self, speeds: Speeds) -> Result<()> {
        self.to_hub.set_speed(speeds.hub)?;
        let store = [self.to_store, self.to_cache, self.cache_to_store];
        store.iter().try_for_each(|wire| wire.set_speed(speeds.store))
    }

    /// Measures one setup with `nodes` nodes, and a model of `bytes` bytes scaled down by a factor.
    pub(super) fn measure(&mut self, setup: Setup, nodes: usize, bytes: u64, smaller: u64) -> Result<Point> {
        self.set_speeds(FAST)?;
        let model = self.model(bytes, smaller)?;
        self.make_ready(setup, &model, smaller)?;
        let place = self.place;
        let crew = Crew { place, model: wanted(setup, &model), variables: self.variables(setup, &model) };
        self.set_speeds(setup.speeds(self.speeds))?;
        self.hub.routes()?;
        let (before, began) = (self.counts()?, Instant::now());
        let runs = match setup {
            Setup::Killed => killed::work(&crew, nodes, model.bytes())?,
            _ => crew.work(nodes)?,
        };
        let (wall, after) = (began.elapsed().as_secs_f64(), self.counts()?);
        let (median, p95, failures) = summary(&runs);
        let store = after.store.since(before.store);
        let point = Point {
            setup,
            nodes,
            smaller,
            bytes: model.bytes(),
            ideal: setup.ideal(nodes, model.bytes(), self.speeds),
            wall: runs.iter().map(|run| run.seconds).fold(0.0, f64::max),
            median,
            p95,
            failures,
            hub: self.hub.routes()?,
            store,
            cache: self.cache.as_ref().map(HttpCache::count).transpose()?,
            used: self.used(setup, &before, &after, wall),
            nodes_cpu: after.nodes_cpu - before.nodes_cpu,
            servers_cpu: after.servers_cpu - before.servers_cpu,
        };
        self.cache = None;
        Ok(point)
    }

    fn model(&mut self, bytes: u64, smaller: u64) -> Result<Served> {
        if let Some(model) = self.models.get(&smaller) {
            return Ok(model.clone());
        }
        let id = format!("bench/fleet-{smaller}");
        let size = bytes / smaller / SHARDS as u64;
        let model = self.hub.publish(&Shape { id, shards: SHARDS, size, flipped: None })?;
        self.models.insert(smaller, model.clone());
        Ok(model)
    }

    /// Everything that must exist before the nodes start.
    fn make_ready(&mut self, setup: Setup, model: &Served, smaller: u64) -> Result<()> {
        let needs_store = matches!(setup, Setup::Store | Setup::Pinned | Setup::SlowStore | Setup::Cache);
        if needs_store && self.pushed.insert(smaller) {
            let home = emptied(self.place.memory.join("filler"))?;
            let mut push = self.place.ours(&model.endpoint, &home);
            push.envs(self.store.variables());
            push.args(["store", "push", "--store", &filled_store(), &model.url]);
            measure(&mut push)?;
            removed(&home)?;
        }
        if setup == Setup::Tier && !self.has_tier {
            let mut download = self.place.ours(&model.endpoint, &self.tier());
            download.args(["download", "--progress", "plain", &model.url]);
            measure(&mut download)?;
            self.has_tier = true;
        }
        if setup == Setup::Cache {
            let (address, store) = (self.to_cache.address(), self.store.endpoint());
            let store = store
                .replace(&self.to_store.address().to_string(), &self.cache_to_store.address().to_string());
            self.cache = Some(HttpCache::start(&self.networks.cache, &self.place.memory, address, &store)?);
        }
        self.filled += 1;
        Ok(())
    }

    fn tier(&self) -> PathBuf {
        self.place.memory.join("tier")
    }

    /// The environment of a node.
    fn variables(&self, setup: Setup, model: &Served) -> Vec<(String, String)> {
        let mut variables = vec![("HF_ENDPOINT".to_owned(), model.endpoint.clone())];
        let mut set = |name: &str, value: String| variables.push((name.to_owned(), value));
        match setup {
            Setup::Hub => {}
            Setup::Store | Setup::Pinned | Setup::SlowStore => set("MLC_WEIGHTS_STORE", filled_store()),
            Setup::Fill | Setup::Killed => {
                set("MLC_WEIGHTS_STORE", format!("s3://{BUCKET}/empty-{}", self.filled));
                set("MLC_WEIGHTS_STORE_FILL", "1".to_owned());
            }
            Setup::Cache => {
                let cache = self.cache.as_ref().map(HttpCache::endpoint).unwrap_or_default();
                set("MLC_WEIGHTS_STORE", format!("{cache}/{BUCKET}/filled"));
            }
            Setup::Tier => {
                set("MLC_LLM_READONLY_WEIGHT_CACHE", self.tier().join("model_weights").display().to_string());
            }
        }
        variables.extend(self.store.variables());
        variables
    }

    fn counts(&self) -> Result<Counts> {
        let count = self.store.count()?;
        let store = StoreTraffic {
            reads: count.reads,
            writes: count.writes,
            sent: count.sent,
            received: count.received,
        };
        let wires = [&self.to_hub, &self.to_store, &self.to_cache];
        let mut received = [0; 3];
        for (number, wire) in received.iter_mut().zip(wires) {
            *number = wire.received()?;
        }
        let servers = [Some(self.hub.id()), Some(self.store.id()), self.cache.as_ref().map(HttpCache::id)];
        let servers_cpu = servers.into_iter().flatten().filter_map(cpu_of).sum();
        Ok(Counts { store, received, nodes_cpu: children_cpu().unwrap_or_default(), servers_cpu })
    }

    /// The used fraction of the link of the busiest server.
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    fn used(&self, setup: Setup, before: &Counts, after: &Counts, wall: f64) -> f64 {
        let speeds = setup.speeds(self.speeds);
        let (line, speed) = match setup {
            Setup::Hub => (0, speeds.hub),
            Setup::Cache => (2, speeds.store),
            _ => (1, speeds.store),
        };
        let came = |counts: &Counts| counts.received.get(line).copied().unwrap_or_default();
        (came(after) - came(before)) as f64 / (wall * speed as f64)
    }
}

fn filled_store() -> String {
    format!("s3://{BUCKET}/filled")
}

/// The model that each node requests.
fn wanted(setup: Setup, model: &Served) -> String {
    match setup {
        Setup::Pinned => format!("{}@{}", model.url, model.commit),
        _ => model.url.clone(),
    }
}

impl StoreTraffic {
    fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            sent: self.sent - before.sent,
            received: self.received - before.received,
        }
    }
}

/// The SeaweedFS program among the servers that the tests install.
pub(super) fn weed(root: &std::path::Path) -> Result<PathBuf> {
    let weed = root.join("target/test-servers/bin/weed");
    ensure!(weed.is_file(), "there is no {}: `cargo xtask ci --servers` installs it", weed.display());
    let mut version = clean(&weed);
    ensure!(
        version.arg("version").output().is_ok_and(|it| it.status.success()),
        "{} does not run",
        weed.display()
    );
    Ok(weed)
}
