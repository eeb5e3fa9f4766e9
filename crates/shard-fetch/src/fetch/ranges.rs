//! How one file is divided among connections. No clock, no I/O.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A connection that will be done sooner is not relieved: what another takes over was asked for already.
const WORTH_SHARING: Duration = Duration::from_millis(500);

/// When and how finely files are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Division {
    /// Files of up to this size are fetched by one connection.
    split_above: u64,
}

impl Division {
    pub(super) const fn above(split_above: u64) -> Self {
        Self { split_above }
    }

    /// How much to ask for at once when `missing` bytes of a file are to be shared by `connections`.
    pub(super) fn piece(self, missing: u64, connections: u64) -> u64 {
        let (least, most) = ((self.split_above / 2).max(1), self.split_above.saturating_mul(2).max(1));
        missing.div_ceil(connections.max(1)).clamp(least, most)
    }

    /// A range is shared with an idle connection only when each gets at least this much.
    fn least_share(self) -> u64 {
        (self.split_above / 8).max(1)
    }
}

/// Names one range of a file while a connection works on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RangeId(u64);

/// What a file could use a connection for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// For nothing.
    Nothing,
    /// For a range that nobody works on.
    Piece,
    /// To relieve a connection of half its range.
    Share,
}

/// A file's missing bytes: those that a connection works on, and the others.
#[derive(Debug)]
pub(super) struct Ranges {
    division: Division,
    /// Whether only one connection at a time may work on the file.
    single: bool,
    gaps: VecDeque<Range<u64>>,
    /// How many bytes the gaps have: there may be very many of them.
    in_gaps: u64,
    open: Vec<Open>,
    next_id: u64,
}

/// A range that a connection works on.
#[derive(Debug)]
struct Open {
    id: RangeId,
    /// What it has still to take in.
    left: Range<u64>,
    /// What it has taken in, since when.
    taken: u64,
    since: Instant,
}

impl Open {
    /// Whether it will take long at its present speed.
    fn is_slow(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.since);
        if self.taken == 0 {
            return elapsed >= WORTH_SHARING;
        }
        // left / (taken / elapsed), without a division.
        let left = self.left.end - self.left.start;
        elapsed.as_millis() * u128::from(left) >= WORTH_SHARING.as_millis() * u128::from(self.taken)
    }
}

impl Ranges {
    /// The missing ranges of a file of `size` bytes.
    pub(super) fn new(size: u64, gaps: Vec<Range<u64>>, division: Division) -> Self {
        let single = size <= division.split_above;
        let in_gaps = gaps.iter().map(|gap| gap.end - gap.start).sum();
        Self { division, single, gaps: gaps.into(), in_gaps, open: Vec::new(), next_id: 0 }
    }

    /// From now on one connection at a time is to fetch the file.
    pub(super) fn make_single(&mut self) {
        self.single = true;
    }

    /// Whether every byte has been taken in.
    pub(super) fn is_done(&self) -> bool {
        self.gaps.is_empty() && self.open.is_empty()
    }

    /// Whether each range of a file that is divided has a connection.
    pub(super) fn are_given_out(&self) -> bool {
        !self.single && self.gaps.is_empty()
    }

    pub(super) fn wants(&self) -> Wants {
        if self.single && !self.open.is_empty() {
            return Wants::Nothing;
        }
        match (self.gaps.is_empty(), self.longest()) {
            (false, _) => Wants::Piece,
            (true, Some(_)) => Wants::Share,
            (true, None) => Wants::Nothing,
        }
    }

    /// Gives a connection a range: one of about `missing / connections` bytes that nobody works on, else
    /// the second half of the longest one, if that one will take long.
    pub(super) fn assign(&mut self, connections: u64, now: Instant) -> Option<RangeId> {
        match self.wants() {
            Wants::Nothing => None,
            Wants::Piece => {
                let missing = self.in_gaps;
                let piece = if self.single { u64::MAX } else { self.division.piece(missing, connections) };
                let id = self.next_piece(piece, now)?;
                let left = self.left(id);
                self.in_gaps -= left.end - left.start;
                Some(id)
            }
            Wants::Share => {
                let longest = self.longest()?;
                let open = self.open.get_mut(longest).filter(|open| open.is_slow(now))?;
                let end = open.left.end;
                open.left.end -= (end - open.left.start) / 2;
                let rest = open.left.end..end;
                Some(self.open(rest, now))
            }
        }
    }

    fn next_piece(&mut self, piece: u64, now: Instant) -> Option<RangeId> {
        let gap = self.gaps.front_mut()?;
        // A small rest is no request of its own.
        if gap.end - gap.start < piece.saturating_add(piece / 2) {
            let whole = self.gaps.pop_front()?;
            return Some(self.open(whole, now));
        }
        let first = gap.start..gap.start + piece;
        gap.start = first.end;
        Some(self.open(first, now))
    }

    fn open(&mut self, left: Range<u64>, since: Instant) -> RangeId {
        let id = RangeId(self.next_id);
        self.next_id += 1;
        self.open.push(Open { id, left, taken: 0, since });
        id
    }

