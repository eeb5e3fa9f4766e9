//! One file from its first request to its destination.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;
use url_parse::Origin;

use super::connections::Permit;
use super::flight::{Ended, File, Flight};
use super::get::Body;
use super::part::Part;
use super::ranges::Wants;
use super::request::FileRequest;
use super::shared::{Shared, Turn};
use super::source::Source;
use super::tracker::Tracker;
use crate::{Error, Mismatch};

/// Fetches one file and reports its events. The turn is given back when all bytes have come, so that the next
/// file need not wait until this one is hashed, synced and moved; where nobody gave a number of files, already
/// when each range of a large file has a connection.
pub(super) async fn fetch(
    shared: Arc<Shared>,
    request: Arc<FileRequest>,
    source: Arc<Source>,
    turn: Turn,
) -> Result<(), Error> {
    let (tracker, ending) = Tracker::start(Arc::clone(&shared), Arc::clone(&request));
    let outcome = bring(&File::new(shared, request, tracker, source), turn).await;
    ending.end(&outcome);
    outcome
}

/// How the fetching of a part ended.
enum Brought {
    /// All bytes are written.
    All,
    /// A host ignores ranges: the file is to be begun anew with what it sends.
    Stream(Body, Permit),
    /// What a host has is not the file.
    Mismatch(Option<Origin>, Mismatch),
}

async fn bring(file: &Arc<File>, turn: Turn) -> Result<(), Error> {
    let (mut turn, mut stream, mut single) = (Some(turn), None, false);
    loop {
        let part = Part::open(Arc::clone(&file.shared), Arc::clone(&file.request)).await?;
        let kept = part.kept().bytes();
        if kept > 0 {
            file.tracker.resumed(kept);
        }
        let flight = Flight::new(Arc::clone(file), part, single);
        let (host, mismatch) = match receive(&flight, stream.take(), &mut turn).await? {
            Brought::All => {
                turn = None;
                // The disk works while the last bytes are hashed.
                let (synced, digests) = tokio::try_join!(flight.part.sync(), flight.part.digests())?;
                match file.request.expected.check(&digests) {
                    Ok(()) => return Arc::clone(&flight.part).place(synced).await,
                    Err(mismatch) => (flight.host(), mismatch),
                }
            }
            Brought::Stream(body, permit) => {
                discard(&flight).await?;
                (stream, single) = (Some((body, permit)), true);
                // It does not wait for a new turn: it has its connection.
                continue;
            }
            Brought::Mismatch(host, mismatch) => (host, mismatch),
        };
        discard(&flight).await?;
        file.mismatched(host, mismatch)?;
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

type Joined = Result<Result<Ended, Error>, JoinError>;
type NextPermit = Pin<Box<dyn Future<Output = Permit> + Send>>;

/// Fetches everything that a part lacks, over as many connections as it gets and is worth. `stream` is a body
/// to begin with. When it ends, so do the connections.
async fn receive(
    flight: &Arc<Flight>,
    stream: Option<(Body, Permit)>,
    turn: &mut Option<Turn>,
) -> Result<Brought, Error> {
    let shared = &flight.file.shared;
    let mut workers = JoinSet::new();
    match stream {
        Some((body, permit)) => start(flight, &mut workers, Some(body), permit),
        None if flight.ranges().is_done() => {}
        None => flight.file.locate().await?,
    }
    let mut next: Option<(Wants, NextPermit)> = None;
    loop {
        let (wants, is_given_out) = {
            let ranges = flight.ranges();
            (ranges.wants(), ranges.are_given_out())
        };
        if is_given_out && shared.limits.lets_files_overlap() {
            *turn = None;
        }
        if next.as_ref().map_or(Wants::Nothing, |(kind, _)| *kind) != wants {
            next = wait_for_permit(shared, wants).map(|permit| (wants, permit));
        }
        tokio::select! {
            permit = granted(&mut next), if next.is_some() => {
                next = None;
                start(flight, &mut workers, None, permit);
            }
            Some(joined) = workers.join_next() => {
                if let Some(brought) = judge(joined)? {
                    workers.shutdown().await;
                    return Ok(brought);
                }
            }
            else => return Ok(Brought::All),
        }
    }
}

/// Gives a connection a range, if there still is one.
fn start(
    flight: &Arc<Flight>,
    workers: &mut JoinSet<Result<Ended, Error>>,
    body: Option<Body>,
    permit: Permit,
) {
    let share = flight.file.shared.connections_for_each_file();
    if let Some(range) = flight.ranges().assign(share, Instant::now()) {
        workers.spawn(Arc::clone(flight).fetch(range, body, permit).in_current_span());
    }
}

fn judge(joined: Joined) -> Result<Option<Brought>, Error> {
    Ok(match net::joined(joined)? {
        Ended::Done => None,
        Ended::WholeFile(body, permit) => Some(Brought::Stream(body, permit)),
        Ended::Mismatch(host, mismatch) => Some(Brought::Mismatch(host, mismatch)),
    })
}

fn wait_for_permit(shared: &Shared, wants: Wants) -> Option<NextPermit> {
    let connections = shared.connections.clone();
    match wants {
        Wants::Nothing => None,
        Wants::Piece => Some(Box::pin(async move { connections.acquire().await })),
        Wants::Share => Some(Box::pin(async move { connections.acquire_idle().await })),
    }
}

async fn granted(next: &mut Option<(Wants, NextPermit)>) -> Permit {
    match next {
        Some((_, permit)) => permit.await,
        None => std::future::pending().await,
    }
}
