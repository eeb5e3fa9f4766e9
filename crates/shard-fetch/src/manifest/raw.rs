//! A manifest as read: every field is optional and of any type.

use serde::de::{MapAccess, SeqAccess};

use crate::json::{AtMost, FromMap, FromSeq, Loose, Shape, Skipped};

/// The limit on files in a commit, hence on shards. Real models have a few hundred.
pub(super) const MAX_RECORDS: usize = 100_000;

pub(super) type RawManifest = Shape<RawTop, TopList>;
pub(super) type Records = Shape<Skipped, AtMost<MAX_RECORDS, RawRecord>>;
pub(super) type RawRecord = Shape<RawFields, Skipped>;

/// The manifest's outermost object.
#[derive(Debug, Default)]
pub(super) struct RawTop {
    pub(super) records: Option<Records>,
}

/// A list where the outermost object should be.
#[derive(Debug)]
pub(super) struct TopList {
    pub(super) starts_with_object: bool,
}

/// One record, with the fields that matter here.
#[derive(Debug, Default)]
pub(super) struct RawFields {
    pub(super) data_path: Option<Loose>,
    pub(super) nbytes: Option<Loose>,
    pub(super) md5sum: Option<Loose>,
}

impl FromMap for RawTop {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut top = Self::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "records" => top.records = Some(map.next_value()?),
                _ => drop(map.next_value::<Loose>()?),
            }
        }
        Ok(top)
    }
}

impl FromMap for RawFields {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut fields = Self::default();
        while let Some(key) = map.next_key::<String>()? {
            let value = Some(map.next_value()?);
            match key.as_str() {
                "dataPath" => fields.data_path = value,
                "nbytes" => fields.nbytes = value,
                "md5sum" => fields.md5sum = value,
                _ => {}
            }
        }
        Ok(fields)
    }
}

impl FromSeq for TopList {
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let first = seq.next_element::<Loose>()?;
        Skipped::from_seq(seq)?;
        Ok(Self { starts_with_object: matches!(first, Some(Shape::Object(_))) })
    }
}
