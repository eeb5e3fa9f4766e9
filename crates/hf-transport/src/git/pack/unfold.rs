//! Applies a pack's deltas, each once: only this reveals the ids of the resulting objects.

use std::collections::HashMap;
use std::io::{BufReader, Read, Seek, SeekFrom};

use sha1::Digest as _;

use super::bounds::{Flaw, Kind, Limits, within};
use super::delta::{Delta, Piece};
use super::entries::{Base, Form, Id, PackEntry, hash_head};
use super::inflate::Inflater;

/// How many bytes must be unpacked for each object of a pack, including its chain of bases.
#[derive(Debug)]
pub struct Costs(HashMap<Id, u64>);

impl Costs {
    /// The cost of the object with this id; `None` if the pack does not have it.
    #[must_use]
    pub fn of(&self, id: &[u8]) -> Option<u64> {
        self.0.get(id).copied()
    }
}

/// Unfolds all entries; returns the cost of each object.
pub(super) fn all<R: Read + Seek>(
    input: BufReader<R>,
    entries: &[PackEntry],
    limits: &Limits,
    inflater: &mut Inflater<'_>,
) -> Result<Costs, Flaw> {
    let mut unfolding = Unfolding {
        input,
        entries,
        limits,
        inflater,
        deltas: Deltas::of(entries),
        known: HashMap::new(),
        costs: HashMap::new(),
        work: 0,
        last: None,
    };
    for (number, entry) in (0..).zip(entries) {
        if let Form::Whole { kind, id } = entry.form {
            let (size, cost) = (entry.inflated, entry.inflated);
            unfolding.learn(number, Unfolded { id, kind, size, base: None, depth: 0, cost })?;
        }
    }
    for (number, entry) in (0..).zip(entries) {
        if let Form::Whole { .. } = entry.form {
            unfolding.above(number)?;
        }
    }
    if unfolding.costs.len() < entries.len() {
        return Err(Flaw::Broken("a delta is for an object that is not in it"));
    }
    Ok(Costs(unfolding.costs))
}

/// Which entries are deltas of which; sorted for searching.
struct Deltas {
    of_entry: Vec<(u32, u32)>,
    of_id: Vec<(Id, u32)>,
}

impl Deltas {
    fn of(entries: &[PackEntry]) -> Self {
        let (mut of_entry, mut of_id) = (Vec::new(), Vec::new());
        for (number, entry) in (0..).zip(entries) {
            match entry.form {
                Form::Delta { base: Base::Earlier(base), .. } => of_entry.push((base, number)),
                Form::Delta { base: Base::Named(base), .. } => of_id.push((base, number)),
                Form::Whole { .. } => {}
            }
        }
        of_entry.sort_unstable();
        of_id.sort_unstable();
        Self { of_entry, of_id }
    }

    /// The deltas of the object with this index and id.
    fn of_object(&self, number: u32, id: &Id) -> impl Iterator<Item = u32> {
        with_key(&self.of_entry, number).chain(with_key(&self.of_id, *id))
    }
}

fn with_key<K: Ord>(pairs: &[(K, u32)], key: K) -> impl Iterator<Item = u32> {
    let first = pairs.partition_point(|(other, _)| *other < key);
    let pairs = pairs.get(first..).unwrap_or_default();
    pairs.iter().take_while(move |(other, _)| *other == key).map(|(_, number)| *number)
}

/// An object's metadata except for its id.
#[derive(Clone, Copy)]
struct Unfolded {
    id: Id,
    kind: Kind,
    size: u64,
    base: Option<u32>,
    depth: u32,
    cost: u64,
}

struct Unfolding<'a, 'b, R> {
    input: BufReader<R>,
    entries: &'a [PackEntry],
    limits: &'a Limits,
    inflater: &'a mut Inflater<'b>,
    deltas: Deltas,
    /// Objects that are bases of others.
    known: HashMap<u32, Unfolded>,
    costs: HashMap<Id, u64>,
    work: u64,
    /// The most recently unfolded content, since the next one is probably a delta of it.
    last: Option<(u32, Vec<u8>)>,
}

impl<R: Read + Seek> Unfolding<'_, '_, R> {
    /// Records an object's metadata; returns whether others are deltas of it.
    fn learn(&mut self, number: u32, object: Unfolded) -> Result<bool, Flaw> {
        if self.costs.insert(object.id, object.cost).is_some() {
            return Err(Flaw::Broken("it contains an object twice"));
        }
        let is_base = self.deltas.of_object(number, &object.id).next().is_some();
        if is_base {
            self.known.insert(number, object);
        }
        Ok(is_base)
    }

