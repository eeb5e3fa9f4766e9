//! A stand-in for Google Cloud Storage.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response};
use bytes::Bytes;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use crate::serving::Serving;

/// The token that the machine's own service issues.
const TOKEN: &str = "metadata-s3cret";
const TOKEN_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
/// How many names are on one page of a listing.
const PAGE: usize = 3;

/// A stand-in for Google Cloud Storage's XML API, and for the service that issues a machine's token, on
/// loopback, until it is dropped. Every bucket exists.
///
/// No existing server supports the XML API that programs use for writing. This one was written from
/// Google's documentation by the authors of the code that is tested with it, and shares their
/// misunderstandings. It shows that our side sends generation conditions, parts and tokens, and
/// combines pages. It **cannot** show that Google accepts what we sign (any token of the right form is
/// accepted, for any time), what its policies permit, how it treats simultaneous writers in different
/// regions, or when it limits the request rate.
#[derive(Debug)]
pub struct LocalGcs {
    serving: Serving,
    shared: Arc<GcsState>,
}

#[derive(Debug, Default)]
struct GcsState {
    state: Mutex<Buckets>,
    requests: Mutex<Vec<String>>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// Contents and generations by bucket and name.
    objects: BTreeMap<String, (Bytes, u64)>,
    /// Parts by upload and number.
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    generations: u64,
}

impl LocalGcs {
    /// A server without objects.
    ///
    /// # Panics
    ///
    /// If no port or thread is available.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("local GCS: {error:#}"))
    }

    fn try_start() -> Result<Self> {
        let shared = Arc::new(GcsState::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let serving = Serving::start("local-gcs", router)?;
        Ok(Self { serving, shared })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.serving.address)
    }

    /// The same without a scheme, for `GCE_METADATA_HOST`.
    pub fn host(&self) -> String {
        self.serving.address.to_string()
    }

    /// The variables with its address and the key of a service account, which is written to `folder`.
    ///
    /// # Panics
    ///
    /// If the key or file cannot be created.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn variables(&self, folder: &Path) -> Vec<(String, String)> {
        let file = folder.join("service-account.json");
        let written = service_account().and_then(|json| Ok(std::fs::write(&file, json)?));
        if let Err(error) = written {
            panic!("the key of a service account: {error:#}");
        }
        [("GOOGLE_BASE_URL", self.url()), ("GOOGLE_APPLICATION_CREDENTIALS", file.display().to_string())]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    }

    /// Method, path with its query, and status of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().clone()
    }
}

/// The key file of a service account.
fn service_account() -> Result<String> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).context("make a key")?;
    let account = serde_json::json!({
        "type": "service_account",
        "private_key_id": "1",
        "private_key": key.serialize_pem(),
        "client_email": "tests@example.iam.gserviceaccount.com",
    });
    Ok(account.to_string())
}

async fn answer(State(shared): State<Arc<GcsState>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let response = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let asked = GcsRequest::of(&parts.method, &parts.uri, &parts.headers);
            shared.state.lock().answer(&asked, bytes)
        }
        // The client aborted it.
        Err(_) => status(400),
    };
    let line = format!("{} {} {}", parts.method, parts.uri, response.status().as_u16());
    shared.requests.lock().push(line);
    response
}

/// A parsed request.
struct GcsRequest<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
    /// Bucket and name.
    path: String,
    query: BTreeMap<String, String>,
}

impl<'a> GcsRequest<'a> {
    fn of(method: &'a Method, uri: &axum::http::Uri, headers: &'a HeaderMap) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = uri.query().unwrap_or_default().split('&');
        let query = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = query.map(|(name, value)| (decoded(name), decoded(&value.replace('+', " ")))).collect();
        Self { method, headers, path: decoded(uri.path().trim_start_matches('/')), query }
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it has a token of the machine's service, or one that a service account may have signed.
    fn is_let_in(&self) -> bool {
        let token = self.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
        token
            .is_some_and(|token| token == TOKEN || (token.starts_with("ey") && token.split('.').count() == 3))
    }
}

