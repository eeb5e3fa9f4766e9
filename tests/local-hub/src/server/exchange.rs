//! One request from head to last byte: logged, delayed, spoiled, answered.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;

use super::answer::{answer, broken, set_default};
use super::body::{SentBody, Spoil};
use super::connection::Caller;
use super::place::Place;
use super::range::Asked;
use super::refusal::{Audience, Refusal, admit};
use super::{Shared, Signing};
use super::{api, data_host, git_backend, git_host, lfs_batch, lfs_server, resolve, spoil};
use crate::fault::{Fault, Subject};
use crate::hex::name_of;
use crate::log::{Exchange, LoggedRequest, Outcome, Route, Server};
use crate::models::Object;

/// The target of a request, determined once.
pub(super) struct Target {
    server: Server,
    place: Place,
    /// On the data host: the objects at the path.
    pub(super) objects: Vec<Object>,
    /// The one that the URL was made for.
    object: Option<Object>,
}

pub(super) async fn handle(
    State((server, shared)): State<(Server, Arc<Shared>)>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let target = Target::of(server, &shared, &parts);
    let exchange = shared.recorder.begin(target.describe(&parts, &caller));
    let fault = shared.faults.take(&target.subject(&parts)).or_else(|| shared.line.fault(target.route()));
    if let Some(fault) = &fault {
        exchange.line().faulted(format!("{fault:?}"));
    }
    let latency = shared.settings.latency + shared.line.delay();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let early = match &fault {
        Some(fault) => spoil::before(fault, &caller.control).await,
        None => None,
    };
    let response = match early {
        Some(response) => response,
        None => target.answer(&shared, &parts, body, &exchange, fault.as_ref()).await,
    };
    let (response, spoil) = match fault {
        Some(fault) => spoil::after(fault, response, asked(&parts)).await,
        None => (response, Spoil::default()),
    };
    send(response, &parts.method, exchange, caller, spoil)
}

/// Sends the response, observing its body.
fn send(response: Response, method: &Method, exchange: Exchange, caller: Caller, spoil: Spoil) -> Response {
    exchange.line().answered(response.status().as_u16());
    let length = response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    if method == Method::HEAD || length == Some(0) {
        // The HTTP library never asks for such a body.
        exchange.complete();
        return response.map(|_| Body::empty());
    }
    response.map(|body| Body::new(SentBody::new(body, exchange, caller.control, spoil, length)))
}

pub(super) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

pub(super) fn asked(parts: &Parts) -> Asked {
    Asked::parse(header(parts, "range"))
}

impl Target {
    pub(super) fn of(server: Server, shared: &Shared, parts: &Parts) -> Self {
        if server == Server::Hub {
            let place = Place::on_hub(&parts.uri, &shared.settings.prefix);
            return Self { server, place, objects: Vec::new(), object: None };
        }
        let objects = shared.models.objects_at(parts.uri.path());
        let signed_for = Signing::signed_for(&objects, parts.uri.query().unwrap_or_default());
        let object = signed_for.or_else(|| objects.first()).cloned();
        Self { server, place: Place::Other, objects, object }
    }

    fn route(&self) -> Route {
        match (self.server, &self.object) {
            (Server::Hub, _) => self.place.route(),
            (Server::Data, Some(_)) => Route::Data,
            (Server::Data, None) => Route::Other,
        }
    }

    fn model(&self) -> Option<&str> {
        self.place.model().or_else(|| self.object.as_ref().map(|object| object.model.as_str()))
    }

    fn file(&self) -> Option<&str> {
        self.place.file().or_else(|| self.object.as_ref().map(|object| object.file.as_str()))
    }

    fn subject<'a>(&'a self, parts: &'a Parts) -> Subject<'a> {
        let text = self.file().or(self.model()).unwrap_or_else(|| parts.uri.path());
        Subject { route: self.route(), method: parts.method.as_str(), text, range: asked(parts).at_most() }
    }

