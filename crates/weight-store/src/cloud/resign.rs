//! Replaces signatures of the library, which always signs with this machine's time, by ones with the
//! store's time. The request itself is not rebuilt. Signatures are AWS Signature Version 4.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use object_store::aws::AwsCredential;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use url_parse::{Url, hex};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE_HEADER: &str = "x-amz-date";
/// Characters of a query that are not encoded.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Signs again a request that is signed in its headers; returns false if it is not.
pub(super) fn resign_headers(
    method: &Method,
    url: &Url,
    headers: &mut HeaderMap,
    credential: &AwsCredential,
    at: SystemTime,
) -> bool {
    resigned(method, url, headers, credential, at).is_some_and(|(date, authorization)| {
        headers.insert(DATE_HEADER, date);
        headers.insert(header::AUTHORIZATION, authorization);
        true
    })
}

fn resigned(
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    credential: &AwsCredential,
    at: SystemTime,
) -> Option<(HeaderValue, HeaderValue)> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let old = text("authorization")?.strip_prefix(ALGORITHM)?;
    let part = |name: &str| old.split(", ").find_map(|part| part.trim().strip_prefix(name));
    let (scope, signed) = (part("Credential=")?, part("SignedHeaders=")?);
    let date = long_date(at)?;
    let mut canonical = String::new();
    for name in signed.split(';') {
        let value = match name {
            "host" => host_of(url),
            DATE_HEADER => date.clone(),
            name => text(name)?.trim().to_owned(),
        };
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let scope = rescoped(scope, &date)?;
    let query = canonical_query(url.query_pairs().into_owned().collect());
    let request = [method.as_str(), url.path(), &query, &canonical, signed, text("x-amz-content-sha256")?];
    let signature = signature(&request.join("\n"), &date, &scope, credential);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
        credential.key_id
    );
    let mut authorization = HeaderValue::try_from(authorization).ok()?;
    authorization.set_sensitive(true);
    Some((HeaderValue::try_from(date).ok()?, authorization))
}

