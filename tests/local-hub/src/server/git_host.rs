//! The responses of a git host that is not a model hub: its refusals have no codes, and it accepts a
//! token as a password.

use axum::response::Response;

use super::answer::{answer, set};
use super::refusal::{self, Refusal};
use super::{Shared, lfs_batch};

/// Admits a request for `model`, or returns the refusal.
pub(super) fn admit(shared: &Shared, model: &str, authorization: Option<&str>) -> Result<(), Refusal> {
    let is_bearer = |header: &str| header.to_ascii_lowercase().starts_with("bearer ");
    if authorization.is_some_and(is_bearer) {
        return Err(Refusal::WhoAreYou);
    }
    refusal::admit(shared, model, authorization)
}

pub(super) fn refused(refusal: &Refusal, is_lfs: bool) -> Response {
    let status = refusal.status();
    let mut response = if is_lfs {
        lfs_batch::refused(status, "Credentials needed")
    } else {
        answer(status, &[("content-type", "text/plain")], "Access denied\n")
    };
    if status == 401 {
        let challenge = if is_lfs { "lfs-authenticate" } else { "www-authenticate" };
        set(response.headers_mut(), challenge, "Basic realm=\"git host\"");
    }
    response
}

pub(super) fn not_found() -> Response {
    let page =
        "<!doctype html><html><title>404 Not Found</title><body>The page could not be found.</body></html>";
    answer(404, &[("content-type", "text/html; charset=utf-8")], page)
}
