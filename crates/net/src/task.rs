//! Blocking work beside the async tasks, and time limits.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use crate::error::Error;

/// A timer that rings so much too late shows that the whole program, or the machine, stood still meanwhile.
const LATE: Duration = Duration::from_secs(1);

/// What a future answers within `limit`, or `None`. Only time in which the program runs counts: after it was suspended
/// the future has the whole limit again, since what arrived meanwhile was not read.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    loop {
        let began = Instant::now();
        match timeout(limit, future.as_mut()).await {
            Ok(output) => return Some(output),
            Err(_) if began.elapsed() > limit + LATE => tracing::debug!("the program was suspended"),
            Err(_) => return None,
        }
    }
}

/// Runs a job on a thread for blocking ones.
///
/// # Errors
/// What the job answers; [`Error::Cancelled`] when the runtime was shut down before it began.
///
/// # Cancellation
/// Dropping the future does not end a job that has begun: it runs to its end.
///
/// # Panics
/// A panic of the job goes on in the caller.
pub async fn blocking<T, E>(job: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    joined(spawn_blocking(job).await)
}

/// The result of a task or blocking job that was waited for. A panic in it goes on in the caller.
///
/// # Errors
/// What the task answers; [`Error::Cancelled`] when it did not run to its end.
pub fn joined<T, E: From<Error>>(joined: Result<Result<T, E>, JoinError>) -> Result<T, E> {
    match joined {
        Ok(result) => result,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Cancelled.into()),
        },
    }
}
