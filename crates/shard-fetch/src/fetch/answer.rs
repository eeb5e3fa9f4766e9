//! Interprets a host's response by its status and headers alone.

use net::header_text;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap};
use url_parse::RepoPath;

use crate::{ActualSize, Mismatch};

/// A request for the bytes from `from` to before `until` of a file of `size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) size: u64,
}

impl Wanted {
    /// The value of the `Range` header. It is open-ended at the end of the file, so that a different
    /// file size is noticed.
    pub(super) fn range(self) -> String {
        if self.until < self.size {
            format!("bytes={}-{}", self.from, self.until - 1)
        } else {
            format!("bytes={}-", self.from)
        }
    }
}

/// The meaning of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The body contains the file's bytes from `from` to before `until`.
    Bytes { from: u64, until: u64 },
    /// This location is not valid, or no longer valid.
    Refused,
    /// A web page was sent instead of the file.
    WebPage,
    /// The file is refused, whatever the location.
    Denied,
    /// The host has a temporary failure.
    Trouble,
    /// The response contradicts itself or the request.
    Malformed(&'static str),
    /// The host's file has a different size.
    Mismatch(Mismatch),
}

pub(super) fn judge(status: StatusCode, headers: &HeaderMap, wanted: Wanted) -> Verdict {
    match status.as_u16() {
        // Some servers send a range with the status of a whole file.
        200 if names_a_part(headers, wanted) => judge_range(headers, wanted),
        200 => judge_whole(headers, wanted),
        206 if !headers.contains_key(CONTENT_RANGE) => judge_unnamed_range(headers, wanted),
        206 => judge_range(headers, wanted),
        400 | 401 | 403 | 404 | 410 => Verdict::Refused,
        416 => judge_unsatisfied(headers, wanted),
        transient if net::is_transient_status(transient) => Verdict::Trouble,
        _ => Verdict::Denied,
    }
}

/// A 200 contains the whole file, whatever was requested. (If it names a range, it contains that range:
/// some S3-compatible servers answer so.)
fn judge_whole(headers: &HeaderMap, wanted: Wanted) -> Verdict {
    match header_text(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok()) {
        Some(length) if length != wanted.size => wrong_size(wanted, ActualSize::Exactly(length)),
        _ => Verdict::Bytes { from: 0, until: wanted.size },
    }
}

/// Whether a range other than the whole file is named.
fn names_a_part(headers: &HeaderMap, wanted: Wanted) -> bool {
    let range = header_text(headers, CONTENT_RANGE).and_then(ContentRange::parse);
    range.is_some_and(|ContentRange { bytes, total }| {
        total.is_some_and(|total| total != wanted.size) || bytes != Some((0, wanted.size.saturating_sub(1)))
    })
}

/// A host may send fewer bytes than requested, but must start at the requested byte.
fn judge_range(headers: &HeaderMap, wanted: Wanted) -> Verdict {
    match header_text(headers, CONTENT_RANGE).and_then(ContentRange::parse) {
        Some(ContentRange { total: Some(total), .. }) if total != wanted.size => {
            wrong_size(wanted, ActualSize::Exactly(total))
        }
        Some(ContentRange { bytes: Some((first, last)), .. })
            if first == wanted.from && first <= last && last < wanted.until =>
        {
            Verdict::Bytes { from: first, until: last + 1 }
        }
        Some(_) => Verdict::Malformed("it contains another range than requested"),
        None => Verdict::Malformed("it does not say which range it contains"),
    }
}

/// The length shows whether it is the requested range or the whole file. The digest confirms it.
fn judge_unnamed_range(headers: &HeaderMap, wanted: Wanted) -> Verdict {
    match header_text(headers, CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length == wanted.until - wanted.from => {
            Verdict::Bytes { from: wanted.from, until: wanted.until }
        }
        Some(length) if length == wanted.size => Verdict::Bytes { from: 0, until: wanted.size },
        _ => Verdict::Malformed("it does not say which range it contains"),
    }
}

