//! Locates a file with one `/resolve/` request.

use std::time::{Duration, SystemTime};

use net::{Answer, Hop, Redirects, Request, SafeUrl, header_text};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use url_parse::{CommitId, ModelId, RepoPath, Url, from_hex};

use crate::client::headers;
use crate::{Error, HubClient};

/// The current location of a file, and the hub's record of it.
#[derive(Clone)]
#[non_exhaustive]
pub struct ResolvedFile {
    /// The URL of the bytes. Its query may contain a signature, which is secret.
    pub url: Url,
    /// The `Authorization` header for that URL, if it is on the endpoint's own origin.
    pub authorization: Option<HeaderValue>,
    /// The size on record (`X-Linked-Size`), or that of a file that the hub serves itself.
    pub size: Option<u64>,
    /// The SHA-256 on record (`X-Linked-Etag`, if that is one).
    pub sha256: Option<[u8; 32]>,
    /// When the URL's signature expires, if it says so.
    pub expires_at: Option<SystemTime>,
}

impl std::fmt::Debug for ResolvedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResolvedFile")
            .field("url", &SafeUrl::of(&self.url))
            .field("size", &self.size)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl HubClient {
    /// Asks the hub for the location of a commit's file: one attempt, one `HEAD` request to
    /// `/resolve/`. If the endpoint does not support `HEAD`, the first byte is requested instead, then
    /// and from then on.
    ///
    /// Redirects on the hub's own origin (a rename, its cache) are followed; the first location on
    /// another origin is the result, and is not contacted.
    ///
    /// If an endpoint has served a file itself, it is not asked about others: they are assumed to be at
    /// their own `/resolve/` address, and their size is then unknown. A second call for such a file
    /// does ask.
    ///
    /// # Errors
    ///
    /// The hub's refusals, [`Error::NotAHub`] for a web page, and [`Error::Net`].
    #[tracing::instrument(name = "locate", level = "debug", skip_all, fields(%model, %commit, file = %path))]
    pub async fn locate_file(
        &self,
        model: &ModelId,
        commit: &CommitId,
        path: &RepoPath,
    ) -> Result<ResolvedFile, Error> {
        let present = self.renamed(model);
        let url = self.endpoint().resolve_url(present.as_ref().unwrap_or(model), commit, path);
        if self.needs_no_question(path) {
            return Ok(self.resolved(url, None, &HeaderMap::new()));
        }
        let answer = self.found(model, commit, path).await?;
        let size = size(&answer);
        if let Some(url) = answer.elsewhere() {
            return Ok(self.resolved(url.clone(), size, answer.headers()));
        }
        if *answer.url() == url {
            self.hands_out_files();
        }
        Ok(self.resolved(answer.url().clone(), size, answer.headers()))
    }

    /// The hub's record of a file: a digest in hexadecimal digits (64 for the SHA-256 of an LFS file,
    /// 40 for the git blob of a plain file), and its size.
    pub(crate) async fn digest_of_file(
        &self,
        model: &ModelId,
        commit: &CommitId,
        path: &RepoPath,
    ) -> Result<(Option<String>, Option<u64>), Error> {
        let answer = self.found(model, commit, path).await?;
        let own = || answer.elsewhere().is_none().then(|| etag(answer.headers(), "etag")).flatten();
        let digest = etag(answer.headers(), "x-linked-etag").or_else(own).map(str::to_owned);
        Ok((digest, size(&answer)))
    }

    /// The response of a hub that has the file.
    async fn found(&self, model: &ModelId, commit: &CommitId, path: &RepoPath) -> Result<Answer, Error> {
        let present = self.renamed(model);
        let url = self.endpoint().resolve_url(present.as_ref().unwrap_or(model), commit, path);
        let answer = self.ask_where(&url).await?;
        let is_a_hub_s = |name: &&str| answer.headers().contains_key(*name);
        if ["x-error-code", "x-linked-size", "x-repo-commit"].iter().any(is_a_hub_s) {
            self.serves_resolve();
        }
        if answer.elsewhere().is_some() {
            return Ok(answer);
        }
        if !is_found(&answer) {
            let revision = commit.to_string();
            return Err(self.asked(model, Some(path), &revision).refused(answer).await);
        }
        if is_web_page(&answer) {
            return Err(Error::not_a_hub(answer, "the location of a file").await);
        }
        Ok(answer)
    }

    async fn ask_where(&self, url: &Url) -> Result<Answer, Error> {
        let request = |method, headers| Request {
            method,
            headers,
            redirects: Redirects::WithinOrigin,
            ..Request::get(url.clone(), "ask for the location of", Hop::Hub)
        };
        if self.takes_head() {
            let answer = self.send(request(Method::HEAD, HeaderMap::new())).await?;
            if !may_be_for_head_alone(&answer) {
                return Ok(answer);
            }
        }
        let first_byte = headers([(header::RANGE, "bytes=0-0")]);
        let answer = self.send(request(Method::GET, first_byte)).await?;
        if answer.elsewhere().is_some() || is_found(&answer) && !is_web_page(&answer) {
            self.takes_no_head();
        }
        Ok(answer)
    }

    fn resolved(&self, url: Url, size: Option<u64>, headers: &HeaderMap) -> ResolvedFile {
        ResolvedFile {
            authorization: self.authorization_for(&url),
            size,
            sha256: linked_sha256(headers),
            expires_at: signature_expiry(&url, SystemTime::now()),
            url,
        }
    }
}

