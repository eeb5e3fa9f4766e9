//! A store on a web server. Any server will do for reading. Writing needs `PUT` and, so that no
//! incomplete file is visible, `MOVE` (WebDAV).

#[cfg(feature = "webdav")]
mod listing;
#[cfg(feature = "webdav")]
mod multistatus;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use net::{Answer, Client, Hop, Redirects, Request, Upload};
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use url_parse::Url;

#[cfg(feature = "webdav")]
use self::listing::Lister;
#[cfg(feature = "fuzzing")]
pub(crate) use self::multistatus::members;
use crate::Error;
use crate::address::below;
use crate::backend::{
    Backend, BlobPlace, Condition, Found, Listed, Presence, Version, Written, get, presence, refused,
};
use crate::blob::{Blob, Hashing, check, read_on};
use crate::key::Key;

/// How much of a blob is read and sent at a time.
const PIECE: usize = 1 << 20;
const WRITE: &str = "write";
/// The prefix of a weak `ETag`, which conditions cannot use. Apache gives a file such a tag while it is
/// less than a second old, and the same tag without the prefix later.
const WEAK: &str = "W/";
const YOUNG: Duration = Duration::from_millis(1100);

#[derive(Debug)]
pub(crate) struct Web {
    base: Url,
    login: Option<HeaderValue>,
    client: Client,
    writes_in_place: bool,
}

impl Web {
    pub(crate) fn new(base: Url, login: Option<HeaderValue>, client: Client, writes_in_place: bool) -> Self {
        Self { base, login, client, writes_in_place }
    }

    fn url(&self, key: &Key) -> Url {
        below(&self.base, key)
    }

    fn request(&self, method: Method, url: Url, action: &'static str) -> Request {
        let mut request = Request::get(url, action, Hop::Store);
        request.method = method;
        request.redirects = Redirects::Nowhere;
        request.own_headers = self.headers();
        request
    }

    fn headers(&self) -> HeaderMap {
        self.login.iter().map(|login| (header::AUTHORIZATION, login.clone())).collect()
    }

    /// Asks for the contents of a folder, whose URL ends in a slash.
    #[cfg(feature = "webdav")]
    fn propfind(&self, url: Url) -> Request {
        let mut request = self.request(method(b"PROPFIND"), url, "list");
        request.headers.insert(HeaderName::from_static("depth"), HeaderValue::from_static("1"));
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        request.body = Bytes::from_static(listing::QUESTION);
        request
    }

    /// Sends a `PUT`; if the folder does not exist yet, creates it and repeats the request.
    async fn send_put(&self, key: &Key, body: &Body<'_>, condition: &Condition) -> Result<Answer, Error> {
        let mut request = self.request(Method::PUT, self.url(key), WRITE);
        if let Some((name, value)) = condition_header(condition) {
            request.headers.insert(name, value);
        }
        let answer = self.send_body(request.clone(), body).await?;
        if !matches!(answer.status().as_u16(), 404 | 409) {
            return Ok(answer);
        }
        self.create_folders(key).await?;
        self.send_body(request, body).await
    }

    async fn send_body(&self, request: Request, body: &Body<'_>) -> Result<Answer, Error> {
        match body {
            Body::Small(bytes) => Ok(self.client.upload(request, Upload::of(bytes.clone()), &()).await?),
            Body::Content(blob) => self.send_content(request, blob).await,
        }
    }

