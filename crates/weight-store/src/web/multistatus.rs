//! Parses a WebDAV server's listing of a folder. No clock, no I/O.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::events::Event;
use url_parse::Url;

/// No element of a valid listing is nested deeper.
const DEEPEST: usize = 16;

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name in the folder.
    pub(crate) name: String,
    pub(crate) is_folder: bool,
    /// Its size in bytes; 0 if the server does not tell.
    pub(crate) size: u64,
}

/// An element whose text is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Href,
    Length,
    Other,
}

#[derive(Default)]
struct Response {
    href: String,
    length: String,
    is_folder: bool,
}

/// The members of a folder, whose URL ends in a slash, from the body of a 207 response. Entries outside
/// the folder are ignored.
pub(crate) fn members(xml: &[u8], folder: &Url) -> Result<Vec<Member>, &'static str> {
    const NOT_XML: &str = "its list is not valid WebDAV XML";
    let mut reader = Reader::from_reader(xml);
    let (mut members, mut open, mut response) = (Vec::new(), Vec::new(), Response::default());
    loop {
        match reader.read_event().map_err(|_| NOT_XML)? {
            Event::Start(start) => {
                let name = start.local_name();
                open.push(match name.as_ref() {
                    b"href" => Field::Href,
                    b"getcontentlength" => Field::Length,
                    _ => Field::Other,
                });
                match name.as_ref() {
                    b"response" => response = Response::default(),
                    b"collection" => response.is_folder = true,
                    _ => {}
                }
                if open.len() > DEEPEST {
                    return Err("its list is nested too deeply");
                }
            }
            Event::Empty(empty) if empty.local_name().as_ref() == b"collection" => response.is_folder = true,
            Event::Text(text) => {
                let text = text.decode().map_err(|_| NOT_XML)?;
                response.take(open.last(), &text);
            }
            Event::GeneralRef(reference) => {
                // No name in a store contains a character that needs to be written so.
                response.take(open.last(), &format!("&{};", reference.decode().map_err(|_| NOT_XML)?));
            }
            Event::End(end) => {
                open.pop();
                if end.local_name().as_ref() == b"response" {
                    members.extend(std::mem::take(&mut response).member(folder));
                }
            }
            Event::DocType(_) => return Err(NOT_XML),
            Event::Eof if open.is_empty() => return Ok(members),
            Event::Eof => return Err("its list is cut off"),
            _ => {}
        }
    }
}

impl Response {
    fn take(&mut self, field: Option<&Field>, text: &str) {
        match field {
            Some(Field::Href) => self.href.push_str(text.trim()),
            Some(Field::Length) => self.length.push_str(text.trim()),
            _ => {}
        }
    }

    fn member(self, folder: &Url) -> Option<Member> {
        // A proxy may have changed the host.
        let there = folder.join(&self.href).ok()?;
        let decode = |path: &str| percent_decode_str(path).decode_utf8().ok().map(Cow::into_owned);
        let path = decode(there.path())?;
        let name = path.strip_prefix(&decode(folder.path())?)?;
        let name = name.strip_suffix('/').unwrap_or(name);
        let is_one = !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != "..";
        is_one.then(|| Member {
            name: name.to_owned(),
            is_folder: self.is_folder,
            size: self.length.parse().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Result<Vec<Member>, &'static str> {
        members(xml.as_bytes(), &"http://host:8/a%20b/packs/".parse().unwrap())
    }

    fn member(name: &str, is_folder: bool, size: u64) -> Member {
        Member { name: name.to_owned(), is_folder, size }
    }

    #[test]
    fn listings_of_apache_and_nginx_are_read() {
        // As Apache and nginx write it: absolute or relative, with different encodings and namespace
        // prefixes.
        let xml = r#"<?xml version="1.0" encoding="utf-8"?>
            <D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
            <D:response xmlns:lp1="DAV:"><D:href>/a%20b/packs/</D:href><D:propstat><D:prop>
              <lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop></D:propstat></D:response>
            <D:response><D:href>/a%20b/packs/%21a.pack</D:href><D:propstat><D:prop><lp1:resourcetype/>
              <lp1:getcontentlength>12</lp1:getcontentlength></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
            </D:response>
            <response><href>http://other:9/a b/packs/b</href><resourcetype><collection></collection></resourcetype></response>
            </D:multistatus>"#;
        assert_eq!(read(xml), Ok(vec![member("!a.pack", false, 12), member("b", true, 0)]));
        assert_eq!(read("<multistatus/>"), Ok(Vec::new()));
    }

    #[test]
    fn files_elsewhere_are_ignored() {
        for href in [
            "/a%20b/packs/../x",
            "/a%20b/packs/x/y",
            "/a%20b/packs/%2e%2e",
            "/x",
            "",
            "/a%20b/packs/x%2fy",
            "//",
        ] {
            let xml = format!("<multistatus><response><href>{href}</href></response></multistatus>");
            assert_eq!(read(&xml), Ok(Vec::new()), "{href}");
        }
    }

    #[test]
    fn malformed_listings_are_refused() {
        let deep = "<a>".repeat(DEEPEST + 1);
        for (xml, words) in [
            ("<multistatus>", "cut off"),
            ("<multistatus></response>", "not valid WebDAV XML"),
            ("<!DOCTYPE x [<!ENTITY a \"b\">]><multistatus/>", "not valid WebDAV XML"),
            (&deep, "too deeply"),
        ] {
            assert!(read(xml).unwrap_err().contains(words), "{xml}: {:?}", read(xml));
        }
    }
}
