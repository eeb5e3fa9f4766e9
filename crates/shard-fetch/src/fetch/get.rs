//! One request for the bytes of a file.

use std::time::{Duration, Instant};

use bytes::Bytes;
use net::{Answer, Client, FILES, Gate, Hop, Request, Throttled, Watch};
use reqwest::header::{HeaderValue, RANGE};
use tokio::time::sleep;
use url_parse::{Origin, RepoPath};

use super::answer::{Verdict, Wanted, is_web_page, judge};
use super::setback::{Passing, Setback};
use crate::{Error, Location};

/// The body of a response with bytes of the file.
pub(super) struct Body {
    /// The host that sends it.
    pub(super) host: Origin,
    /// The number of the location's place.
    pub(super) place: usize,
    /// The position of the first byte in the file.
    pub(super) from: u64,
    /// The position after the last byte.
    pub(super) until: u64,
    answer: Answer,
}

impl Body {
    /// Waits until this machine may read on, under its bandwidth limit.
    pub(super) async fn in_turn(&mut self) {
        self.answer.in_turn().await;
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, net::Error> {
        self.answer.chunk().await
    }
}

/// Is told how long a request must wait because of a server's limits.
pub(super) type OnWait<'a> = &'a (dyn Fn(Duration) + Sync);

/// Waits until this gate is open.
pub(super) async fn pass(gate: &Gate, on_wait: OnWait<'_>) {
    while let Some(wait) = gate.enter(FILES, Instant::now()) {
        on_wait(wait);
        sleep(wait).await;
    }
}

struct OnWaiting<'a>(OnWait<'a>);

impl Watch for OnWaiting<'_> {
    fn waiting(&self, news: &Throttled) {
        (self.0)(news.pause);
    }
}

/// Requests `wanted` from `location`, following redirects. If the response's range is unusable and
/// `is_always_so` says that this is permanent, requests the whole file.
pub(super) async fn get(
    client: &Client,
    file: &RepoPath,
    location: &Location,
    wanted: Wanted,
    on_wait: OnWait<'_>,
    is_always_so: impl Fn() -> bool,
) -> Result<Body, Setback> {
    let unusable = |problem| Setback::Final(Error::UnusableLocation { file: file.clone(), problem });
    if let Some(problem) = net::problem_of(&location.url) {
        return Err(unusable(problem));
    }
    let host = Origin::of(&location.url).ok_or_else(|| unusable("the URL has no host"))?;
    let mut request = request(location, wanted);
    let ask = async |request: Request| {
        let answer = client.send(request, &OnWaiting(on_wait)).await;
        let answer = answer.map_err(|error| without_answer(file, host.clone(), error))?;
        let verdict = if is_web_page(answer.status(), answer.headers(), file) {
            Verdict::WebPage
        } else {
            judge(answer.status(), answer.headers(), wanted)
        };
        Ok((answer, verdict))
    };
    let (mut answer, mut verdict) = ask(request.clone()).await?;
    if matches!(verdict, Verdict::Malformed(_)) && is_always_so() {
        // A host whose ranges are unusable can still send the file.
        drop(answer);
        request.headers.remove(RANGE);
        (answer, verdict) = ask(request).await?;
    }
    let host = answer.origin().clone();
    match verdict {
        Verdict::Bytes { from, until } => Ok(Body { host, place: location.place, from, until, answer }),
        Verdict::Malformed(problem) => Err(Setback::passing(Passing::Malformed(problem), &host)),
        Verdict::Mismatch(mismatch) => Err(Setback::Mismatch { host: Some(host), mismatch }),
        verdict @ (Verdict::Refused | Verdict::WebPage | Verdict::Denied | Verdict::Trouble) => {
            Err(turned_away(file, verdict, answer).await)
        }
    }
}

fn request(location: &Location, wanted: Wanted) -> Request {
    let mut request = Request::get(location.url.clone(), "download from", Hop::DataHost);
    request.own_headers.clone_from(&location.headers);
    request.is_one_of_many = true;
    // Positions in an encoded file differ from those in the file.
    request.takes_gzip = false;
    (request.reach, request.redirects) = (location.reach, location.redirects);
    if let Ok(range) = HeaderValue::from_str(&wanted.range()) {
        request.headers.insert(RANGE, range);
    }
    request
}

fn without_answer(file: &RepoPath, host: Origin, error: net::Error) -> Setback {
    match error {
        net::Error::Transport { hop, source, .. } => {
            Setback::passing(Passing::Request { hop, source: source.into() }, &host)
        }
        error @ net::Error::Unreachable { hop, .. } => {
            Setback::passing(Passing::Request { hop, source: error.into() }, &host)
        }
        error @ net::Error::Proxy { .. } => {
            Setback::passing(Passing::Request { hop: Hop::Proxy, source: error.into() }, &host)
        }
        net::Error::Stalled { idle, .. } => Setback::passing(Passing::Silence(idle), &host),
        // Another server behind the same name may do better, but a permanent failure must not be
        // retried forever.
        error @ net::Error::Encoded { .. } => {
            Setback::refused(200, Error::NoAnswer { file: file.clone(), host, source: error })
        }
        error => Setback::Final(Error::NoAnswer { file: file.clone(), host, source: error }),
    }
}

async fn turned_away(file: &RepoPath, verdict: Verdict, answer: Answer) -> Setback {
    let (file, host) = (file.clone(), answer.origin().clone());
    let refusal = answer.refusal().await;
    let (status, words) = (refusal.status.as_u16(), refusal.words);
    match verdict {
        Verdict::Trouble => Setback::Passing {
            cause: Passing::Status { status, words },
            host: Some(host),
            wait: refusal.wait,
        },
        Verdict::WebPage => Setback::refused(status, Error::WebPage { file, host, words }),
        Verdict::Refused => Setback::refused(status, Error::Refused { file, host, status, words }),
        _ => Setback::Final(Error::Refused { file, host, status, words }),
    }
}