/// The hub's response for a file names the commit; a web page without it comes from somewhere else.
fn is_web_page(answer: &Answer) -> bool {
    answer.media_type().eq_ignore_ascii_case("text/html") && !answer.headers().contains_key("x-repo-commit")
}

/// Whether a `GET` might give a different result. A hub that understood the request gives its refusals
/// a code or a message; some servers label an empty body as a web page.
fn may_be_for_head_alone(answer: &Answer) -> bool {
    let is_refused = matches!(answer.status().as_u16(), 403 | 404 | 405 | 501);
    let is_explained =
        ["x-error-code", "x-error-message"].iter().any(|name| answer.headers().contains_key(*name));
    is_refused && !is_explained || answer.status().is_success() && is_web_page(answer)
}

/// An empty file exists, but has no first byte.
fn is_found(answer: &Answer) -> bool {
    let has_no_such_range = answer.status() == StatusCode::RANGE_NOT_SATISFIABLE;
    answer.status().is_success() || has_no_such_range && whole_size(answer) == Some(0)
}

/// The size of the file that a response is about.
fn size(answer: &Answer) -> Option<u64> {
    let is_here = answer.elsewhere().is_none();
    linked_size(answer.headers()).or_else(|| is_here.then(|| whole_size(answer)).flatten())
}

/// The size of the file in a response with the file or its first byte.
fn whole_size(answer: &Answer) -> Option<u64> {
    if answer.status() == StatusCode::OK {
        return own_size(answer.headers());
    }
    header_text(answer.headers(), header::CONTENT_RANGE)?.rsplit_once('/')?.1.trim().parse().ok()
}

#[cfg(feature = "fuzzing")]
pub(crate) fn read(url: &Url, headers: &HeaderMap) {
    let _ = (linked_size(headers), own_size(headers), linked_sha256(headers));
    let _ = signature_expiry(url, SystemTime::UNIX_EPOCH);
}

/// `X-Linked-Size`. A redirect's `Content-Length` is that of its own text, so it is not used.
fn linked_size(headers: &HeaderMap) -> Option<u64> {
    header_text(headers, "x-linked-size")?.parse().ok()
}

/// `Content-Length` of a response that is the uncompressed file itself. Some servers send zero for
/// every `HEAD`.
fn own_size(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    header_text(headers, header::CONTENT_LENGTH)?.parse().ok().filter(|size| *size > 0)
}

/// `X-Linked-Etag`, which for LFS files is the SHA-256: usually quoted, but weak or bare on some
/// mirrors.
fn linked_sha256(headers: &HeaderMap) -> Option<[u8; 32]> {
    from_hex(etag(headers, "x-linked-etag")?)
}

fn etag<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(header_text(headers, name)?.trim_start_matches("W/").trim_matches('"'))
}

/// When a signed URL expires, by either of the two conventions that data hosts use.
pub(crate) fn signature_expiry(url: &Url, now: SystemTime) -> Option<SystemTime> {
    let seconds = |wanted: &str| {
        url.query_pairs().find(|(name, _)| name == wanted).and_then(|(_, value)| value.parse().ok())
    };
    let absolute = |epoch| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(epoch));
    // `X-Amz-Expires` counts from the signing, which was just now.
    let relative = |lifetime| now.checked_add(Duration::from_secs(lifetime));
    seconds("Expires").and_then(absolute).or_else(|| seconds("X-Amz-Expires").and_then(relative))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn the_etag_is_read_in_every_spelling() {
        const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let expected = from_hex(OID);
        assert!(expected.is_some());
        for etag in [
            "\"4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\"",
            "W/\"4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\"",
            OID,
        ] {
            assert_eq!(linked_sha256(&map(&[("x-linked-etag", etag)])), expected, "{etag}");
        }
        // For plain files it is the blob's SHA-1.
        let sha1 = "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"";
        assert_eq!(linked_sha256(&map(&[("x-linked-etag", sha1)])), None);
        assert_eq!(linked_sha256(&map(&[])), None);
    }

    #[test]
    fn the_size_of_a_compressed_file_is_not_the_files() {
        let length = ("content-length", "7");
        assert_eq!(own_size(&map(&[length])), Some(7));
        assert_eq!(own_size(&map(&[length, ("content-encoding", "gzip")])), None);
        assert_eq!(own_size(&map(&[("content-length", "0")])), None);
    }

    #[test]
    fn the_end_of_a_signature_is_found() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        for (query, expected) in [
            ("Expires=5000&Signature=x", at(5000)),
            ("X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600", at(4600)),
            ("Expires=soon", None),
            ("", None),
        ] {
            let url = Url::parse(&format!("https://cdn.example/x?{query}")).unwrap();
            assert_eq!(signature_expiry(&url, now), expected, "{query}");
        }
    }

    #[test]
    fn debug_output_hides_the_signature() {
        let file = ResolvedFile {
            url: Url::parse("https://cdn.example/x?Signature=secret").unwrap(),
            authorization: None,
            size: None,
            sha256: None,
            expires_at: None,
        };
        assert!(!format!("{file:?}").contains("secret"));
    }
}