/// A 416: the file ends where, given its size, there should be more.
fn judge_unsatisfied(headers: &HeaderMap, wanted: Wanted) -> Verdict {
    match header_text(headers, CONTENT_RANGE).and_then(ContentRange::parse).and_then(|range| range.total) {
        Some(total) if total == wanted.size => {
            Verdict::Malformed("it says that the file has no such range, though it has the right size")
        }
        Some(total) => wrong_size(wanted, ActualSize::Exactly(total)),
        None => wrong_size(wanted, ActualSize::EndsBefore(wanted.from + 1)),
    }
}

fn wrong_size(wanted: Wanted, actual: ActualSize) -> Verdict {
    Verdict::Mismatch(Mismatch::Size { expected: wanted.size, actual })
}

/// Whether the response contains a web page instead of this file, such as a login page of a proxy.
pub(super) fn is_web_page(status: StatusCode, headers: &HeaderMap, file: &RepoPath) -> bool {
    let content_type = header_text(headers, CONTENT_TYPE).unwrap_or_default();
    let essence = net::media_type(content_type);
    let is_page = |pages: [&str; 2]| pages.iter().any(|page| essence.eq_ignore_ascii_case(page));
    status.is_success() && is_page(["text/html", "application/xhtml+xml"]) && !is_named_as_page(file)
}

fn is_named_as_page(file: &RepoPath) -> bool {
    let name = file.as_str().to_ascii_lowercase();
    [".html", ".htm", ".xhtml"].iter().any(|ending| name.ends_with(ending))
}

/// `bytes 0-9/100`, `bytes 0-9/*` or `bytes */100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContentRange {
    /// The first and the last byte.
    bytes: Option<(u64, u64)>,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.split_once(' ')?;
        let (range, total) = rest.trim().split_once('/')?;
        let bytes = match range {
            "*" => None,
            range => Some(range.split_once('-').and_then(|(a, b)| Some((number(a)?, number(b)?)))?),
        };
        let total = if total == "*" { None } else { Some(number(total)?) };
        (unit.eq_ignore_ascii_case("bytes")).then_some(Self { bytes, total })
    }
}