    /// Unfolds all direct and indirect deltas of this object.
    fn above(&mut self, number: u32) -> Result<(), Flaw> {
        let mut bases = vec![number];
        while let Some(number) = bases.pop() {
            let Some(base) = self.known.get(&number).copied() else { continue };
            let deltas: Vec<u32> = self.deltas.of_object(number, &base.id).collect();
            let content = self.content(number)?;
            for delta in deltas {
                let object = self.checked(number, base, delta)?;
                if let Some((_, other)) = &self.last
                    && (content.len() + other.len()) as u64 + object.size > self.limits.delta
                {
                    self.last = None;
                }
                let unfolded = self.apply(delta, object.size, &content)?;
                let mut sha1 = hash_head(object.kind, object.size);
                sha1.update(&unfolded);
                if self.learn(delta, Unfolded { id: sha1.finalize().into(), ..object })? {
                    bases.push(delta);
                    self.last = Some((delta, unfolded));
                }
            }
        }
        Ok(())
    }

    /// The metadata of a delta's object before it is unfolded, checked against the limits.
    fn checked(&mut self, number: u32, base: Unfolded, delta: u32) -> Result<Unfolded, Flaw> {
        let (inflated, base_size, size) = match self.entry(delta)? {
            PackEntry { inflated, form: Form::Delta { base_size, size, .. }, .. } => {
                (*inflated, *base_size, *size)
            }
            PackEntry { inflated, form: Form::Whole { .. }, .. } => (*inflated, 0, 0),
        };
        if base_size != base.size {
            return Err(Flaw::Broken("a delta is for a base of another size"));
        }
        self.limits.check_size(base.kind, size)?;
        let depth = base.depth + 1;
        within(depth.into(), "deltas in a chain", self.limits.depth.into())?;
        let cost = base.cost.saturating_add(inflated).saturating_add(size);
        within(cost, "bytes to unfold a chain of deltas", self.limits.chain)?;
        self.work = self.work.saturating_add(cost);
        within(self.work, "bytes to unfold all deltas", self.limits.work)?;
        Ok(Unfolded { size, base: Some(number), depth, cost, ..base })
    }

    /// The content of an object that has deltas.
    fn content(&mut self, number: u32) -> Result<Vec<u8>, Flaw> {
        let mut way = Vec::new();
        let mut next = number;
        let last = self.last.take();
        let mut content = loop {
            match (&last, self.known.get(&next).and_then(|object| object.base)) {
                (Some((number, _)), _) if *number == next => {
                    break last.map(|(_, content)| content).unwrap_or_default();
                }
                (_, Some(base)) => {
                    way.push(next);
                    next = base;
                }
                (_, None) => {
                    drop(last);
                    break self.whole(next)?;
                }
            }
        };
        while let Some(delta) = way.pop() {
            let size = self.known.get(&delta).map_or(0, |object| object.size);
            content = self.apply(delta, size, &content)?;
        }
        Ok(content)
    }

    fn whole(&mut self, number: u32) -> Result<Vec<u8>, Flaw> {
        let size = self.entry(number)?.inflated;
        let mut content = with_capacity(size);
        self.inflate(number, |piece| {
            content.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(content)
    }

    fn apply(&mut self, number: u32, size: u64, base: &[u8]) -> Result<Vec<u8>, Flaw> {
        let mut content = with_capacity(size);
        let mut delta = Delta::new();
        self.inflate(number, |bytes| {
            delta.read(bytes, |piece| {
                content.extend_from_slice(bytes_of(&piece, base)?);
                Ok(())
            })
        })?;
        Ok(content)
    }

    fn inflate(&mut self, number: u32, sink: impl FnMut(&[u8]) -> Result<(), Flaw>) -> Result<(), Flaw> {
        let (at, inflated) = self.entry(number).map(|entry| (entry.at, entry.inflated))?;
        self.input.seek(SeekFrom::Start(at))?;
        self.inflater.inflate(&mut self.input, inflated, sink)
    }

    fn entry(&self, number: u32) -> Result<&PackEntry, Flaw> {
        self.entries.get(number as usize).ok_or(Flaw::Broken("a delta is for no earlier object"))
    }
}

fn with_capacity(size: u64) -> Vec<u8> {
    Vec::with_capacity(usize::try_from(size).unwrap_or_default())
}

fn bytes_of<'a>(piece: &Piece<'a>, base: &'a [u8]) -> Result<&'a [u8], Flaw> {
    match *piece {
        Piece::Own(bytes) => Ok(bytes),
        Piece::OfBase { offset, length } => {
            let range = usize::try_from(offset).ok().zip(usize::try_from(offset + length).ok());
            let bytes = range.and_then(|(from, to)| base.get(from..to));
            bytes.ok_or(Flaw::Broken("a delta reaches behind the end of its base"))
        }
    }
}