impl Buckets {
    fn answer(&mut self, asked: &GcsRequest<'_>, body: Bytes) -> Response<Body> {
        if format!("/{}", asked.path) == TOKEN_PATH {
            return token(asked);
        }
        if !asked.is_let_in() {
            return status(401);
        }
        let upload = asked.query.get("uploadId");
        match (asked.method.as_str(), upload) {
            ("GET", _) if asked.query.contains_key("list-type") => self.list(asked),
            ("GET" | "HEAD", _) => match self.objects.get(&asked.path) {
                Some((bytes, generation)) => content(bytes, *generation, asked.header("range")),
                None => status(404),
            },
            ("PUT", Some(upload)) => self.put_part(asked, upload, body),
            ("PUT", None) if !self.is_met(asked) => status(412),
            ("PUT", None) => self.write(&asked.path, body),
            ("POST", None) if asked.query.contains_key("uploads") => {
                self.generations += 1;
                let upload = format!("upload/{}+", self.generations);
                self.uploads.insert(upload.clone(), BTreeMap::new());
                xml(&format!(
                    "<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                ))
            }
            ("POST", Some(upload)) => self.complete(asked, upload, &body),
            ("DELETE", Some(upload)) => status(if self.uploads.remove(upload).is_some() { 204 } else { 404 }),
            ("DELETE", None) => status(if self.objects.remove(&asked.path).is_some() { 204 } else { 404 }),
            _ => status(405),
        }
    }

    fn is_met(&self, asked: &GcsRequest<'_>) -> bool {
        let there = self.objects.get(&asked.path).map_or(0, |(_, generation)| *generation);
        asked.header("x-goog-if-generation-match").is_none_or(|wanted| wanted == there.to_string())
    }

    fn write(&mut self, path: &str, bytes: Bytes) -> Response<Body> {
        self.generations += 1;
        self.objects.insert(path.to_owned(), (bytes, self.generations));
        with_version(status(200), self.generations)
    }

    fn put_part(&mut self, asked: &GcsRequest<'_>, upload: &str, body: Bytes) -> Response<Body> {
        let number = asked.query.get("partNumber").and_then(|number| number.parse().ok());
        let (Some(parts), Some(number)) = (self.uploads.get_mut(upload), number) else { return status(404) };
        parts.insert(number, body);
        with_version(status(200), number.into())
    }

    /// Combines the named parts in their order.
    fn complete(&mut self, asked: &GcsRequest<'_>, upload: &str, body: &Bytes) -> Response<Body> {
        let Some(parts) = self.uploads.remove(upload) else { return status(404) };
        let body = String::from_utf8_lossy(body);
        let numbers = body.split("<PartNumber>").skip(1);
        let numbers = numbers.filter_map(|rest| rest.split_once('<')?.0.parse::<u32>().ok());
        let Some(pieces) = numbers.map(|number| parts.get(&number)).collect::<Option<Vec<_>>>() else {
            return status(400);
        };
        let whole: Vec<u8> = pieces.into_iter().flatten().copied().collect();
        let generation = self.write(&asked.path, whole.into());
        let mut response =
            xml("<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>");
        response.headers_mut().extend(generation.headers().clone());
        response
    }

    fn list(&self, asked: &GcsRequest<'_>) -> Response<Body> {
        let bucket = format!("{}/", asked.path.trim_end_matches('/'));
        let prefix = asked.query.get("prefix").map_or("", String::as_str);
        let after = asked.query.get("continuation-token").or_else(|| asked.query.get("start-after"));
        let names =
            self.objects.iter().filter_map(|(path, object)| Some((path.strip_prefix(&bucket)?, object)));
        let mut names = names
            .filter(|(name, _)| name.starts_with(prefix) && after.is_none_or(|after| *name > after.as_str()));
        let page: Vec<_> = names.by_ref().take(PAGE).collect();
        let mut text = String::from("<ListBucketResult>");
        for (name, (bytes, generation)) in &page {
            let _ = write!(
                text,
                "<Contents><Key>{name}</Key><Size>{}</Size><ETag>\"{generation}\"</ETag>\
                 <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>",
                bytes.len()
            );
        }
        if let (Some(_), Some((last, _))) = (names.next(), page.last()) {
            let _ = write!(text, "<NextContinuationToken>{last}</NextContinuationToken>");
        }
        xml(&(text + "</ListBucketResult>"))
    }
}

/// The machine's own service requires a header that no web page can send.
fn token(asked: &GcsRequest<'_>) -> Response<Body> {
    if asked.header("metadata-flavor") != Some("Google") {
        return status(403);
    }
    let token = serde_json::json!({ "access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer" });
    Response::new(Body::from(token.to_string()))
}

fn content(bytes: &Bytes, generation: u64, range: Option<&str>) -> Response<Body> {
    let length = bytes.len();
    let asked = range.and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        let from: usize = from.parse().ok()?;
        let end = to.parse().map_or(length, |to: usize| (to + 1).min(length));
        (from < end).then_some(from..end)
    });
    let modified = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000));
    let builder = Response::builder().header("last-modified", modified);
    let response = match asked {
        Some(asked) => builder
            .status(206)
            .header("content-range", format!("bytes {}-{}/{length}", asked.start, asked.end - 1))
            .body(Body::from(bytes.slice(asked))),
        None => builder.body(Body::from(bytes.clone())),
    };
    with_version(response.unwrap_or_default(), generation)
}

fn with_version(mut response: Response<Body>, generation: u64) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert("x-goog-generation", generation.into());
    headers.extend(format!("\"{generation}\"").parse().ok().map(|etag| (axum::http::header::ETAG, etag)));
    response
}

fn xml(text: &str) -> Response<Body> {
    Response::new(Body::from(text.to_owned()))
}

fn status(code: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = axum::http::StatusCode::from_u16(code).unwrap_or_default();
    response
}
