//! Work on other threads. A panic there resumes in the caller.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use crate::Error;

/// More threads would only wait for each other in the file system.
const MOST_THREADS: usize = 16;

/// Runs a job on one of tokio's threads for blocking work, and waits for it. If the future is dropped,
/// a job that has begun runs to its end.
pub(crate) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // The job's log events belong to the task's span.
    let span = tracing::Span::current();
    net::blocking(move || span.in_scope(job)).await
}

/// The result of a thread.
pub(crate) fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Applies `job` to each item; results are in the items' order. Uses the calling thread and as many
/// others as the machine has cores; if the system starts none, only the calling thread.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let others = threads.min(MOST_THREADS).min(items.len()).saturating_sub(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            match items.get(place) {
                Some(item) => done.push((place, job(item))),
                None => return done,
            }
        }
    };
    let mut done = thread::scope(|scope| {
        let started: Vec<_> =
            (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut done = work();
        for thread in started {
            done.extend(join(thread));
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_items_order() {
        for count in [0, 1, 2, 3, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(map(&items, |item| item * 2), doubled);
        }
    }

    #[test]
    fn a_panic_goes_on_in_the_caller() {
        let items: Vec<usize> = (0..100).collect();
        let caught = std::panic::catch_unwind(|| map(&items, |item| assert_ne!(*item, 50)));
        assert!(caught.is_err());
    }
}