    /// Verifies the file before its last piece is sent, so that the server never has the whole of a
    /// wrong one.
    async fn send_content(&self, request: Request, blob: &Blob) -> Result<Answer, Error> {
        let (pieces, upload) = Upload::channel(blob.size);
        let opened = blob.clone();
        let mut hashing = net::blocking(move || Hashing::open(&opened)).await?;
        let reading = async move {
            let mut last = Bytes::new();
            loop {
                let (next, piece) = read_on(hashing, PIECE).await?;
                hashing = next;
                if piece.is_empty() {
                    net::blocking(move || hashing.finish()).await?;
                    let _ = pieces.send(last).await;
                    return Ok::<(), Error>(());
                }
                // Fails only if the request has ended, which then returns the reason.
                if !last.is_empty() && pieces.send(last).await.is_err() {
                    return Ok(());
                }
                last = piece;
            }
        };
        let (sent, read) = tokio::join!(self.client.upload(request, upload, &()), reading);
        read?;
        Ok(sent?)
    }

    /// Creates a key's missing parent folders, including those of the store itself.
    async fn create_folders(&self, key: &Key) -> Result<(), Error> {
        let mut url = self.url(key);
        let mut missing = Vec::new();
        // Up to a folder that exists or can be created.
        while let Some(parent) = parent(&url) {
            let answer = self.create_folder(&parent).await?;
            match answer.status().as_u16() {
                409 => missing.push(parent.clone()),
                200..300 | 405 => break,
                _ => return Err(refused(answer, "create", &net::SafeUrl::of(&parent)).await),
            }
            url = parent;
        }
        for folder in missing.into_iter().rev() {
            let answer = self.create_folder(&folder).await?;
            if !matches!(answer.status().as_u16(), 200..300 | 405) {
                return Err(refused(answer, "create", &net::SafeUrl::of(&folder)).await);
            }
        }
        Ok(())
    }

    /// Apache answers 403 while another client is creating the folder, and 405 afterwards.
    async fn create_folder(&self, url: &Url) -> Result<Answer, Error> {
        let request = self.request(method(b"MKCOL"), url.clone(), "create");
        let answer = self.client.send(request.clone(), &()).await?;
        if answer.status().as_u16() != 403 {
            return Ok(answer);
        }
        Ok(self.client.send(request, &()).await?)
    }

    /// Writes under a temporary name and renames.
    async fn write_aside(&self, key: &Key, body: &Body<'_>, replace: bool) -> Result<(), Error> {
        let draft = key.draft(fastrand::u64(..));
        let outcome = self.write_and_move(key, &draft, body, replace).await;
        if !matches!(outcome, Ok(Moved::Done)) {
            // Best effort; no reader uses this name.
            let request = self.request(Method::DELETE, self.url(&draft), "remove");
            let _ = self.client.send(request, &()).await;
        }
        outcome.map(drop)
    }

    async fn write_and_move(
        &self,
        key: &Key,
        draft: &Key,
        body: &Body<'_>,
        replace: bool,
    ) -> Result<Moved, Error> {
        let shown = net::SafeUrl::of(&self.url(key));
        let answer = self.send_put(draft, body, &Condition::Always).await?;
        if !answer.status().is_success() {
            return Err(refused(answer, WRITE, &shown).await);
        }
        let to = self.url(key);
        let mut answer = self.send_move(draft, to.as_str(), replace).await?;
        // Apache insists on a whole URL, and refuses one with the address of a TLS proxy in front of
        // it.
        if matches!(answer.status().as_u16(), 400 | 502) {
            answer = self.send_move(draft, to.path(), replace).await?;
        }
        match answer.status().as_u16() {
            200..300 => Ok(Moved::Done),
            // Another writer has written the same blob.
            412 if !replace => Ok(Moved::WasThere),
            // It existed a moment ago: a response was lost and the request arrived twice. A retry finds
            // the file.
            404 => Err(Error::Contended { url: shown }),
            _ => Err(refused(answer, "rename to", &shown).await),
        }
    }

    async fn send_move(&self, from: &Key, to: &str, replace: bool) -> Result<Answer, Error> {
        let mut request = self.request(method(b"MOVE"), self.url(from), "rename to");
        let overwrite = HeaderValue::from_static(if replace { "T" } else { "F" });
        request.headers.insert(HeaderName::from_static("overwrite"), overwrite);
        if let Ok(to) = HeaderValue::try_from(to) {
            request.headers.insert(HeaderName::from_static("destination"), to);
        }
        Ok(self.client.send(request, &()).await?)
    }