    /// What is left of a range; empty when it is done.
    pub(super) fn left(&self, id: RangeId) -> Range<u64> {
        self.open.iter().find(|open| open.id == id).map_or(0..0, |open| open.left.clone())
    }

    /// Takes at most `bytes` bytes into a range: says which, fewer at its end.
    pub(super) fn claim(&mut self, id: RangeId, bytes: u64) -> Range<u64> {
        let Some(open) = self.open.iter_mut().find(|open| open.id == id) else { return 0..0 };
        let claimed = open.left.start..open.left.end.min(open.left.start.saturating_add(bytes));
        open.left.start = claimed.end;
        open.taken += claimed.end - claimed.start;
        claimed
    }

    /// A connection is done with its range.
    pub(super) fn close(&mut self, id: RangeId) {
        self.open.retain(|open| open.id != id);
    }

    /// The open range with the most left, if that is enough for two.
    fn longest(&self) -> Option<usize> {
        let length = |open: &Open| open.left.end - open.left.start;
        let (place, longest) = self.open.iter().enumerate().max_by_key(|(_, open)| length(open))?;
        (!self.single && length(longest) / 2 >= self.division.least_share()).then_some(place)
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "a test's numbers are small")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIVISION: Division = Division::above(80);

    fn ranges(size: u64) -> Ranges {
        Ranges::new(size, std::iter::once(0..size).filter(|gap| !gap.is_empty()).collect(), DIVISION)
    }

    /// What connections are given one after the other.
    #[track_caller]
    fn check(size: u64, connections: u64, expected: &[Range<u64>]) {
        let mut ranges = ranges(size);
        let mut given = Vec::new();
        while ranges.wants() == Wants::Piece
            && let Some(id) = ranges.assign(connections, Instant::now())
        {
            given.push(ranges.left(id));
        }
        assert_eq!(given, expected, "{size} bytes, {connections} connections");
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
    fn pieces() {
        check(0, 4, &[]);
        check(1, 4, &[0..1]);
        check(80, 32, &[0..80]);
        check(81, 1, &[0..81]);
        check(81, 2, &[0..41, 41..81]);
        check(81, 32, &[0..40, 40..81]);
        check(320, 1, &[0..160, 160..320]);
        check(320, 4, &[0..80, 80..140, 140..185, 185..225, 225..265, 265..320]);
    }

    #[test]
    fn an_idle_connection_takes_half_of_the_longest_range() {
        let mut ranges = ranges(160);
        let begun = Instant::now();
        let later = begun + Duration::from_secs(100);
        let first = ranges.assign(1, begun).unwrap();
        assert_eq!(ranges.claim(first, 100), 0..100);
        assert_eq!(ranges.wants(), Wants::Share);
        assert_eq!(ranges.assign(9, begun + Duration::from_millis(800)), None, "it will soon be done");
        let second = ranges.assign(9, later).unwrap();
        assert_eq!((ranges.left(first), ranges.left(second)), (100..130, 130..160));
        assert_eq!(ranges.claim(first, 100), 100..130);
        assert_eq!(ranges.claim(first, 1), 130..130);
        ranges.close(first);
        assert_eq!(ranges.claim(second, 15), 130..145);
        // Each of two would get less than is worth a request.
        assert_eq!(ranges.wants(), Wants::Nothing);
        assert_eq!(ranges.assign(9, later), None);
        assert!(!ranges.is_done());
        ranges.claim(second, 15);
        ranges.close(second);
        assert!(ranges.is_done());
    }

    #[test]
    fn small_files_and_streams_have_one_connection() {
        let mut small = ranges(80);
        let mut stream = ranges(1000);
        stream.make_single();
        for (ranges, size) in [(&mut small, 80), (&mut stream, 1000)] {
            let only = ranges.assign(32, Instant::now()).unwrap();
            assert_eq!(ranges.left(only), 0..size);
            assert_eq!((ranges.wants(), ranges.assign(32, Instant::now())), (Wants::Nothing, None));
        }
    }

    proptest! {
        /// Connections that come and take at random bring every byte exactly once.
        #[test]
        fn every_byte_once(size in 0_u64..2000, steps in proptest::collection::vec((0_usize..8, 1_u64..200), 0..100)) {
            let mut ranges = ranges(size);
            let mut seen = vec![0_u8; size as usize];
            let mut working = Vec::new();
            let mut steps = steps.into_iter();
            let mut now = Instant::now();
            while !ranges.is_done() {
                let (which, bytes) = steps.next().unwrap_or((0, 1000));
                now += Duration::from_secs(100);
                if which >= working.len() && let Some(id) = ranges.assign(bytes % 9, now) {
                    working.push(id);
                } else if let Some(id) = working.get(which % working.len().max(1)).copied() {
                    ranges.claim(id, bytes).for_each(|at| seen[at as usize] += 1);
                    if ranges.left(id).is_empty() {
                        ranges.close(id);
                        working.retain(|other| *other != id);
                    }
                }
            }
            prop_assert!(seen.iter().all(|count| *count == 1));
        }
    }
}
