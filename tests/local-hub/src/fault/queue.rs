//! Faults in the order in which they were given.

use std::ops::RangeInclusive;

use parking_lot::Mutex;

use super::{Fault, FaultTarget, Times};
use crate::log::Route;

/// What a target is compared with.
pub(crate) struct Subject<'a> {
    pub(crate) route: Route,
    pub(crate) method: &'a str,
    /// The file's path, the repository's name, or the URL's path.
    pub(crate) text: &'a str,
    /// The requested bytes, if there is a `Range`.
    pub(crate) range: Option<RangeInclusive<u64>>,
}

#[derive(Debug, Default)]
pub(crate) struct FaultQueue {
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    target: FaultTarget,
    fault: Fault,
    left: Option<usize>,
}

impl FaultQueue {
    pub(crate) fn add(&self, target: FaultTarget, fault: Fault, times: Times) {
        let left = match times {
            Times::Once => Some(1),
            Times::N(times) => Some(times),
            Times::Forever => None,
        };
        if left != Some(0) {
            self.waiting.lock().push(Waiting { target, fault, left });
        }
    }

    /// The first fault for this request; one use of it is consumed.
    pub(crate) fn take(&self, subject: &Subject<'_>) -> Option<Fault> {
        let mut queue = self.waiting.lock();
        let index = queue.iter_mut().position(|waiting| waiting.is_for(subject))?;
        let waiting = queue.get_mut(index)?;
        let fault = waiting.fault.clone();
        if let Some(left) = &mut waiting.left {
            *left -= 1;
            if *left == 0 {
                queue.remove(index);
            }
        }
        Some(fault)
    }

    /// The number of uses left; an unlimited fault counts as one.
    pub(crate) fn left(&self) -> usize {
        self.waiting.lock().iter().map(|waiting| waiting.left.unwrap_or(1)).sum()
    }

    pub(crate) fn clear(&self) {
        self.waiting.lock().clear();
    }
}

impl Waiting {
    fn is_for(&mut self, subject: &Subject<'_>) -> bool {
        if !self.target.fits(subject) || !self.fault.can_touch(subject) {
            return false;
        }
        if self.target.skip > 0 {
            self.target.skip -= 1;
            return false;
        }
        true
    }
}

impl FaultTarget {
    fn fits(&self, subject: &Subject<'_>) -> bool {
        self.route.is_none_or(|route| route == subject.route)
            && subject.text.ends_with(&self.suffix)
            && self.method.as_deref().is_none_or(|method| method == subject.method)
            && (!self.resumed || subject.range.as_ref().is_some_and(|range| *range.start() > 0))
    }
}

impl Fault {
    fn can_touch(&self, subject: &Subject<'_>) -> bool {
        match (self, &subject.range) {
            (Self::Corrupt { at }, Some(range)) => range.contains(at),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(route: Route, text: &str, range: Option<RangeInclusive<u64>>) -> Subject<'_> {
        Subject { route, method: "GET", text, range }
    }

    fn statuses(queue: &FaultQueue, requests: &[Subject<'_>]) -> Vec<u16> {
        requests
            .iter()
            .map(|subject| match queue.take(subject) {
                Some(Fault::Status { code, .. }) => code,
                Some(_) => 1,
                None => 0,
            })
            .collect()
    }

    #[test]
    fn faults_are_consumed_in_order() {
        let queue = FaultQueue::default();
        queue.add(FaultTarget::data("a.bin"), Fault::status(503), Times::N(2));
        queue.add("a.bin".into(), Fault::status(429), Times::Once);
        assert_eq!(queue.left(), 3);
        let data = || subject(Route::Data, "sub/a.bin", None);
        assert_eq!(
            statuses(
                &queue,
                &[
                    data(),
                    subject(Route::Resolve, "a.bin", None),
                    data(),
                    data(),
                    subject(Route::Data, "b.bin", None)
                ]
            ),
            [503, 429, 503, 0, 0]
        );
        assert_eq!(queue.left(), 0);
    }

    #[test]
    fn a_fault_waits_for_its_turn() {
        let queue = FaultQueue::default();
        queue.add(FaultTarget::data("").resumed().skip(1), Fault::status(500), Times::Once);
        let fresh = || subject(Route::Data, "a", Some(0..=9));
        let resumed = || subject(Route::Data, "a", Some(5..=9));
        assert_eq!(statuses(&queue, &[fresh(), resumed(), fresh(), resumed(), resumed()]), [0, 0, 0, 500, 0]);
    }

    #[test]
    fn corruption_waits_for_its_byte() {
        let queue = FaultQueue::default();
        queue.add(FaultTarget::data(""), Fault::Corrupt { at: 10 }, Times::Once);
        let part = |range| subject(Route::Data, "a", Some(range));
        assert_eq!(
            statuses(&queue, &[part(0..=9), part(11..=u64::MAX), part(10..=10), part(10..=10)]),
            [0, 0, 1, 0]
        );
    }
}
