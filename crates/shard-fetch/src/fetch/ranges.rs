//! Divides one file among connections. No clock, no I/O.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connections::Need;
use super::line::Line;
use super::pace;

/// A connection that finishes sooner is not relieved: the bytes that another would take over have been
/// requested already.
const WORTH_SHARING: Duration = Duration::from_millis(500);

/// How often the rest of a range is requested a second time.
const MOST_SECONDS: u32 = 4;

/// When and how finely files are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Division {
    /// Files up to this size are fetched by one connection.
    split_above: u64,
}

impl Division {
    pub(super) const fn above(split_above: u64) -> Self {
        Self { split_above }
    }

    /// How much to request at once when `missing` bytes of a file are shared by `connections`.
    pub(super) fn piece(self, missing: u64, connections: u64) -> u64 {
        let (least, most) = ((self.split_above / 2).max(1), self.split_above.saturating_mul(2).max(1));
        missing.div_ceil(connections.max(1)).clamp(least, most)
    }

    /// A range is shared with an idle connection only if each gets at least this much.
    fn least_share(self) -> u64 {
        (self.split_above / 8).max(1)
    }
}

/// Identifies a range of a file while connections work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RangeId(u64);

/// A file's missing bytes: ranges being fetched, and the rest.
pub(super) struct Ranges {
    division: Division,
    /// Whether only one connection at a time may work on the file, apart from second requests.
    single: bool,
    gaps: VecDeque<Range<u64>>,
    open: Vec<Open>,
    next_id: u64,
}

/// A range that one or two connections work on: the second requests the same bytes because the first is
/// very slow. Each byte is written by whichever claims it first.
struct Open {
    id: RangeId,
    /// The bytes not claimed yet.
    left: Range<u64>,
    /// The number of claimed bytes, and since when.
    claimed: u64,
    since: Instant,
    lines: Vec<Arc<Line>>,
    /// The number of second requests so far.
    seconds: u32,
}

impl Open {
    /// Whether it will take long at its current speed.
    fn is_slow(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.since);
        if self.claimed == 0 {
            return elapsed >= WORTH_SHARING;
        }
        // left / (claimed / elapsed), without a division.
        elapsed.as_millis() * u128::from(self.length())
            >= WORTH_SHARING.as_millis() * u128::from(self.claimed)
    }

    fn can_be_relieved(&self) -> bool {
        self.lines.len() == 1 && !self.left.is_empty()
    }

    fn length(&self) -> u64 {
        self.left.end - self.left.start
    }

    /// Tells all other connections that they are no longer needed.
    fn keep_only(&mut self, line: &Arc<Line>) {
        self.lines.retain(|other| {
            Arc::ptr_eq(other, line) || {
                other.stop();
                false
            }
        });
    }

    /// Whether this connection made the second request and is slower than expected.
    fn is_no_better(&self, line: &Arc<Line>) -> bool {
        match self.lines.as_slice() {
            [first, second] if Arc::ptr_eq(second, line) => second
                .rate()
                .zip(first.rate())
                .is_some_and(|(second, first)| pace::is_no_better(second, first)),
            _ => false,
        }
    }
}

impl Ranges {
    /// The missing ranges of a file of `size` bytes.
    pub(super) fn new(size: u64, gaps: Vec<Range<u64>>, division: Division) -> Self {
        let single = size <= division.split_above;
        Self { division, single, gaps: gaps.into(), open: Vec::new(), next_id: 0 }
    }

    /// Allows only one connection at a time from now on.
    pub(super) fn make_single(&mut self) {
        self.single = true;
    }

    /// Whether nothing is missing and no connection is working.
    #[cfg(test)]
    pub(super) fn is_done(&self) -> bool {
        self.gaps.is_empty() && self.open.is_empty()
    }

    /// What the file could use another connection for.
    pub(super) fn need(&self) -> Option<Need> {
        match (self.gaps.is_empty(), self.open.is_empty()) {
            (true, true) => None,
            (true, false) => self.open.iter().any(Open::can_be_relieved).then_some(Need::Relief),
            (false, true) => Some(Need::First),
            (false, false) => Some(if self.single { Need::Relief } else { Need::More }),
        }
    }

