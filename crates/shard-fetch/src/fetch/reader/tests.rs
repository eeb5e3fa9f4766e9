//! Two connections with different bytes for one range, in every interleaving.

use std::fs;
use std::path::Path;

use async_trait::async_trait;
use net::{Client, NetSettings};

use super::super::request::FileRequest;
use super::super::shared::Shared;
use super::super::source::Source;
use super::super::tracker::Tracker;
use super::*;
use crate::{Expected, Fetcher, LocateError, LocateReason, Location, Locator, RepoPath, StreamHasher};

const CHUNK: u64 = 5;
const SIZE: u64 = 4 * CHUNK;

struct Nowhere;

#[async_trait]
impl Locator for Nowhere {
    async fn locate(&self, _: &RepoPath, _: LocateReason) -> Result<Location, LocateError> {
        Err(LocateError::permanent("nobody asks", url_parse::ErrorKind::Network))
    }
}

async fn flight(folder: &Path) -> Arc<Flight> {
    let expected = Expected { size: SIZE, md5: Some([0; 16].into()), sha256: Some([0; 32].into()) };
    let (path, part) = ("a.bin".parse().unwrap(), folder.join("part"));
    let request = FileRequest { path, expected, part, destination: folder.join("done") };
    let fetcher = Fetcher::builder().build(Client::new(NetSettings::default()).unwrap());
    let files = std::slice::from_ref(&request);
    let shared: Arc<Shared> =
        Arc::new(fetcher.shared(files, Arc::new(Nowhere), Arc::new(()), Arc::new(())).unwrap());
    let request = Arc::new(request);
    let (tracker, _ending) = Tracker::start(Arc::clone(&shared), Arc::clone(&request));
    let part = Part::open(Arc::clone(&shared), Arc::clone(&request)).await.unwrap();
    Flight::new(File::new(shared, request, tracker, Arc::new(Source::new())), part, false)
}

/// Two connections on one range; the second was started because the first is slow.
fn race(flight: &Arc<Flight>) -> [Seat; 2] {
    let lines: [Arc<Line>; 2] = Default::default();
    let first = flight.ranges().assign(&lines[0], SIZE, Instant::now()).unwrap();
    let second = flight.ranges().relieve(&lines[1], Instant::now(), |_, _| true).unwrap();
    assert_eq!(first, second);
    lines.map(|line| Seat { flight: Arc::clone(flight), range: first, line })
}

/// All orders in which two connections can deliver this many chunks each.
fn orders(left: [u64; 2]) -> Vec<Vec<usize>> {
    if left == [0, 0] {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for next in [0, 1].into_iter().filter(|next| left[*next] > 0) {
        let mut rest = left;
        rest[next] -= 1;
        orders.extend(self::orders(rest).into_iter().map(|order| [vec![next], order].concat()));
    }
    orders
}

/// Chunks of the two need not start at the same positions.
async fn check(order: &[usize], lengths: [u64; 2]) {
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let flight = flight(folder.path()).await;
    let seats = race(&flight);
    let (mut at, mut before) = ([0, 0], Vec::new());
    for &who in order {
        let end = (at[who] + lengths[who]).min(SIZE);
        let chunk = Bytes::from(vec![[b'a', b'b'][who]; usize::try_from(end - at[who]).unwrap()]);
        seats[who].take(at[who], chunk, 0).await.unwrap();
        at[who] = end;
        let now = fs::read(folder.path().join("part")).unwrap();
        assert!(now.starts_with(&before), "{order:?}: what was written was written again");
        before = now;
    }
    assert_eq!(before.len() as u64, SIZE, "{order:?}");
    let mut hasher = StreamHasher::for_all();
    hasher.update(&before);
    assert_eq!(flight.part.digests().await.unwrap(), hasher.finish(), "{order:?}");
    // Every byte of both is accounted for.
    assert_eq!(flight.file.tracker.held(), SIZE);
    let duplicates = flight.file.shared.duplicates.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(duplicates, SIZE, "{order:?}");
}

#[tokio::test]
async fn each_byte_is_written_once_by_the_first_connection_that_has_it() {
    for order in orders([4, 4]) {
        check(&order, [CHUNK, CHUNK]).await;
    }
    for order in orders([3, 4]) {
        check(&order, [CHUNK + 2, CHUNK]).await;
    }
}
