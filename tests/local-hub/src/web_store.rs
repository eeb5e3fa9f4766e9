//! A writable web server on loopback, for stores on the web.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Response, StatusCode};
use bytes::Bytes;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use crate::serving::Serving;

/// Instead of a status: the request is handled normally.
const PASSED: u16 = 0;

const CHECKSUM: &str = "x-amz-checksum-sha256";

/// A web server with WebDAV's `PUT`, `MOVE`, `MKCOL`, `PROPFIND` and `DELETE`, which keeps its files in
/// memory, until it is dropped.
///
/// ```
/// let server = local_hub::LocalWebStore::start();
/// server.put("/models/a", "content");
/// assert_eq!(server.get("/models/a").as_deref(), Some(&b"content"[..]));
/// assert!(server.requests().is_empty());
/// ```
#[derive(Debug)]
pub struct LocalWebStore {
    serving: Serving,
    shared: Arc<WebStoreState>,
}

/// The abilities of a [`LocalWebStore`].
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "servers differ in each of these, whatever the others are")]
pub struct WebStoreSettings {
    /// Answers 412 to a `PUT` whose `If-Match` or `If-None-Match` is not met; otherwise ignores these
    /// headers.
    pub knows_conditions: bool,
    /// Answers 501 to `MOVE`.
    pub knows_no_move: bool,
    /// Answers 502 to a `MOVE` to a whole URL, like Apache behind a TLS proxy.
    pub knows_another_url: bool,
    /// Answers 409 to a `PUT` into a missing folder, like Apache.
    pub wants_folders: bool,
    /// The required `Authorization`.
    pub login: Option<String>,
    /// Answers 403 instead of 404, like S3 to a client that may not list the bucket.
    pub hides_absence: bool,
    /// Answers 405 to `PROPFIND`, like servers without WebDAV.
    pub cannot_list: bool,
    /// Keeps the `x-amz-checksum-sha256` of a `PUT` and returns it on request, like S3.
    pub keeps_checksums: bool,
    /// Its clock is ahead by this many seconds, and it refuses AWS signatures whose time differs from
    /// its own.
    pub clock_ahead: Option<i64>,
}

/// One request to a [`LocalWebStore`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebStoreRequest {
    /// The method.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The status of the response.
    pub status: u16,
}

#[derive(Debug, Default)]
struct WebStoreState {
    settings: WebStoreSettings,
    state: Mutex<Disk>,
    requests: Mutex<Vec<WebStoreRequest>>,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, WebFile>,
    folders: BTreeSet<String>,
    versions: u64,
    /// Statuses for requests whose path contains this text, each for one request.
    trouble: Vec<(String, u16)>,
    /// Requests whose path contains this text are never answered.
    silent: Option<String>,
    /// The redirect targets of paths.
    redirects: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct WebFile {
    bytes: Bytes,
    version: u64,
    checksum: Option<String>,
}

impl LocalWebStore {
    /// A server that supports everything except conditions.
    pub fn start() -> Self {
        Self::start_with(WebStoreSettings::default())
    }

    /// A server with other properties.
    ///
    /// # Panics
    ///
    /// If no port or thread is available.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn start_with(settings: WebStoreSettings) -> Self {
        match Self::try_start(settings) {
            Ok(server) => server,
            Err(error) => panic!("local web store: {error:#}"),
        }
    }