    /// Assigns to a connection an unassigned range of about `piece` bytes.
    pub(super) fn assign(&mut self, line: &Arc<Line>, piece: u64, now: Instant) -> Option<RangeId> {
        if self.single && !self.open.is_empty() {
            return None;
        }
        let piece = if self.single { u64::MAX } else { piece };
        let gap = self.gaps.front_mut()?;
        // A small remainder is not worth a separate request.
        if gap.end - gap.start < piece.saturating_add(piece / 2) {
            let whole = self.gaps.pop_front()?;
            return Some(self.open(whole, line, now));
        }
        let first = gap.start..gap.start + piece;
        gap.start = first.end;
        Some(self.open(first, line, now))
    }

    /// Assigns to an idle connection part of another's work: if that one is `far_too_slow`, the whole
    /// rest of its range, requested a second time; otherwise the second half of the longest range, if
    /// that will take long.
    pub(super) fn relieve(
        &mut self,
        line: &Arc<Line>,
        now: Instant,
        far_too_slow: impl Fn(&Arc<Line>, u64) -> bool,
    ) -> Option<RangeId> {
        let crawling = self.open.iter_mut().find(|open| {
            let [only] = open.lines.as_slice() else { return false };
            open.can_be_relieved() && open.seconds < MOST_SECONDS && far_too_slow(only, open.length())
        });
        if let Some(open) = crawling {
            open.seconds += 1;
            open.lines.push(Arc::clone(line));
            return Some(open.id);
        }
        let longest = self.longest()?;
        let open = self.open.get_mut(longest).filter(|open| open.is_slow(now))?;
        let end = open.left.end;
        open.left.end -= open.length() / 2;
        let rest = open.left.end..end;
        Some(self.open(rest, line, now))
    }

    fn open(&mut self, left: Range<u64>, line: &Arc<Line>, since: Instant) -> RangeId {
        let id = RangeId(self.next_id);
        self.next_id += 1;
        self.open.push(Open { id, left, claimed: 0, since, lines: vec![Arc::clone(line)], seconds: 0 });
        id
    }

    /// The rest of a range; empty when it is finished.
    pub(super) fn left(&self, id: RangeId) -> Range<u64> {
        self.open.iter().find(|open| open.id == id).map_or(0..0, |open| open.left.clone())
    }

    /// Whether this connection made the second request for a range.
    pub(super) fn is_second(&self, id: RangeId, line: &Arc<Line>) -> bool {
        let open = self.open.iter().find(|open| open.id == id);
        open.is_some_and(|open| open.lines.get(1).is_some_and(|second| Arc::ptr_eq(second, line)))
    }

    /// Returns which part of a received `chunk` this connection must write; no other connection writes
    /// that part. Tells the others to stop if they are no longer needed: when the whole range is
    /// claimed, or when the second request has overtaken the first.
    pub(super) fn claim(&mut self, id: RangeId, line: &Arc<Line>, chunk: Range<u64>) -> Range<u64> {
        let nothing = chunk.end..chunk.end;
        let Some(open) = self.open.iter_mut().find(|open| open.id == id) else { return nothing };
        // A connection that was told to stop might have wrong bytes, and must not leave a gap.
        let is_at_work = open.lines.iter().any(|known| Arc::ptr_eq(known, line));
        let claimed = open.left.start..chunk.end.min(open.left.end);
        if !is_at_work || chunk.start > claimed.start || claimed.is_empty() {
            if open.is_no_better(line) {
                line.stop();
            }
            return nothing;
        }
        open.left.start = claimed.end;
        open.claimed += claimed.end - claimed.start;
        let has_overtaken = open.lines.get(1).is_some_and(|second| Arc::ptr_eq(second, line));
        if has_overtaken || open.left.is_empty() {
            open.keep_only(line);
        }
        claimed
    }

