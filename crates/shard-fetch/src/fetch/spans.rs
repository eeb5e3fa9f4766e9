//! Which bytes of a file exist. No I/O.

use std::ops::Range;

/// A set of bytes: ordered, non-empty ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<Range<u64>>);

impl Spans {
    /// Adds the bytes of `span`.
    pub(super) fn insert(&mut self, mut span: Range<u64>) {
        if span.is_empty() {
            return;
        }
        let first = self.0.partition_point(|known| known.end < span.start);
        let after = self.0.partition_point(|known| known.start <= span.end);
        if let Some(touched) = self.0.get(first..after) {
            for known in touched {
                span = span.start.min(known.start)..span.end.max(known.end);
            }
        }
        self.0.splice(first..after, [span]);
    }

    /// Removes every byte from `end` on.
    pub(super) fn cut(&mut self, end: u64) {
        self.0.retain(|span| span.start < end);
        if let Some(last) = self.0.last_mut() {
            last.end = last.end.min(end);
        }
    }

    /// The number of bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|span| span.end - span.start).sum()
    }

    /// The end of the contiguous bytes from the start.
    pub(super) fn frontier(&self) -> u64 {
        self.0.first().filter(|span| span.start == 0).map_or(0, |span| span.end)
    }

    /// The missing ranges of a file of `size` bytes, in order.
    pub(super) fn gaps(&self, size: u64) -> Vec<Range<u64>> {
        let starts = std::iter::once(0).chain(self.0.iter().map(|span| span.end));
        let ends = self.0.iter().map(|span| span.start).chain(std::iter::once(size));
        starts.zip(ends).map(|(start, end)| start..end.min(size)).filter(|gap| !gap.is_empty()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Range<u64>> + Clone {
        self.0.iter()
    }
}

/// From ranges in any order, which costs no more than sorting them.
impl FromIterator<Range<u64>> for Spans {
    fn from_iter<T: IntoIterator<Item = Range<u64>>>(spans: T) -> Self {
        let mut sorted: Vec<_> = spans.into_iter().collect();
        sorted.sort_unstable_by_key(|span| span.start);
        let mut spans = Self::default();
        for span in sorted {
            // Inserts at the end, so nothing has to be moved.
            spans.insert(span);
        }
        spans
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "a test's numbers are small")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(ranges: &[Range<u64>]) -> Spans {
        let mut spans = Spans::default();
        ranges.iter().cloned().for_each(|range| spans.insert(range));
        spans
    }

    #[track_caller]
    fn check(ranges: &[Range<u64>], expected: &[Range<u64>], frontier: u64, gaps: &[Range<u64>]) {
        let spans = spans(ranges);
        assert_eq!(spans.0, expected);
        assert_eq!(spans.frontier(), frontier);
        assert_eq!(spans.gaps(10), gaps);
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
    fn ranges_merge_when_they_touch() {
        check(&[], &[], 0, &[0..10]);
        check(&[0..4, 4..10], &[0..10], 10, &[]);
        check(&[4..10, 0..4], &[0..10], 10, &[]);
        check(&[2..4, 6..8], &[2..4, 6..8], 0, &[0..2, 4..6, 8..10]);
        check(&[2..4, 6..8, 3..7], &[2..8], 0, &[0..2, 8..10]);
        check(&[0..1, 2..3, 4..5, 0..10], &[0..10], 10, &[]);
        check(&[0..3, 1..2, 5..5], &[0..3], 3, &[3..10]);
        check(&[0..12], &[0..12], 12, &[]);
        check(&[9..12], &[9..12], 0, &[0..9]);
    }

    #[test]
    fn cut_removes_every_byte_from_the_end_on() {
        let mut spans = spans(&[0..4, 6..8]);
        spans.cut(7);
        assert_eq!(spans.bytes(), 5);
        spans.cut(5);
        assert_eq!((spans.bytes(), spans.frontier()), (4, 4));
        spans.cut(0);
        assert_eq!(spans, Spans::default());
    }

    proptest! {
        #[test]
        fn spans_behave_as_a_set_of_bytes(ranges in proptest::collection::vec((0_u64..60, 0_u64..20), 0..20), cut in 0_u64..80) {
            let mut bits = [false; 80];
            let mut spans = Spans::default();
            let collected: Spans = ranges.iter().map(|(start, length)| *start..start + length).collect();
            for (start, length) in ranges {
                spans.insert(start..start + length);
                (start..start + length).for_each(|at| bits[at as usize] = true);
            }
            prop_assert_eq!(&collected, &spans);
            spans.cut(cut);
            bits.iter_mut().skip(cut as usize).for_each(|bit| *bit = false);
            let gaps: Vec<u64> = spans.gaps(80).into_iter().flatten().collect();
            let expected: Vec<u64> = (0..80).filter(|at| !bits[*at as usize]).collect();
            prop_assert_eq!(gaps, expected);
            prop_assert_eq!(spans.bytes(), bits.iter().filter(|bit| **bit).count() as u64);
            prop_assert!(spans.0.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
