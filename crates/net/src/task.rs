//! Blocking work beside the async tasks.

use tokio::task::{JoinError, spawn_blocking};

use crate::error::Error;

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
