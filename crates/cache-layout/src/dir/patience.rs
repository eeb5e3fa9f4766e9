//! Windows does not rename or remove what another program has open. Virus scanners and indexers open what was
//! just written, and close it a moment later: so these steps are repeated for some seconds.

use std::io;
use std::time::Duration;

/// Milliseconds between one try and the next: 5 s in all. Most holders are gone after the first few.
const PAUSES: [u64; 14] = [10, 20, 40, 80, 150, 200, 500, 500, 500, 600, 600, 600, 600, 600];

/// Windows' numbers for what another program may cause: access denied, sharing violation, lock violation,
/// a folder that still has a deleted file in it, a deletion that is pending, a file that is mapped.
const HELD: [i32; 6] = [5, 32, 33, 145, 303, 1224];

/// The end of patience.
#[derive(Debug)]
struct Held(io::Error);

impl std::error::Error for Held {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "Windows refused it for 5 s; either it is not permitted, or another program has a file in it open: \
             close that program, or exclude the cache from virus scans, and try again",
        )
    }
}

/// Does a step. On Windows it is repeated while another program may be in the way; elsewhere none can be.
pub(super) fn patiently<T>(step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    if cfg!(windows) { repeat(step, pause) } else { once(step) }
}

fn once<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    step()
}

fn repeat<T>(mut step: impl FnMut() -> io::Result<T>, mut pause: impl FnMut(Duration)) -> io::Result<T> {
    for milliseconds in PAUSES {
        match step() {
            Err(error) if is_held(&error) => pause(Duration::from_millis(milliseconds)),
            outcome => return outcome,
        }
    }
    step().map_err(|error| if is_held(&error) { io::Error::new(error.kind(), Held(error)) } else { error })
}

fn is_held(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|number| HELD.contains(&number))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a blocking step, and nothing tells when the other program is done"
)]
fn pause(length: Duration) {
    std::thread::sleep(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome of a step that fails with these numbers one after the other and then succeeds, how often it
    /// was tried, and for how long was waited.
    fn run(failures: &[i32]) -> (io::Result<()>, usize, Duration) {
        let (mut tries, mut waited) = (0, Duration::ZERO);
        let step = || {
            let failure = failures.get(tries);
            tries += 1;
            failure.map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(*number)))
        };
        let outcome = repeat(step, |length| waited += length);
        (outcome, tries, waited)
    }

    #[test]
    fn what_passes_is_waited_for() {
        for number in HELD {
            let (outcome, tries, waited) = run(&[number; 3]);
            outcome.unwrap();
            assert_eq!((tries, waited), (4, Duration::from_millis(70)));
        }
    }

    #[test]
    fn what_stays_is_named_after_some_seconds() {
        let (outcome, tries, waited) = run(&[32; 100]);
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("another program has a file in it open"), "{error}");
        assert_eq!((tries, waited), (PAUSES.len() + 1, Duration::from_secs(5)));
        assert_eq!(error.kind(), io::Error::from_raw_os_error(32).kind());
        let held = error.into_inner().unwrap();
        let cause = held.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(cause.raw_os_error(), Some(32));
    }

    #[test]
    fn nothing_else_is_waited_for() {
        for number in [2, 3, 17, 112, 183] {
            let (outcome, tries, waited) = run(&[number]);
            assert_eq!(outcome.unwrap_err().raw_os_error(), Some(number));
            assert_eq!((tries, waited), (1, Duration::ZERO));
        }
        // What the step makes of it has no number.
        assert_eq!(
            repeat(|| Err::<(), _>(io::ErrorKind::AlreadyExists.into()), |_| panic!()).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }
}