    /// A connection stops working on a range. If no other is working on it, the rest becomes available;
    /// returns whether there is any.
    pub(super) fn leave(&mut self, id: RangeId, line: &Arc<Line>) -> bool {
        let Some(place) = self.open.iter().position(|open| open.id == id) else { return false };
        let Some(open) = self.open.get_mut(place) else { return false };
        open.lines.retain(|other| !Arc::ptr_eq(other, line));
        if !open.lines.is_empty() {
            return false;
        }
        let left = self.open.swap_remove(place).left;
        let is_unfinished = !left.is_empty();
        if is_unfinished {
            self.gaps.push_front(left);
        }
        is_unfinished
    }

    /// The open range with the most left, if that is enough for two.
    fn longest(&self) -> Option<usize> {
        let (place, longest) = self.open.iter().enumerate().max_by_key(|(_, open)| open.length())?;
        (!self.single && longest.length() / 2 >= self.division.least_share()).then_some(place)
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

    fn line() -> Arc<Line> {
        Arc::default()
    }

    /// Checks which ranges connections are given in turn.
    #[track_caller]
    fn check(size: u64, connections: u64, expected: &[Range<u64>]) {
        let mut ranges = ranges(size);
        let (mut given, mut missing) = (Vec::new(), size);
        while ranges.need() != Some(Need::Relief)
            && let Some(id) = ranges.assign(&line(), DIVISION.piece(missing, connections), Instant::now())
        {
            let range = ranges.left(id);
            missing -= range.end - range.start;
            given.push(range);
        }
        assert_eq!(given, expected, "{size} bytes, {connections} connections");
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
    fn a_file_is_divided_into_pieces_for_its_connections() {
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
        let (one, two) = (line(), line());
        let first = ranges.assign(&one, 160, begun).unwrap();
        assert_eq!(ranges.claim(first, &one, 0..100), 0..100);
        assert_eq!(ranges.need(), Some(Need::Relief));
        let soon = begun + Duration::from_millis(800);
        assert_eq!(ranges.relieve(&two, soon, |_, _| false), None, "it will soon be done");
        let second = ranges.relieve(&two, later, |_, _| false).unwrap();
        assert_eq!((ranges.left(first), ranges.left(second)), (100..130, 130..160));
        assert_eq!(ranges.claim(first, &one, 100..200), 100..130);
        ranges.leave(first, &one);
        assert_eq!(ranges.claim(second, &two, 130..145), 130..145);
        // Each of two would get less than a request is worth.
        assert_eq!(ranges.relieve(&one, later, |_, _| false), None);
        assert!(!ranges.is_done());
        ranges.claim(second, &two, 145..160);
        assert_eq!(ranges.need(), None);
        ranges.leave(second, &two);
        assert!(ranges.is_done());
    }

    #[test]
    fn small_files_and_streams_have_one_connection() {
        let mut small = ranges(80);
        let mut stream = ranges(1000);
        stream.make_single();
        for (ranges, size) in [(&mut small, 80), (&mut stream, 1000)] {
            let only = ranges.assign(&line(), 1, Instant::now()).unwrap();
            assert_eq!(ranges.left(only), 0..size);
            assert_eq!(
                (ranges.need(), ranges.assign(&line(), 1, Instant::now())),
                (Some(Need::Relief), None)
            );
            assert_eq!(
                ranges.relieve(&line(), Instant::now() + Duration::from_secs(100), |_, _| false),
                None
            );
        }
    }

    #[test]
    fn an_abandoned_range_is_assigned_again() {
        let (mut ranges, one) = (ranges(80), line());
        let id = ranges.assign(&one, 80, Instant::now()).unwrap();
        ranges.claim(id, &one, 0..30);
        assert!(ranges.leave(id, &one));
        assert_eq!(ranges.need(), Some(Need::First));
        let id = ranges.assign(&one, 80, Instant::now()).unwrap();
        assert_eq!(ranges.left(id), 30..80);
    }

    /// A range of 80 bytes that two connections work on, the second by a repeated request.
    fn raced() -> (Ranges, RangeId, Arc<Line>, Arc<Line>) {
        let (mut ranges, slow, fast) = (ranges(80), line(), line());
        let id = ranges.assign(&slow, 80, Instant::now()).unwrap();
        let relieved =
            ranges.relieve(&fast, Instant::now(), |line, left| Arc::ptr_eq(line, &slow) && left == 80);
        assert_eq!(relieved, Some(id));
        assert!(ranges.is_second(id, &fast) && !ranges.is_second(id, &slow));
        (ranges, id, slow, fast)
    }

    #[test]
    fn there_is_one_second_attempt_at_a_range_at_a_time_and_a_few_in_all() {
        let (mut ranges, id, _slow, fast) = raced();
        assert_eq!(ranges.need(), None);
        assert_eq!(ranges.relieve(&line(), Instant::now(), |_, _| true), None);
        ranges.leave(id, &fast);
        for _ in 1..MOST_SECONDS {
            let again = line();
            assert_eq!(ranges.relieve(&again, Instant::now(), |_, _| true), Some(id));
            ranges.leave(id, &again);
        }
        assert_eq!(ranges.relieve(&line(), Instant::now(), |_, _| true), None);
    }

    #[test]
    fn an_overtaken_connection_stops() {
        let (mut ranges, id, slow, fast) = raced();
        assert_eq!(ranges.claim(id, &slow, 0..20), 0..20);
        // A chunk that is not next yet.
        assert!(ranges.claim(id, &fast, 0..10).is_empty());
        assert!(!slow.is_stopped() && !fast.is_stopped());
        assert_eq!(ranges.claim(id, &fast, 10..30), 20..30);
        assert!(slow.is_stopped() && !fast.is_stopped() && !ranges.is_second(id, &fast));
        assert!(ranges.claim(id, &slow, 20..80).is_empty());
        assert!(!ranges.leave(id, &slow));
        assert_eq!(ranges.left(id), 30..80);
        assert_eq!(ranges.claim(id, &fast, 30..80), 30..80);
    }

    #[test]
    fn a_first_attempt_that_is_done_stops_the_second() {
        let (mut ranges, id, slow, fast) = raced();
        assert_eq!(ranges.claim(id, &slow, 0..80), 0..80);
        assert!(fast.is_stopped() && !slow.is_stopped());
        assert!(ranges.claim(id, &fast, 0..80).is_empty());
        ranges.leave(id, &fast);
        assert!(!ranges.is_done(), "the first is still writing");
        ranges.leave(id, &slow);
        assert!(ranges.is_done());
    }

    proptest! {
        /// Connections that randomly start, receive, stop and help each other deliver every byte
        /// exactly once.
        #[test]
        fn every_byte_is_claimed_exactly_once(
            size in 0_u64..2000,
            steps in proptest::collection::vec((0_usize..8, 1_u64..200, any::<bool>()), 0..200),
        ) {
            let mut ranges = ranges(size);
            let mut seen = vec![0_u8; size as usize];
            // Connections with their ranges and positions.
            let mut working: Vec<(Arc<Line>, RangeId, u64)> = Vec::new();
            let mut steps = steps.into_iter();
            let mut now = Instant::now();
            while !ranges.is_done() {
                let (which, bytes, leaves) = steps.next().unwrap_or((0, 1000, false));
                now += Duration::from_secs(100);
                let line = line();
                if which >= working.len()
                    && let Some(id) = match ranges.need() {
                        Some(Need::Relief) => ranges.relieve(&line, now, |_, _| leaves),
                        Some(_) => ranges.assign(&line, DIVISION.piece(size, bytes % 9), now),
                        None => None,
                    }
                {
                    working.push((line, id, ranges.left(id).start));
                } else if !working.is_empty() {
                    let which = which % working.len();
                    let (line, id, at) = &mut working[which];
                    ranges.claim(*id, line, *at..*at + bytes).for_each(|at| seen[at as usize] += 1);
                    *at += bytes;
                    if leaves || line.is_stopped() || ranges.left(*id).is_empty() {
                        ranges.leave(*id, line);
                        working.swap_remove(which);
                    }
                }
            }
            prop_assert!(seen.iter().all(|count| *count == 1));
        }
    }
}
