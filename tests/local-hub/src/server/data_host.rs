//! The data host: serves the bytes of LFS files for signed URLs.

use axum::response::Response;

use super::Shared;
use super::answer::{answer, bytes_of, disposition};
use super::range::Asked;
use super::signing::BadUrl;
use crate::models::Object;

/// Answers a request for bytes. A signed URL is the only credential, unless configured otherwise: a
/// request with another one is refused, as object stores do, so that a leaked token is noticed.
pub(super) fn serve(
    shared: &Shared,
    objects: &[Object],
    query: &str,
    authorization: Option<&str>,
    asked: Asked,
) -> Response {
    let object = match admit(shared, objects, query, authorization, asked) {
        Ok(object) => object,
        Err(refused) => return refused.answer(),
    };
    bytes_of(
        &object.stored,
        asked,
        &[
            ("content-type", "application/octet-stream"),
            ("content-disposition", &disposition(&object.file)),
            ("etag", &format!("\"{}\"", object.xet_hash)),
            ("access-control-allow-origin", "*"),
            ("x-hf-cdn-pop", "LOOPBACK"),
        ],
    )
}

/// The object that the request may read.
pub(super) fn admit<'a>(
    shared: &Shared,
    objects: &'a [Object],
    query: &str,
    authorization: Option<&str>,
    asked: Asked,
) -> Result<&'a Object, Refused> {
    let refused = |status, code, message| Refused { status, code, message };
    if shared.settings.data_login.is_some() && authorization.is_none() {
        return Err(refused(401, "AccessDenied", "Access Denied"));
    }
    if authorization != shared.settings.data_login.as_deref() {
        return Err(refused(400, "InvalidArgument", "Only one auth mechanism allowed"));
    }
    if objects.is_empty() {
        return Err(refused(404, "NoSuchKey", "The specified key does not exist."));
    }
    let object = shared.signing.check(objects, query).map_err(|bad| match bad {
        BadUrl::Expired => refused(403, "AccessDenied", "Request has expired"),
        BadUrl::Signature => refused(403, "SignatureError", "invalid signature"),
    })?;
    let is_too_large = shared.settings.whole_file_limit.is_some_and(|limit| object.size > limit);
    if is_too_large && asked == Asked::Whole {
        return Err(refused(400, "InvalidRequest", "The object is too large to be sent whole"));
    }
    Ok(object)
}

/// Why a request is refused.
pub(super) struct Refused {
    pub(super) status: u16,
    code: &'static str,
    message: &'static str,
}

impl Refused {
    pub(super) fn body(&self) -> String {
        let Self { code, message, .. } = self;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    }

    fn answer(&self) -> Response {
        answer(self.status, &[("content-type", "application/xml")], self.body())
    }
}
