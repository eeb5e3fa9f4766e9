//! One file, from its first request to its destination.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::connections::{Need, Permit};
use super::file::File;
use super::get::Body;
use super::part::Part;
use super::reader::{Flight, Outcome};
use super::request::FileRequest;
use super::shared::{FileTurn, Shared};
use super::source::Source;
use super::tracker::Tracker;
use crate::Error;

/// Fetches one file over `permit` and further connections, and reports its events. Gives its turn back
/// when all bytes have arrived, so that the next file need not wait for this one to be hashed, synced
/// and moved.
pub(super) async fn fetch(
    shared: Arc<Shared>,
    request: Arc<FileRequest>,
    source: Arc<Source>,
    turn: FileTurn,
    permit: Permit,
) -> Result<(), Error> {
    let (tracker, ending) = Tracker::start(Arc::clone(&shared), Arc::clone(&request));
    let outcome = acquire(&File::new(shared, request, tracker, source), turn, permit).await;
    ending.end(&outcome);
    outcome
}

async fn acquire(file: &Arc<File>, turn: FileTurn, permit: Permit) -> Result<(), Error> {
    let (mut turn, mut permit, mut stream) = (Some(turn), Some(permit), None);
    loop {
        let part = Part::open(Arc::clone(&file.shared), Arc::clone(&file.request)).await?;
        let kept = part.kept().bytes();
        if kept > 0 {
            file.tracker.resumed(kept);
        }
        let flight = Flight::new(Arc::clone(file), part, stream.is_some());
        let outcome = match stream.take() {
            Some((body, permit)) => receive(&flight, Some(permit), Some(body)).await?,
            None => receive(&flight, permit.take(), None).await?,
        };
        let (host, mismatch) = match outcome {
            Outcome::Complete => {
                turn = None;
                // Syncs while the last bytes are hashed.
                let (synced, digests) = tokio::try_join!(flight.part.sync(), flight.part.digests())?;
                match file.request.expected.check(&digests) {
                    Ok(()) => return Arc::clone(&flight.part).place(synced).await,
                    Err(mismatch) => (flight.host(), mismatch),
                }
            }
            Outcome::WholeFile(body, permit) => {
                discard(&flight).await?;
                stream = Some((body, permit));
                continue;
            }
            Outcome::Mismatch(host, mismatch) => (host, mismatch),
        };
        discard(&flight).await?;
        file.mismatched(host, mismatch).await?;
        if turn.is_none() {
            turn = Some(file.shared.turn().await);
        }
    }
}

async fn discard(flight: &Flight) -> Result<(), Error> {
    Arc::clone(&flight.part).discard().await?;
    flight.file.tracker.discarded_all();
    Ok(())
}

/// A permit that is being waited for, and why.
type Awaited = (Need, Pin<Box<dyn Future<Output = Permit> + Send>>);

/// Fetches everything that a part lacks, over as many connections as it gets and can use; the first one
/// is that of `permit`, which may already have a `body`. The connections end with it.
async fn receive(
    flight: &Arc<Flight>,
    permit: Option<Permit>,
    mut body: Option<Body>,
) -> Result<Outcome, Error> {
    let mut readers = JoinSet::new();
    let mut start = |readers: &mut JoinSet<_>, permit, need| {
        if let Some(reader) = flight.reader(permit, need) {
            readers.spawn(reader.run(body.take()).in_current_span());
        }
    };
    if let Some(permit) = permit {
        start(&mut readers, permit, Need::First);
    }
    let mut awaited: Option<Awaited> = None;
    loop {
        let need = flight.ranges().need();
        if awaited.as_ref().map(|(need, _)| *need) != need {
            awaited = need.map(|need| (need, wait_for(&flight.file.shared, need)));
        }
        tokio::select! {
            (need, permit) = granted(&mut awaited), if awaited.is_some() => {
                awaited = None;
                start(&mut readers, permit, need);
            }
            Some(joined) = readers.join_next() => {
                let outcome = net::joined(joined)?;
                if !matches!(outcome, Outcome::Complete) {
                    readers.shutdown().await;
                    return Ok(outcome);
                }
            }
            else => return Ok(Outcome::Complete),
        }
    }
}

fn wait_for(shared: &Shared, need: Need) -> Pin<Box<dyn Future<Output = Permit> + Send>> {
    let connections = shared.connections.clone();
    Box::pin(async move { connections.acquire(need).await })
}

async fn granted(awaited: &mut Option<Awaited>) -> (Need, Permit) {
    match awaited {
        Some((need, permit)) => (*need, permit.await),
        None => std::future::pending().await,
    }
}
