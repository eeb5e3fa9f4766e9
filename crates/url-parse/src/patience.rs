//! Windows neither renames nor removes a file that another program has open. Virus scanners and
//! indexers open new files and close them a moment later, so such operations are repeated for some
//! seconds.

use std::io;
use std::time::Duration;

/// Pauses between attempts in milliseconds: 5 s in all. Usually the first few are enough.
const PAUSES: [u64; 14] = [10, 20, 40, 80, 150, 200, 500, 500, 500, 600, 600, 600, 600, 600];

/// Windows error codes that another program may cause: access denied, sharing violation, lock
/// violation, directory not empty (with a deleted file in it), delete pending, file mapped.
const HELD: [i32; 6] = [5, 32, 33, 145, 303, 1224];

/// The attempts are used up.
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
            "Windows refused it for 5 s: either it is not permitted, or another program has a file in it open",
        )
    }
}

/// Renames, removes or lists files. On Windows such a step is repeated for up to 5 s while another program
/// may have one of the files open, such as a virus scanner. Blocks.
///
/// # Errors
///
/// Those of the last attempt. If the step was refused for all of the time, the error says so, and the
/// system's own is its source.
pub fn patiently<T>(step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
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

    /// The result of an operation that first fails with these codes in turn and then succeeds, the
    /// number of attempts, and the total pause.
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
    fn a_temporary_obstacle_is_waited_for() {
        for number in HELD {
            let (outcome, tries, waited) = run(&[number; 3]);
            outcome.unwrap();
            assert_eq!((tries, waited), (4, Duration::from_millis(70)));
        }
    }

    #[test]
    fn a_lasting_obstacle_is_reported_after_some_seconds() {
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
    fn other_failures_are_not_waited_for() {
        for number in [2, 3, 17, 112, 183] {
            let (outcome, tries, waited) = run(&[number]);
            assert_eq!(outcome.unwrap_err().raw_os_error(), Some(number));
            assert_eq!((tries, waited), (1, Duration::ZERO));
        }
        // An error that the operation itself made has no code.
        assert_eq!(
            repeat(|| Err::<(), _>(io::ErrorKind::AlreadyExists.into()), |_| panic!()).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
    }
}
