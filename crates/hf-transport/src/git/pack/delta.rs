//! git's deltas: an object composed of pieces of another one, its base, and literal pieces.

use super::bounds::Flaw;

/// git accepts no shorter delta.
const MIN_DELTA: u64 = 4;
/// The length of a piece of the base if none is given.
const DEFAULT_LENGTH: u64 = 0x1_0000;

const TRUNCATED: Flaw = Flaw::Broken("a delta is cut short");

/// A part of a delta's result.
pub(super) enum Piece<'a> {
    /// From the base, within the base's declared size.
    OfBase {
        offset: u64,
        length: u64,
    },
    Own(&'a [u8]),
}

/// Parses a delta in a stream.
pub(super) struct Delta {
    state: State,
    base_size: u64,
    size: u64,
    /// How much of `size` is still to be produced.
    left: u64,
    read: u64,
}

#[derive(Clone, Copy)]
enum State {
    BaseSize {
        shift: u32,
    },
    Size {
        shift: u32,
    },
    Instruction,
    /// Bits for bytes still to be read, and the bytes read so far at their positions: four of the
    /// offset, three of the length.
    Copy {
        missing: u8,
        value: u64,
    },
    Own {
        left: usize,
    },
}

impl Delta {
    pub(super) fn new() -> Self {
        Self { state: State::BaseSize { shift: 0 }, base_size: 0, size: 0, left: 0, read: 0 }
    }

    /// Parses more bytes; passes on the pieces.
    pub(super) fn read(
        &mut self,
        mut bytes: &[u8],
        mut piece: impl FnMut(Piece<'_>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        self.read += bytes.len() as u64;
        while let Some((byte, rest)) = bytes.split_first() {
            if let State::Own { left } = self.state {
                let (own, rest) = bytes.split_at(left.min(bytes.len()));
                self.state = match left - own.len() {
                    0 => State::Instruction,
                    left => State::Own { left },
                };
                piece(Piece::Own(own))?;
                bytes = rest;
                continue;
            }
            self.step(*byte, &mut piece)?;
            bytes = rest;
        }
        Ok(())
    }

    /// The sizes of the base and of the result, after the last byte.
    pub(super) fn finish(self) -> Result<(u64, u64), Flaw> {
        if !matches!(self.state, State::Instruction) || self.read < MIN_DELTA {
            return Err(TRUNCATED);
        }
        if self.left > 0 {
            return Err(Flaw::Broken("a delta unfolds to less than it says"));
        }
        Ok((self.base_size, self.size))
    }

    fn step(&mut self, byte: u8, piece: &mut impl FnMut(Piece<'_>) -> Result<(), Flaw>) -> Result<(), Flaw> {
        match self.state {
            State::BaseSize { shift } => {
                self.base_size |= seven_bits(byte, shift)?;
                let ended = byte & 0x80 == 0;
                self.state =
                    if ended { State::Size { shift: 0 } } else { State::BaseSize { shift: shift + 7 } };
            }
            State::Size { shift } => {
                self.size |= seven_bits(byte, shift)?;
                self.left = self.size;
                let ended = byte & 0x80 == 0;
                self.state = if ended { State::Instruction } else { State::Size { shift: shift + 7 } };
            }
            State::Instruction => self.begin(byte, piece)?,
            State::Copy { missing, value } => {
                let value = value | u64::from(byte) << (8 * missing.trailing_zeros());
                self.copy(missing & missing.wrapping_sub(1), value, piece)?;
            }
            State::Own { .. } => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        instruction: u8,
        piece: &mut impl FnMut(Piece<'_>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        match instruction {
            0 => Err(Flaw::Broken("a delta has an unknown instruction")),
            0x80.. => self.copy(instruction & 0x7f, 0, piece),
            length => {
                self.give(u64::from(length))?;
                self.state = State::Own { left: usize::from(length) };
                Ok(())
            }
        }
    }

    fn copy(
        &mut self,
        missing: u8,
        value: u64,
        piece: &mut impl FnMut(Piece<'_>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        if missing != 0 {
            self.state = State::Copy { missing, value };
            return Ok(());
        }
        let (offset, length) = (value & 0xffff_ffff, value >> 32);
        let length = if length == 0 { DEFAULT_LENGTH } else { length };
        if offset + length > self.base_size {
            return Err(Flaw::Broken("a delta reaches behind the end of its base"));
        }
        self.give(length)?;
        self.state = State::Instruction;
        piece(Piece::OfBase { offset, length })
    }

    fn give(&mut self, length: u64) -> Result<(), Flaw> {
        let left = self.left.checked_sub(length);
        self.left = left.ok_or(Flaw::Broken("a delta unfolds to more than it says"))?;
        Ok(())
    }
}

/// The lower seven bits of a number's byte, at their position.
pub(super) fn seven_bits(byte: u8, shift: u32) -> Result<u64, Flaw> {
    let bits = u64::from(byte & 0x7f);
    match bits.checked_shl(shift) {
        Some(placed) if placed >> shift == bits => Ok(placed),
        _ => Err(Flaw::Broken("a size has too many digits")),
    }
}