    pub(super) fn describe(&self, parts: &Parts, caller: &Caller) -> LoggedRequest {
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        LoggedRequest {
            server: self.server,
            route: self.route(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            model: self.model().map(str::to_owned),
            file: self.file().map(str::to_owned),
            peer: caller.peer,
            connection: caller.control.number(),
            began: 0,
            ended: None,
            began_at: Instant::now(),
            ended_at: None,
            status: None,
            body_received: 0,
            body_sent: 0,
            outcome: Outcome::InFlight,
            fault: None,
        }
    }

    async fn answer(
        &self,
        shared: &Shared,
        parts: &Parts,
        body: Body,
        exchange: &Exchange,
        fault: Option<&Fault>,
    ) -> Response {
        let asked = if matches!(fault, Some(Fault::IgnoreRange)) { Asked::Whole } else { asked(parts) };
        if self.server == Server::Data {
            let query = parts.uri.query().unwrap_or_default();
            let authorization = header(parts, "authorization");
            return data_host::serve(shared, &self.objects, query, authorization, asked);
        }
        if shared.settings.is_git_host {
            return self.answer_as_git_host(shared, parts, body, exchange).await;
        }
        let audience = self.audience();
        let charge = shared.limits.charge(self.route());
        let answered = if charge.is_over {
            Err(Refusal::RateLimited)
        } else {
            self.answer_as_hub(shared, parts, body, exchange, asked).await
        };
        let mut response = answered.unwrap_or_else(|refusal| refusal.answer(shared, audience));
        let headers = response.headers_mut();
        set_default(headers, "ratelimit", &charge.header);
        set_default(headers, "ratelimit-policy", &charge.policy);
        set_default(headers, "x-powered-by", "huggingface-moon");
        let id = name_of(&format!("request {}", exchange.line().number()), 24);
        set_default(headers, "x-request-id", &format!("Root=1-{id}"));
        response
    }

    async fn answer_as_git_host(
        &self,
        shared: &Shared,
        parts: &Parts,
        body: Body,
        exchange: &Exchange,
    ) -> Response {
        let (Audience::Git, Some(model)) = (self.audience(), self.place.model()) else {
            return git_host::not_found();
        };
        // Only the names of the folders are valid.
        if !parts.uri.path().contains(".git/") {
            return git_host::not_found();
        }
        let answered = match git_host::admit(shared, model, header(parts, "authorization")) {
            Err(refusal) => Err(refusal),
            Ok(()) => match &self.place {
                Place::InfoRefs { .. } => self.git(shared, parts, body, exchange, "info/refs").await,
                Place::UploadPack { .. } => self.git(shared, parts, body, exchange, "git-upload-pack").await,
                _ => Ok(lfs_batch(shared, model, parts, body).await),
            },
        };
        answered.unwrap_or_else(|refusal| git_host::refused(&refusal, self.route() == Route::LfsBatch))
    }

    fn audience(&self) -> Audience {
        match self.place {
            Place::InfoRefs { .. } | Place::UploadPack { .. } | Place::LfsBatch { .. } => Audience::Git,
            _ => Audience::Resolve,
        }
    }

    async fn answer_as_hub(
        &self,
        shared: &Shared,
        parts: &Parts,
        body: Body,
        exchange: &Exchange,
        asked: Asked,
    ) -> Result<Response, Refusal> {
        let Some(model) = self.place.model() else { return Err(Refusal::NotFound) };
        if let Some(moved) = moved(shared, parts, model) {
            return Ok(moved);
        }
        let authorization = header(parts, "authorization");
        admit(shared, model, authorization)?;
        match &self.place {
            Place::InfoRefs { .. } => self.git(shared, parts, body, exchange, "info/refs").await,
            Place::UploadPack { .. } => self.git(shared, parts, body, exchange, "git-upload-pack").await,
            Place::LfsBatch { model } => Ok(lfs_batch(shared, model, parts, body).await),
            Place::Resolve { model, revision, path } => {
                let mut response = resolve::resolve(shared, model, revision, path, parts.uri.path(), asked)?;
                if authorization.is_none() {
                    set_default(response.headers_mut(), "x-hf-warning", resolve::UNAUTHENTICATED);
                }
                Ok(response)
            }
            Place::ResolveCache { model, commit, path } => {
                resolve::resolve_cache(shared, model, commit, path, asked)
            }
            Place::Info { model, revision } => api::info(shared, model, revision.as_deref(), &parts.uri),
            Place::Tree { model, revision } => api::tree(shared, model, revision, &parts.uri),
            Place::PathsInfo { model, revision } => api::paths_info(shared, model, revision, body).await,
            Place::Other => Err(Refusal::NotFound),
        }
    }

    async fn git(
        &self,
        shared: &Shared,
        parts: &Parts,
        body: Body,
        exchange: &Exchange,
        service: &str,
    ) -> Result<Response, Refusal> {
        let folder = self.place.model().and_then(|model| shared.models.repository_folder(model));
        let folder = folder.ok_or(Refusal::NoSuchRepository)?;
        let line = exchange.line().clone();
        let served = git_backend::serve(shared.models.git(), &folder, service, parts, body, line).await;
        Ok(served.unwrap_or_else(|error| broken(&error)))
    }
}

async fn lfs_batch(shared: &Shared, model: &str, parts: &Parts, body: Body) -> Response {
    match &shared.settings.lfs_server {
        None => lfs_batch::serve(shared, model, body).await,
        Some(origin) => {
            let forwarded = lfs_server::forward(origin, parts, body).await;
            forwarded.unwrap_or_else(|error| broken(&error))
        }
    }
}

/// 307 to the same URL under the model's new name, without the headers of other responses.
fn moved(shared: &Shared, parts: &Parts, model: &str) -> Option<Response> {
    let new = shared.models.moved_to(model)?;
    let whole = parts.uri.path_and_query().map_or("/", |whole| whole.as_str());
    let location = whole.replacen(model, &new, 1);
    let headers = [("content-type", "text/plain; charset=utf-8"), ("location", location.as_str())];
    Some(answer(307, &headers, format!("Temporary Redirect. Redirecting to {location}")))
}