    fn try_start(settings: WebStoreSettings) -> Result<Self> {
        let shared = Arc::new(WebStoreState { settings, ..WebStoreState::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let serving = Serving::start("local-web-store", router)?;
        Ok(Self { serving, shared })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address)
    }

    /// Adds a file, as the server's owner would.
    pub fn put(&self, path: &str, bytes: impl Into<Bytes>) {
        self.shared.state.lock().write(path, bytes.into(), None);
    }

    /// Adds a file for which the server returns this checksum.
    pub fn put_with_checksum(&self, path: &str, bytes: impl Into<Bytes>, checksum: &str) {
        self.shared.state.lock().write(path, bytes.into(), Some(checksum.to_owned()));
    }

    /// A file's content.
    pub fn get(&self, path: &str) -> Option<Bytes> {
        self.shared.state.lock().files.get(path).map(|file| file.bytes.clone())
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) {
        self.shared.state.lock().files.remove(path);
    }

    /// The paths of all files.
    pub fn paths(&self) -> Vec<String> {
        self.shared.state.lock().files.keys().cloned().collect()
    }

    /// Answers the next request whose path contains `part` with this status, without carrying it out.
    pub fn refuse(&self, part: &str, status: u16) {
        self.shared.state.lock().trouble.push((part.to_owned(), status));
    }

    /// The same after this many other requests.
    pub fn refuse_after(&self, part: &str, others: usize, status: u16) {
        let mut state = self.shared.state.lock();
        state.trouble.extend(std::iter::repeat_n((part.to_owned(), PASSED), others));
        state.trouble.push((part.to_owned(), status));
    }

    /// Cancels all statuses set by [`refuse`](Self::refuse).
    pub fn forgive(&self) {
        self.shared.state.lock().trouble.clear();
    }

    /// From now on requests whose path contains `part` are never answered.
    pub fn fall_silent(&self, part: &str) {
        self.shared.state.lock().silent = Some(part.to_owned());
    }

    /// Redirects requests for `path` to `url`.
    pub fn redirect(&self, path: &str, url: &str) {
        self.shared.state.lock().redirects.insert(path.to_owned(), url.to_owned());
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<WebStoreRequest> {
        self.shared.requests.lock().clone()
    }
}

async fn answer(State(shared): State<Arc<WebStoreState>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
    let (method, path) = (parts.method.as_str(), path.as_str());
    if shared.state.lock().silent.as_deref().is_some_and(|part| path.contains(part)) {
        std::future::pending::<()>().await;
    }
    let mut response = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(_) if !shared.is_in_time(parts.uri.query().unwrap_or_default(), &parts.headers) => status(403),
        Ok(bytes) => shared.answer(method, path, &parts.headers, bytes),
        // The client aborted it.
        Err(_) => status(400),
    };
    if shared.settings.clock_ahead.is_some() {
        let date = httpdate::fmt_http_date(shared.now()).parse();
        response.headers_mut().extend(date.ok().map(|date| (axum::http::header::DATE, date)));
    }
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    shared.requests.lock().push(WebStoreRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        status: response.status().as_u16(),
    });
    response
}

impl WebStoreState {
    /// The time by its own clock.
    fn now(&self) -> SystemTime {
        let ahead = self.settings.clock_ahead.unwrap_or_default();
        let distance = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
    }

    /// Whether a signature's time is valid: within a quarter of an hour in a header, and for the stated
    /// time in a query.
    fn is_in_time(&self, query: &str, headers: &HeaderMap) -> bool {
        const MARGIN: u64 = 900;
        let parameter = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name))
                .map(|(_, value)| value)
        };
        let header = headers.get("x-amz-date").and_then(|value| value.to_str().ok());
        let Some(signed) = parameter("X-Amz-Date").or(header).filter(|_| self.settings.clock_ahead.is_some())
        else {
            return true;
        };
        let good_for = parameter("X-Amz-Expires").and_then(|seconds| seconds.parse().ok()).unwrap_or(MARGIN);
        let Some(signed) = time_of(signed) else { return false };
        signed <= self.now() + Duration::from_secs(MARGIN)
            && self.now() <= signed + Duration::from_secs(good_for)
    }

    fn answer(&self, method: &str, path: &str, headers: &HeaderMap, body: Bytes) -> Response<Body> {
        let mut files = self.state.lock();
        if let Some(at) = files.trouble.iter().position(|(part, _)| path.contains(part)) {
            let trouble = files.trouble.remove(at).1;
            if trouble != PASSED {
                return status(trouble);
            }
        }
        if let Some(url) = files.redirects.get(path) {
            let mut response = status(302);
            response.headers_mut().extend(url.parse().ok().map(|url| (axum::http::header::LOCATION, url)));
            return response;
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if self.settings.login.as_deref().is_some_and(|login| header("authorization") != Some(login)) {
            return status(401);
        }
        match method {
            "GET" | "HEAD" => match files.files.get(path) {
                Some(file) => {
                    let mut response = content(file, header("range"));
                    if self.settings.keeps_checksums && header("x-amz-checksum-mode") == Some("ENABLED") {
                        let checksum = file.checksum.as_ref().and_then(|text| text.parse().ok());
                        let name = HeaderName::from_static(CHECKSUM);
                        response.headers_mut().extend(checksum.map(|checksum| (name, checksum)));
                    }
                    response
                }
                None if self.settings.hides_absence => status(403),
                None => status(404),
            },
            "PUT" if !self.is_met(&files, path, header("if-none-match"), header("if-match")) => status(412),
            "PUT" if !self.has_folder(&files, path) => status(409),
            "PUT" => {
                files.write(path, body, header(CHECKSUM).map(str::to_owned));
                let etag = files.files.get(path).and_then(|file| file.etag().parse().ok());
                let mut response = status(201);
                response.headers_mut().extend(etag.map(|etag| (axum::http::header::ETAG, etag)));
                response
            }
            "MKCOL" if files.folders.contains(path.trim_end_matches('/')) => status(405),
            "MKCOL" if !self.has_folder(&files, path.trim_end_matches('/')) => status(409),
            "MKCOL" => {
                files.folders.insert(path.trim_end_matches('/').to_owned());
                status(201)
            }
            "MOVE" if !self.settings.knows_no_move => {
                let to = header("destination").unwrap_or_default();
                // After the scheme and the host.
                let is_url = to.starts_with("http://");
                let to = to
                    .strip_prefix("http://")
                    .and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)))
                    .unwrap_or(to);
                if is_url && self.settings.knows_another_url {
                    return status(502);
                }
                files.rename(path, to, header("overwrite") != Some("F"))
            }
            "PROPFIND" if self.settings.cannot_list => status(405),
            "PROPFIND" => files.list(path.trim_end_matches('/')),
            "DELETE" => status(if files.files.remove(path).is_some() { 204 } else { 404 }),
            _ => status(501),
        }
    }

    fn is_met(&self, files: &Disk, path: &str, none: Option<&str>, is: Option<&str>) -> bool {
        let there = files.files.get(path).map(WebFile::etag);
        let is_met =
            none.is_none_or(|_| there.is_none()) && is.is_none_or(|etag| there.as_deref() == Some(etag));
        is_met || !self.settings.knows_conditions
    }

    fn has_folder(&self, files: &Disk, path: &str) -> bool {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        !self.settings.wants_folders || folder.is_empty() || files.folders.contains(folder)
    }
}

