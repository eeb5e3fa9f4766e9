//! JSON from untrusted files, read so that each field can be checked individually.
//!
//! `serde`'s derived readers stop at the first wrong type, and know neither the record's index nor the
//! actual value. Here every value is accepted and only its shape is kept; the validating types request
//! what they need. Only the texts of a few fields of bounded lists are buffered, so that memory does
//! not depend on a hostile file's content.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use url_parse::Excerpt;

use crate::Error;
use crate::error::Place;

/// The most of a manifest or chat config that is read: 64 MiB. Real ones have a few hundred kB.
pub const MAX_METADATA_BYTES: u64 = 64 << 20;

/// Any JSON value: an object read as `O`, a list read as `L`, or a scalar.
#[derive(Debug)]
pub(crate) enum Shape<O, L> {
    Object(O),
    List(L),
    Scalar(Scalar),
}

/// A value of which only the type matters, unless it is a scalar.
pub(crate) type Loose = Shape<Skipped, Skipped>;

/// A JSON value that is neither object nor list.
#[derive(Debug)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    /// A number that JSON does not have, described in words.
    Odd(&'static str),
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        net::odd_number(text).map_or_else(|| Self::Text(text.to_owned()), Self::Odd)
    }
}

/// The ignored content of an object or list. It is still walked through, so that excessive nesting is
/// refused there too.
#[derive(Debug)]
pub(crate) struct Skipped;

/// A type built from an object's entries.
pub(crate) trait FromMap: Sized {
    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

/// A type built from a list's elements.
pub(crate) trait FromSeq: Sized {
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Self, A::Error>;
}

impl FromMap for Skipped {
    fn from_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Walked, Walked>()?.is_some() {}
        Ok(Self)
    }
}

impl FromSeq for Skipped {
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Walked>()?.is_some() {}
        Ok(Self)
    }
}

/// A value that is completely ignored. Nothing of it is kept, so that a manifest's many tensors cost
/// little; unlike `serde::de::IgnoredAny`, it refuses excessive nesting.
struct Walked;

impl<'de> Deserialize<'de> for Walked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WalkedVisitor)
    }
}

struct WalkedVisitor;

impl<'de> Visitor<'de> for WalkedVisitor {
    type Value = Walked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_str<E>(self, _: &str) -> Result<Walked, E> {
        Ok(Walked)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Walked, A::Error> {
        Skipped::from_seq(seq).map(|Skipped| Walked)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Walked, A::Error> {
        Skipped::from_map(map).map(|Skipped| Walked)
    }
}

/// A list of which at most `MAX` elements are kept. The others are walked through.
#[derive(Debug)]
pub(crate) struct AtMost<const MAX: usize, T> {
    elements: Vec<T>,
    has_more: bool,
}

impl<const MAX: usize, T> AtMost<MAX, T> {
    /// All elements of this list in the file `name`.
    ///
    /// # Errors
    ///
    /// There were more than `MAX`.
    pub(crate) fn all(self, name: &str, place: Place) -> Result<Vec<T>, Error> {
        if self.has_more {
            return Err(Error::TooManyElements { name: name.to_owned(), place, limit: MAX });
        }
        Ok(self.elements)
    }
}

impl<const MAX: usize, T: for<'de> Deserialize<'de>> FromSeq for AtMost<MAX, T> {
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < MAX {
            match seq.next_element()? {
                Some(element) => elements.push(element),
                None => return Ok(Self { elements, has_more: false }),
            }
        }
        let has_more = seq.next_element::<Walked>()?.is_some();
        Skipped::from_seq(seq)?;
        Ok(Self { elements, has_more })
    }
}

impl<'de, O: FromMap, L: FromSeq> Deserialize<'de> for Shape<O, L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor(PhantomData))
    }
}

struct ShapeVisitor<O, L>(PhantomData<(O, L)>);

impl<'de, O: FromMap, L: FromSeq> Visitor<'de> for ShapeVisitor<O, L> {
    type Value = Shape<O, L>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Negative(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        L::from_seq(seq).map(Shape::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        O::from_map(map).map(Shape::Object)
    }
}

/// The value as shown in a message: scalars themselves, cut if long; otherwise the type.
impl<O, L> fmt::Display for Shape<O, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(_) => f.write_str("an object"),
            Self::List(_) => f.write_str("a list"),
            Self::Scalar(scalar) => write!(f, "{scalar}"),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Negative(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => write!(f, "\"{}\"", Excerpt::of(text)),
            Self::Odd(number) => f.write_str(number),
        }
    }
}

/// Parses `bytes`, the content of the metadata file `name`, as one JSON value. Python's extensions to
/// JSON are accepted.
///
/// # Errors
///
/// The file is too large, not UTF-8, a git-lfs pointer, or not JSON.
pub(crate) fn parse<T: for<'de> Deserialize<'de>>(name: &str, bytes: &[u8]) -> Result<T, Error> {
    if bytes.len() as u64 > MAX_METADATA_BYTES {
        return Err(Error::MetadataTooLarge { name: name.to_owned(), limit: MAX_METADATA_BYTES });
    }
    if crate::pointer::is_pointer_text(bytes) {
        return Err(Error::MetadataIsPointer { name: name.to_owned() });
    }
    let standard = net::standard_json(bytes);
    let text = std::str::from_utf8(&standard)
        .map_err(|source| Error::MetadataNotUtf8 { name: name.to_owned(), source })?;
    serde_json::from_str(text).map_err(|source| {
        let near = near(bytes, source.line(), source.column());
        Error::MetadataNotJson { name: name.to_owned(), near, source }
    })
}

/// How many bytes of a line are quoted before and after the position of an error.
const QUOTED: usize = 30;

/// The text around a position. Lines, and bytes in a line, count from 1.
fn near(text: &[u8], line: usize, column: usize) -> Excerpt {
    let line = text.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let around =
        line.iter().skip(column.saturating_sub(QUOTED)).take(2 * QUOTED).copied().collect::<Vec<_>>();
    Excerpt::of(String::from_utf8_lossy(&around).trim())
}
