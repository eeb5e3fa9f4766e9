//! Reads a pack sequentially.

use std::io::{self, BufRead, BufReader, Read};

use sha1::{Digest as _, Sha1};

use super::bounds::{Flaw, Kind, Limits, within};
use super::delta::{Delta, seven_bits};
use super::inflate::Inflater;

/// The id of an object: the SHA-1 of its kind, size and content.
pub(super) type Id = [u8; 20];

/// An object as stored in the pack.
pub(super) struct PackEntry {
    /// The offset of its compressed bytes.
    pub(super) at: u64,
    /// The size of the inflated bytes.
    pub(super) inflated: u64,
    pub(super) form: Form,
}

pub(super) enum Form {
    Whole { kind: Kind, id: Id },
    Delta { base: Base, base_size: u64, size: u64 },
}

pub(super) enum Base {
    /// An earlier entry, by index.
    Earlier(u32),
    /// Any object with this id.
    Named(Id),
}

/// Begins an object's id; the content is to be hashed next.
pub(super) fn hash_head(kind: Kind, size: u64) -> Sha1 {
    let mut sha1 = Sha1::new();
    sha1.update(format!("{} {size}\0", kind.name()));
    sha1
}

/// Reads all entries, and finds the end of the pack.
pub(super) fn read(
    file: impl Read,
    limits: &Limits,
    inflater: &mut Inflater<'_>,
) -> Result<(Vec<PackEntry>, u64), Flaw> {
    let mut input = Hashed { inner: BufReader::with_capacity(64 << 10, file), sha1: Sha1::new(), at: 0 };
    let count = head(&mut input)?;
    within(count.into(), "objects", limits.objects.into())?;
    let mut entries = Entries { limits, starts: Vec::new(), read: Vec::new(), bytes: 0 };
    for _ in 0..count {
        entries.take(&mut input, inflater)?;
    }
    let expected: Id = input.sha1.clone().finalize().into();
    if input.array()? != expected {
        return Err(Flaw::Broken("its checksum does not follow its last object"));
    }
    Ok((entries.read, input.at))
}

/// The number of objects.
fn head(input: &mut Hashed<impl Read>) -> Result<u32, Flaw> {
    if input.array()? != *b"PACK" {
        return Err(Flaw::Broken("it is not a pack"));
    }
    match u32::from_be_bytes(input.array()?) {
        // git knows another version, which it never sends and libgit2 does not know.
        2 => Ok(u32::from_be_bytes(input.array()?)),
        _ => Err(Flaw::Broken("it is of an unknown version")),
    }
}

struct Entries<'a> {
    limits: &'a Limits,
    /// The offset of each entry.
    starts: Vec<u64>,
    read: Vec<PackEntry>,
    bytes: u64,
}

impl Entries<'_> {
    fn take(&mut self, input: &mut Hashed<impl Read>, inflater: &mut Inflater<'_>) -> Result<(), Flaw> {
        let start = input.at;
        let (kind, inflated) = entry_head(input)?;
        let base = match kind {
            1..=4 => None,
            6 => Some(self.earlier(start, distance(input)?)?),
            7 => Some(Base::Named(input.array()?)),
            _ => return Err(Flaw::Broken("an object is of an unknown kind")),
        };
        self.charge(inflated)?;
        let at = input.at;
        let form = match base {
            Some(base) => self.delta(base, input, inflated, inflater)?,
            None => self.whole(kind, input, inflated, inflater)?,
        };
        self.starts.push(start);
        self.read.push(PackEntry { at, inflated, form });
        Ok(())
    }

    fn whole(
        &self,
        kind: u8,
        input: &mut Hashed<impl Read>,
        size: u64,
        inflater: &mut Inflater<'_>,
    ) -> Result<Form, Flaw> {
        let kind = match kind {
            1 => Kind::Commit,
            2 => Kind::Tree,
            3 => Kind::Blob,
            _ => Kind::Tag,
        };
        self.limits.check_size(kind, size)?;
        let mut sha1 = hash_head(kind, size);
        inflater.inflate(input, size, |piece| {
            sha1.update(piece);
            Ok(())
        })?;
        Ok(Form::Whole { kind, id: sha1.finalize().into() })
    }

    fn delta(
        &mut self,
        base: Base,
        input: &mut Hashed<impl Read>,
        inflated: u64,
        inflater: &mut Inflater<'_>,
    ) -> Result<Form, Flaw> {
        within(inflated, "bytes in a delta", self.limits.delta)?;
        let mut delta = Delta::new();
        inflater.inflate(input, inflated, |piece| delta.read(piece, |_| Ok(())))?;
        let (base_size, size) = delta.finish()?;
        let at_once = base_size.saturating_add(inflated).saturating_add(size);
        within(at_once, "bytes to unfold a delta", self.limits.delta)?;
        self.charge(size)?;
        Ok(Form::Delta { base, base_size, size })
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Flaw> {
        self.bytes = self.bytes.saturating_add(bytes);
        within(self.bytes, "bytes to unpack", self.limits.bytes)
    }

    fn earlier(&self, start: u64, distance: u64) -> Result<Base, Flaw> {
        let number = start.checked_sub(distance).and_then(|base| self.starts.binary_search(&base).ok());
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.map(Base::Earlier).ok_or(Flaw::Broken("a delta is for no earlier object"))
    }
}

/// The kind of an entry and its inflated size.
fn entry_head(input: &mut Hashed<impl Read>) -> Result<(u8, u64), Flaw> {
    let mut byte = input.byte()?;
    let kind = byte >> 4 & 7;
    let mut size = u64::from(byte & 15);
    let mut shift = 4;
    while byte & 0x80 != 0 {
        byte = input.byte()?;
        size |= seven_bits(byte, shift)?;
        shift += 7;
    }
    Ok((kind, size))
}

/// How far before an entry its base is.
fn distance(input: &mut Hashed<impl Read>) -> Result<u64, Flaw> {
    let mut byte = input.byte()?;
    let mut distance = u64::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = input.byte()?;
        let next = distance.checked_add(1).and_then(|distance| distance.checked_mul(1 << 7));
        distance = next.ok_or(Flaw::Broken("a size has too many digits"))? | u64::from(byte & 0x7f);
    }
    Ok(distance)
}

/// Hashes and counts what is read.
struct Hashed<R> {
    inner: BufReader<R>,
    sha1: Sha1,
    at: u64,
}

impl<R: Read> Hashed<R> {
    fn byte(&mut self) -> Result<u8, Flaw> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let mut bytes = [0; N];
        match self.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Flaw::Broken("it is cut short"))
            }
            Err(error) => Err(error.into()),
            Ok(()) => Ok(bytes),
        }
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Hashed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.sha1.update(self.inner.buffer().get(..count).unwrap_or_default());
        self.at += count as u64;
        self.inner.consume(count);
    }
}