impl WebFile {
    fn etag(&self) -> String {
        format!("\"{}\"", self.version)
    }
}

impl Disk {
    fn write(&mut self, path: &str, bytes: Bytes, checksum: Option<String>) {
        self.versions += 1;
        self.files.insert(path.to_owned(), WebFile { bytes, version: self.versions, checksum });
    }

    /// The members of a folder, as a WebDAV response.
    fn list(&self, folder: &str) -> Response<Body> {
        let (mut members, start) = (BTreeMap::new(), format!("{folder}/"));
        for (path, file) in &self.files {
            let Some(rest) = path.strip_prefix(&start) else { continue };
            match rest.split_once('/') {
                None => members.insert(
                    path.clone(),
                    format!("<D:getcontentlength>{}</D:getcontentlength>", file.bytes.len()),
                ),
                Some((name, _)) => members.insert(
                    format!("{start}{name}/"),
                    "<D:resourcetype><D:collection/></D:resourcetype>".to_owned(),
                ),
            };
        }
        if members.is_empty() && !self.folders.contains(folder) {
            return status(404);
        }
        let mut xml =
            format!("<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{start}</D:href></D:response>");
        xml.extend(members.into_iter().map(|(path, properties)| {
            let path = path.replace('!', "%21");
            format!(
                "<D:response><D:href>{path}</D:href><D:propstat><D:prop>{properties}</D:prop></D:propstat></D:response>"
            )
        }));
        let mut response = status(207);
        *response.body_mut() = Body::from(xml + "</D:multistatus>");
        response
    }

    fn rename(&mut self, path: &str, to: &str, replace: bool) -> Response<Body> {
        if !replace && self.files.contains_key(to) {
            return status(412);
        }
        match self.files.remove(path) {
            Some(file) => {
                self.write(to, file.bytes, file.checksum);
                status(201)
            }
            None => status(404),
        }
    }
}

fn content(file: &WebFile, range: Option<&str>) -> Response<Body> {
    let length = file.bytes.len();
    let asked = range.and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        let from: usize = from.parse().ok()?;
        let end = to.parse().map_or(length, |to: usize| (to + 1).min(length));
        (from < end).then_some(from..end)
    });
    let builder = Response::builder()
        .header("etag", file.etag())
        .header("date", httpdate::fmt_http_date(SystemTime::now()))
        .header("accept-ranges", "bytes");
    let response = match asked {
        Some(asked) => builder
            .status(206)
            .header("content-range", format!("bytes {}-{}/{length}", asked.start, asked.end - 1))
            .body(Body::from(file.bytes.slice(asked))),
        None => builder.body(Body::from(file.bytes.clone())),
    };
    response.unwrap_or_default()
}

/// Parses a time like `20130524T000000Z`.
fn time_of(text: &str) -> Option<SystemTime> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    // Days since 1970, for years that begin in March.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    let seconds = (days * 24 + number(8, 10)?) * 3600 + number(10, 12)? * 60 + number(12, 14)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn status(code: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    response
}
