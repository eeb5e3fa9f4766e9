//! Locks that survive a panicking test thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. A panicked test thread leaves consistent data, since no guard is held across a call
/// that can fail.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