/// Signs again a URL that is signed in its query, together with these headers; `None` if it is not
/// signed.
pub(super) fn resigned_url(
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    credential: &AwsCredential,
    at: SystemTime,
) -> Option<Url> {
    let date = long_date(at)?;
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.retain(|(name, _)| name != "X-Amz-Signature");
    let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let (scope, signed) = (value("X-Amz-Credential")?, value("X-Amz-SignedHeaders")?);
    let scope = rescoped(&scope, &date)?;
    for (name, value) in &mut pairs {
        match name.as_str() {
            "X-Amz-Date" => value.clone_from(&date),
            "X-Amz-Credential" => *value = format!("{}/{scope}", credential.key_id),
            _ => {}
        }
    }
    let mut canonical = String::new();
    for name in signed.split(';') {
        let value =
            if name == "host" { host_of(url) } else { headers.get(name)?.to_str().ok()?.trim().to_owned() };
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let query = canonical_query(pairs);
    let request = [method.as_str(), url.path(), &query, &canonical, &signed, "UNSIGNED-PAYLOAD"];
    let signature = signature(&request.join("\n"), &date, &scope, credential);
    let mut again = url.clone();
    again.set_query(Some(&format!("{query}&X-Amz-Signature={signature}")));
    Some(again)
}

/// The credential scope with another day; everything else stays.
fn rescoped(scope: &str, date: &str) -> Option<String> {
    let mut parts = scope.rsplitn(5, '/');
    let (end, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("{}/{region}/{service}/{end}", date.get(..8)?))
}

fn signature(request: &str, date: &str, scope: &str, credential: &AwsCredential) -> String {
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let mut key = hmac::Key::new(HMAC_SHA256, format!("AWS4{}", credential.secret_key).as_bytes());
    for part in scope.split('/') {
        key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    hex(hmac::sign(&key, to_sign.as_bytes()).as_ref())
}

fn canonical_query(mut pairs: Vec<(String, String)>) -> String {
    pairs.sort_unstable();
    let encode = |text: &str| utf8_percent_encode(text, KEPT).to_string();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// In the form `20130524T000000Z`.
fn long_date(at: SystemTime) -> Option<String> {
    // In the form `Fri, 24 May 2013 00:00:00 GMT`.
    let text = httpdate::fmt_http_date(at);
    let mut parts = text.split(' ').skip(1);
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Some(format!("{year}{month:02}{day}T{}Z", time.replace(':', "")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use object_store::aws::{AmazonS3Builder, AwsAuthorizer};
    use object_store::client::{HttpRequest, HttpRequestBody};
    use object_store::path::Path;
    use object_store::signer::{SignedUrlOptions, Signer as _};

    use super::*;

    fn credential() -> AwsCredential {
        let token = Some("to/ken+=".to_owned());
        AwsCredential { key_id: "AKID".to_owned(), secret_key: "s3cret/key".to_owned(), token }
    }

    /// Parses `20130524T000000Z`.
    fn time_of(date: &str) -> SystemTime {
        let part = |from: usize, to: usize| &date[from..to];
        let month = MONTHS[part(4, 6).parse::<usize>().unwrap() - 1];
        let text = format!(
            "Mon, {} {month} {} {}:{}:{} GMT",
            part(6, 8),
            part(0, 4),
            part(9, 11),
            part(11, 13),
            part(13, 15)
        );
        // The day of the week is not checked, so each is tried.
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
            .iter()
            .find_map(|day| httpdate::parse_http_date(&text.replace("Mon", day)).ok())
            .unwrap()
    }

    /// Signing again at the same time gives the library's own signature; at another time it does not.
    #[test]
    fn headers_are_signed_as_the_library_signs_them() {
        let url = "http://127.0.0.1:9/models/a%20b/%21?list-type=2&prefix=a%2Fb&continuation-token=x%3D&x";
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = Method::PUT;
        *request.uri_mut() = url.parse().unwrap();
        request.headers_mut().insert("x-amz-checksum-sha256", HeaderValue::from_static("abc="));
        let credential = credential();
        AwsAuthorizer::new(&credential, "s3", "eu-west-3").try_authorize(&mut request, None).unwrap();
        let (url, signed) = (url.parse::<Url>().unwrap(), request.headers().clone());
        let at = time_of(signed[DATE_HEADER].to_str().unwrap());
        let mut again = signed.clone();
        assert!(resign_headers(&Method::PUT, &url, &mut again, &credential, at));
        assert_eq!(again, signed);
        assert!(resign_headers(&Method::PUT, &url, &mut again, &credential, at + Duration::from_secs(7200)));
        assert_ne!(again[header::AUTHORIZATION], signed[header::AUTHORIZATION]);
        assert_ne!(again[DATE_HEADER], signed[DATE_HEADER]);
        assert!(resign_headers(&Method::PUT, &url, &mut again, &credential, at));
        assert_eq!(again, signed, "there and back");
        let mut unsigned = HeaderMap::new();
        assert!(!resign_headers(&Method::PUT, &url, &mut unsigned, &credential, at));
    }

    #[tokio::test]
    async fn urls_are_signed_as_the_library_signs_them() {
        let provider = object_store::StaticCredentialProvider::new(credential());
        let s3 = AmazonS3Builder::new()
            .with_bucket_name("bucket")
            .with_region("eu-west-3")
            .with_credentials(Arc::new(provider))
            .with_http_connector(crate::cloud::connector::Connector::new(
                net::Client::new(net::NetSettings::default()).unwrap(),
                net::SafeUrl::of(&"s3://bucket".parse().unwrap()),
            ))
            .build()
            .unwrap();
        let (name, value) =
            (header::HeaderName::from_static("x-amz-checksum-mode"), HeaderValue::from_static("ENABLED"));
        let options = SignedUrlOptions::new().with_signed_header(name.clone(), value.clone());
        let path = Path::parse("a/b!c").unwrap();
        let url = s3.signed_url_opts(Method::HEAD, &path, Duration::from_secs(60), &options).await.unwrap();
        let pair = |url: &Url, name: &str| {
            url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap()
        };
        let at = time_of(&pair(&url, "X-Amz-Date"));
        let headers = HeaderMap::from_iter([(name, value)]);
        let again = resigned_url(&Method::HEAD, &url, &headers, &credential(), at).unwrap();
        assert_eq!(pair(&again, "X-Amz-Signature"), pair(&url, "X-Amz-Signature"));
        assert_eq!(again.query_pairs().count(), url.query_pairs().count());
        let later = at + Duration::from_secs(7200);
        let later = resigned_url(&Method::HEAD, &url, &headers, &credential(), later).unwrap();
        assert_ne!(pair(&later, "X-Amz-Signature"), pair(&url, "X-Amz-Signature"));
        let back = resigned_url(&Method::HEAD, &later, &headers, &credential(), at);
        assert_eq!(back, Some(again), "there and back");
        assert_eq!(
            resigned_url(&Method::HEAD, &"http://h/x".parse().unwrap(), &headers, &credential(), at),
            None
        );
    }

    #[test]
    fn signing_times_are_written_and_read() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        assert_eq!(long_date(at).unwrap(), "20130524T000000Z");
        assert_eq!(time_of("20130524T000000Z"), at);
    }
}