    async fn write_in_place(
        &self,
        key: &Key,
        body: &Body<'_>,
        condition: &Condition,
    ) -> Result<Written, Error> {
        let answer = self.send_put(key, body, condition).await?;
        match answer.status().as_u16() {
            200..300 => Ok(Written::Done),
            412 => Ok(Written::Not),
            _ => Err(refused(answer, WRITE, &net::SafeUrl::of(&self.url(key))).await),
        }
    }
}

enum Body<'a> {
    Small(Bytes),
    Content(&'a Blob),
}

enum Moved {
    Done,
    WasThere,
}

#[async_trait]
impl Backend for Web {
    async fn place(&self, key: &Key) -> Result<BlobPlace, Error> {
        Ok(BlobPlace::Url { url: self.url(key), headers: self.headers(), expires_at: None })
    }

    async fn get(&self, key: &Key, limit: u64, is_fresh: bool) -> Result<Found, Error> {
        let shown = net::SafeUrl::of(&self.url(key));
        get(&self.client, self.place(key).await?, limit, is_fresh, &shown).await
    }

    async fn presence(&self, key: &Key) -> Result<Option<Presence>, Error> {
        presence(&self.client, self.place(key).await?, &net::SafeUrl::of(&self.url(key))).await
    }

    async fn list(&self, folder: &'static str) -> Result<Vec<Listed>, Error> {
        #[cfg(feature = "webdav")]
        {
            let lister =
                Lister { client: &self.client, base: &self.base, request: &|url| self.propfind(url) };
            lister.list(folder).await
        }
        #[cfg(not(feature = "webdav"))]
        {
            let _ = folder;
            Err(Error::NotBuiltIn { url: net::SafeUrl::of(&self.base) })
        }
    }

    async fn put(&self, key: &Key, bytes: Bytes, condition: &Condition) -> Result<Written, Error> {
        let body = Body::Small(bytes);
        if matches!(condition, Condition::IfStill(Version { etag: Some(etag), .. }) if etag.starts_with(WEAK))
        {
            tokio::time::sleep(YOUNG).await;
        }
        if self.writes_in_place || !matches!(condition, Condition::Always) {
            return self.write_in_place(key, &body, condition).await;
        }
        self.write_aside(key, &body, true).await?;
        Ok(Written::Done)
    }

    async fn put_blob(&self, key: &Key, blob: &Blob, replace: bool) -> Result<(), Error> {
        let body = Body::Content(blob);
        if self.writes_in_place {
            // Visible from its first byte on, so it is checked first.
            check(blob).await?;
            return self.write_in_place(key, &body, &Condition::Always).await.map(drop);
        }
        self.write_aside(key, &body, replace).await
    }
}

fn condition_header(condition: &Condition) -> Option<(HeaderName, HeaderValue)> {
    match condition {
        Condition::Always => None,
        Condition::IfAbsent => Some((header::IF_NONE_MATCH, HeaderValue::from_static("*"))),
        Condition::IfStill(Version { etag, .. }) => {
            let etag = etag.as_deref()?;
            Some((header::IF_MATCH, HeaderValue::try_from(etag.strip_prefix(WEAK).unwrap_or(etag)).ok()?))
        }
    }
}

/// The parent folder of a URL, ending in a slash; `None` for the root.
fn parent(url: &Url) -> Option<Url> {
    let path = url.path().trim_end_matches('/');
    let (folder, _) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty())?;
    let mut parent = url.clone();
    parent.set_path(&format!("{folder}/"));
    Some(parent)
}

#[expect(clippy::expect_used, reason = "the names are constants")]
fn method(name: &'static [u8]) -> Method {
    Method::from_bytes(name).expect("a method")
}
