//! Lists a store on a web server by WebDAV.

use net::{Client, Request, SafeUrl};
use url_parse::Url;

use super::multistatus::members;
use crate::Error;
use crate::backend::{Listed, MAX_NAMES, refused};

/// The only properties that are requested.
pub(super) const QUESTION: &[u8] = br#"<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/></prop></propfind>"#;
/// The largest listing of one folder, in bytes; an entry takes a few hundred.
const MAX_LIST: usize = 64 << 20;
/// How deep refs are below their folder.
const DEEPEST: u32 = 3;
/// Each folder takes a request.
const MAX_FOLDERS: usize = 50_000;

/// Lists one folder after another.
pub(super) struct Lister<'a> {
    pub(super) client: &'a Client,
    pub(super) base: &'a Url,
    /// Builds the request for a folder.
    pub(super) request: &'a (dyn Fn(Url) -> Request + Sync),
}

impl Lister<'_> {
    pub(super) async fn list(&self, top: &str) -> Result<Vec<Listed>, Error> {
        let (mut names, mut folders, mut asked) = (Vec::new(), vec![(top.to_owned(), 0)], 0);
        while let Some((folder, depth)) = folders.pop() {
            asked += 1;
            let url = self.folder(&folder);
            let Some(xml) = self.ask(&url).await? else { continue };
            let members = members(&xml, &url);
            for member in members.map_err(|problem| Error::Corrupt { url: SafeUrl::of(&url), problem })? {
                let name = format!("{folder}/{}", member.name);
                if !member.is_folder {
                    names.push(Listed { name, size: member.size });
                } else if depth < DEEPEST {
                    folders.push((name, depth + 1));
                }
            }
            if names.len() > MAX_NAMES || asked + folders.len() > MAX_FOLDERS {
                return Err(Error::TooMany { url: SafeUrl::of(self.base), limit: MAX_NAMES });
            }
        }
        Ok(names)
    }

    /// The URL of a folder in the store, ending in a slash; for an empty name, of the store itself.
    fn folder(&self, name: &str) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}/{name}", self.base.path().trim_end_matches('/'));
        url.set_path(&format!("{}/", path.trim_end_matches('/')));
        url
    }

    /// The listing of a folder; `None` if there is no such folder. A server without WebDAV may answer
    /// 404 too.
    async fn ask(&self, url: &Url) -> Result<Option<bytes::Bytes>, Error> {
        let answer = self.client.send((self.request)(url.clone()), &()).await?;
        let shown = SafeUrl::of(url);
        match answer.status().as_u16() {
            207 => {
                let xml = answer.read(MAX_LIST).await?;
                xml.map(Some).ok_or(Error::TooLarge { url: shown, limit: MAX_LIST as u64 })
            }
            404 => {
                let store = self.client.send((self.request)(self.folder("")), &()).await?;
                if store.status() == 207 { Ok(None) } else { Err(self.not_listable(404)) }
            }
            status if is_of_a_plain_server(status) => Err(self.not_listable(status)),
            _ => Err(refused(answer, "list", &shown).await),
        }
    }

    fn not_listable(&self, status: u16) -> Error {
        Error::NotListable { url: SafeUrl::of(self.base), status }
    }
}

/// A server without WebDAV may ignore the method and answer 200. One that knows the method but wants a
/// login or has a failure answers differently.
fn is_of_a_plain_server(status: u16) -> bool {
    matches!(status, 200..=299 | 400 | 405 | 501)
}
