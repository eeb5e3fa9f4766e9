//! Blocking work alongside async tasks, and time limits.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use crate::error::Error;

/// A timer that fires this late shows that the program or the machine was suspended.
const LATE: Duration = Duration::from_secs(1);

/// The future's result, or `None` after `limit`. Only time in which the program runs counts: after a
/// suspension the future gets the whole limit again, since data that arrived meanwhile was not read.
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

/// Runs a job on a thread for blocking work.
///
/// # Errors
///
/// The job's own error; [`Error::Cancelled`] if the runtime shut down before it began.
///
/// # Cancellation
///
/// Dropping the future does not stop a job that has begun.
///
/// # Panics
///
/// A panic in the job resumes in the caller.
pub async fn blocking<T, E>(job: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    joined(spawn_blocking(job).await)
}

/// The result of a joined task or blocking job. A panic in it resumes in the caller.
///
/// # Errors
///
/// The task's own error; [`Error::Cancelled`] if it did not run to its end.
pub fn joined<T, E: From<Error>>(joined: Result<Result<T, E>, JoinError>) -> Result<T, E> {
    match joined {
        Ok(result) => result,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Cancelled.into()),
        },
    }
}
