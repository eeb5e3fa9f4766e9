//! The JSON files of a store, format 1. Readers ignore unknown fields and refuse a later format, naming
//! it. No clock, no I/O.

use std::time::{Duration, SystemTime};

use net::SafeUrl;
use serde::{Deserialize, Serialize};
use url_parse::CommitId;

use crate::error::Error;
use crate::key::{FORMAT, RefName};

/// A store's JSON files have a few hundred bytes.
pub(crate) const MAX_JSON: usize = 64 << 10;

/// A ref whose time is further ahead of the store's own is not believed; otherwise one dated 9999 would
/// stay forever.
const MAX_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// A store's description of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoreInfo {
    /// The format of its layout.
    pub format: u64,
    /// Whether it keeps two writers from overwriting each other, as tested when it was set up.
    #[serde(default)]
    pub conditional_put: bool,
}

/// The commit that a revision stands for, according to the writer of this record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefRecord {
    /// The commit.
    pub commit: CommitId,
    /// When the hub said so, by the hub's clock, in whole seconds.
    pub seen_at: SystemTime,
    /// The number of files in the model.
    pub files: u64,
    /// Their total size in bytes.
    pub bytes: u64,
    /// The program that wrote it, as in `mlc-weights/0.1.0`.
    pub by: String,
}

#[derive(Serialize, Deserialize)]
struct RefWire {
    format: u64,
    model: String,
    revision: String,
    commit: String,
    seen_at: u64,
    files: u64,
    bytes: u64,
    #[serde(default)]
    by: String,
}

#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}

impl StoreInfo {
    pub(crate) const fn new(conditional_put: bool) -> Self {
        Self { format: FORMAT, conditional_put }
    }

    pub(crate) fn to_json(self) -> Vec<u8> {
        // Numbers and booleans always serialize.
        serde_json::to_vec(&self).unwrap_or_default()
    }

    pub(crate) fn parse(json: &[u8], url: &SafeUrl) -> Result<Self, Error> {
        check_format(json, url)?;
        serde_json::from_slice(json)
            .map_err(|_| Error::Corrupt { url: url.clone(), problem: "it does not describe a store" })
    }
}

impl RefRecord {
    pub(crate) fn to_json(&self, name: &RefName<'_>) -> Vec<u8> {
        let wire = RefWire {
            format: FORMAT,
            model: name.model.to_string(),
            revision: name.revision().to_owned(),
            commit: self.commit.to_string(),
            seen_at: self.seen_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
            files: self.files,
            bytes: self.bytes,
            by: self.by.clone(),
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Whether its time is plausible by the store's clock.
    pub(crate) fn has_come(&self, now: SystemTime) -> bool {
        now.checked_add(MAX_AHEAD).is_none_or(|latest| self.seen_at <= latest)
    }

    /// Parses the record of `name`; it must be about that name.
    pub(crate) fn parse(json: &[u8], name: &RefName<'_>, url: &SafeUrl) -> Result<Self, Error> {
        check_format(json, url)?;
        let corrupt = |problem| Error::Corrupt { url: url.clone(), problem };
        let wire: RefWire =
            serde_json::from_slice(json).map_err(|_| corrupt("it is not a name for a commit"))?;
        let is_of_name = wire.model == name.model.to_string() && wire.revision == name.revision();
        if !is_of_name {
            return Err(corrupt("it belongs to another name"));
        }
        let commit = wire.commit.parse().map_err(|_| corrupt("it does not name a commit"))?;
        let seen_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(wire.seen_at));
        let seen_at = seen_at.ok_or_else(|| corrupt("its time is invalid"))?;
        Ok(Self { commit, seen_at, files: wire.files, bytes: wire.bytes, by: wire.by })
    }
}

fn check_format(json: &[u8], url: &SafeUrl) -> Result<(), Error> {
    match serde_json::from_slice(json) {
        Ok(AnyFormat { format: FORMAT }) => Ok(()),
        Ok(AnyFormat { format }) if format > FORMAT => Err(Error::LaterFormat { url: url.clone(), format }),
        _ => Err(Error::Corrupt { url: url.clone(), problem: "it does not say its format" }),
    }
}

#[cfg(test)]
mod tests {
    use url_parse::{Endpoint, ModelId};

    use super::*;

    fn url() -> SafeUrl {
        SafeUrl::of(&"s3://bucket/x".parse().unwrap())
    }

    fn parse(json: &str) -> Result<RefRecord, String> {
        let (hub, model) = (Endpoint::default(), ModelId::new("user", "Repo").unwrap());
        let name = RefName { hub: &hub, model: &model, revision: None };
        RefRecord::parse(json.as_bytes(), &name, &url()).map_err(|error| error.to_string())
    }

    fn json(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut json = serde_json::json!({
            "format": 1, "model": "user/Repo", "revision": "HEAD", "commit": "1".repeat(40),
            "seen_at": 1_700_000_000, "files": 3, "bytes": 4, "by": "mlc-weights/1",
        });
        change(&mut json);
        json.to_string()
    }

    #[test]
    fn a_ref_is_read_back_and_unknown_fields_are_ignored() {
        let record = RefRecord {
            commit: CommitId::from_bytes([0x11; 20]),
            seen_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            files: 3,
            bytes: 4,
            by: "mlc-weights/1".to_owned(),
        };
        assert_eq!(parse(&json(|_| {})), Ok(record.clone()));
        assert_eq!(parse(&json(|json| json["new"] = "x".into())), Ok(record.clone()));
        let (hub, model) = (Endpoint::default(), ModelId::new("user", "Repo").unwrap());
        let written = record.to_json(&RefName { hub: &hub, model: &model, revision: None });
        assert_eq!(parse(&String::from_utf8(written).unwrap()), Ok(record));
    }

    #[test]
    fn problems_of_a_ref_are_named() {
        for (json, words) in [
            (String::new(), "it does not say its format"),
            (json(|json| json["format"] = "1".into()), "it does not say its format"),
            (json(|json| json["format"] = 0.into()), "it does not say its format"),
            (json(|json| json["format"] = 2.into()), "has format 2"),
            (r#"{"format":7,"else":[]}"#.to_owned(), "has format 7"),
            (json(|json| json["model"] = "user/repo".into()), "it belongs to another name"),
            (json(|json| json["revision"] = "main".into()), "it belongs to another name"),
            (json(|json| json["commit"] = "main".into()), "it does not name a commit"),
            (json(|json| json["seen_at"] = u64::MAX.into()), "its time is invalid"),
            (json(|json| json["bytes"] = (-1).into()), "it is not a name for a commit"),
        ] {
            let error = parse(&json).unwrap_err();
            assert!(error.contains(words), "{json}: {error}");
        }
    }

    #[test]
    fn the_stores_description_is_read() {
        let parse = |json: &str| StoreInfo::parse(json.as_bytes(), &url());
        assert_eq!(parse(r#"{"format":1,"x":2}"#).unwrap(), StoreInfo::new(false));
        let written = StoreInfo::new(true).to_json();
        assert_eq!(written, br#"{"format":1,"conditional_put":true}"#);
        assert_eq!(parse(str::from_utf8(&written).unwrap()).unwrap(), StoreInfo::new(true));
        assert!(matches!(parse(r#"{"format":2}"#), Err(Error::LaterFormat { format: 2, .. })));
        assert!(matches!(parse(r#"{"format":1,"conditional_put":3}"#), Err(Error::Corrupt { .. })));
    }
}