/// Digits only; `parse` would also allow a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    const WANTED: Wanted = Wanted { from: 40, until: 100, size: 100 };

    #[track_caller]
    fn check(status: u16, headers: &[(&'static str, &str)], expected: Verdict) {
        check_wanted(WANTED, status, headers, expected);
    }

    #[track_caller]
    fn check_wanted(wanted: Wanted, status: u16, headers: &[(&'static str, &str)], expected: Verdict) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        assert_eq!(judge(StatusCode::from_u16(status).unwrap(), &headers, wanted), expected);
    }

    fn size(actual: ActualSize) -> Verdict {
        Verdict::Mismatch(Mismatch::Size { expected: 100, actual })
    }

    #[test]
    fn each_status_has_its_verdict() {
        for (statuses, expected) in [
            (&[400, 401, 403, 404, 410][..], Verdict::Refused),
            (&[408, 429, 500, 502, 503, 504], Verdict::Trouble),
            (&[204, 304, 402, 405, 451, 501, 505], Verdict::Denied),
        ] {
            for status in statuses {
                check(*status, &[], expected);
            }
        }
    }

    #[track_caller]
    fn check_web_page(status: u16, content_type: &str, file: &str, expected: bool) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(is_web_page(status, &headers, &file.parse().unwrap()), expected, "{content_type}, {file}");
    }

    #[test]
    fn a_web_page_is_recognized_by_its_content_type() {
        check_web_page(200, "text/html", "a.bin", true);
        check_web_page(206, "Text/HTML; charset=utf-8", "a.bin", true);
        check_web_page(200, "application/xhtml+xml", "tokenizer.json", true);
        check_web_page(200, "application/octet-stream", "a.bin", false);
        check_web_page(200, "text/plain", "a.bin", false);
        check_web_page(200, "", "a.bin", false);
        check_web_page(200, "text/html", "docs/Page.HTML", false);
        check_web_page(206, "text/html", "a.htm", false);
        check_web_page(200, "text/html", "a.xhtml", false);
        // Their status already shows what they are.
        check_web_page(403, "text/html", "a.bin", false);
        check_web_page(302, "text/html", "a.bin", false);
    }

    #[test]
    fn a_200_has_the_whole_file() {
        check(200, &[], Verdict::Bytes { from: 0, until: 100 });
        check(200, &[("content-length", "100")], Verdict::Bytes { from: 0, until: 100 });
        check(200, &[("content-length", "99")], size(ActualSize::Exactly(99)));
    }

    #[test]
    fn a_range_may_come_with_the_status_of_the_whole() {
        check(200, &[("content-range", "bytes 40-99/100")], Verdict::Bytes { from: 40, until: 100 });
        check(200, &[("content-range", "bytes 0-99/101")], size(ActualSize::Exactly(101)));
        for whole in ["bytes 0-99/100", "bytes 0-99/*", "all of it"] {
            check(200, &[("content-range", whole)], Verdict::Bytes { from: 0, until: 100 });
        }
    }

    #[test]
    fn a_206_must_have_the_requested_range() {
        let check = |range: &str, expected| check(206, &[("content-range", range)], expected);
        let other = Verdict::Malformed("it contains another range than requested");
        let unknown = Verdict::Malformed("it does not say which range it contains");
        check("bytes 40-99/100", Verdict::Bytes { from: 40, until: 100 });
        check("Bytes 40-99/*", Verdict::Bytes { from: 40, until: 100 });
        check("bytes  40-59/100", Verdict::Bytes { from: 40, until: 60 });
        check("bytes 40-40/100", Verdict::Bytes { from: 40, until: 41 });
        check("bytes 0-99/100", other);
        check("bytes 41-99/100", other);
        check("bytes 40-100/*", other);
        check("bytes 40-39/100", other);
        check("bytes */100", other);
        check("bytes 40-98/99", size(ActualSize::Exactly(99)));
        check("bytes 40-100/101", size(ActualSize::Exactly(101)));
        for range in [
            "",
            "bytes",
            "bytes 40-99",
            "bytes x-99/100",
            "bytes +40-99/100",
            "items 40-99/100",
            "bytes 40-/100",
        ] {
            check(range, unknown);
        }
        check("bytes 40-99999999999999999999/100", unknown);
    }

    #[test]
    fn ranges_that_end_before_the_file() {
        let wanted = Wanted { until: 60, ..WANTED };
        assert_eq!((wanted.range(), WANTED.range()), ("bytes=40-59".to_owned(), "bytes=40-".to_owned()));
        let check = |range: &str, expected| check_wanted(wanted, 206, &[("content-range", range)], expected);
        check("bytes 40-59/100", Verdict::Bytes { from: 40, until: 60 });
        check("bytes 40-49/100", Verdict::Bytes { from: 40, until: 50 });
        check("bytes 40-60/100", Verdict::Malformed("it contains another range than requested"));
        check("bytes 40-59/60", size(ActualSize::Exactly(60)));
        check_wanted(wanted, 200, &[], Verdict::Bytes { from: 0, until: 100 });
        check_wanted(wanted, 206, &[("content-length", "20")], Verdict::Bytes { from: 40, until: 60 });
    }

    #[test]
    fn a_range_without_content_range_is_told_by_its_length() {
        let unknown = Verdict::Malformed("it does not say which range it contains");
        check(206, &[], unknown);
        check(206, &[("content-length", "60")], Verdict::Bytes { from: 40, until: 100 });
        check(206, &[("content-length", "100")], Verdict::Bytes { from: 0, until: 100 });
        check(206, &[("content-length", "59")], unknown);
    }

    #[test]
    fn a_416_shows_the_size_of_the_file() {
        check(416, &[("content-range", "bytes */7")], size(ActualSize::Exactly(7)));
        check(416, &[], size(ActualSize::EndsBefore(41)));
        check(
            416,
            &[("content-range", "bytes */100")],
            Verdict::Malformed("it says that the file has no such range, though it has the right size"),
        );
    }
}
