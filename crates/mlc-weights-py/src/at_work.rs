//! Whether threads of ours were running when this process was forked.
//!
//! A forked child has only the thread that forked. A lock that another thread held at that moment is never released in
//! the child. The table that all locks of `parking_lot` share is such a lock: a child that needs it would hang. Such a
//! child therefore refuses to start work.

use std::process;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How many threads are running in the process that started them. A forked child has a copy of this
/// count.
static THREADS: AtomicUsize = AtomicUsize::new(0);
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Counts a thread as running while this lives.
pub(crate) struct AtWork(());

impl AtWork {
    /// Fails in a process that was forked while a thread of its parent was running. Called with the
    /// GIL, like `fork`.
    pub(crate) fn begin() -> PyResult<Self> {
        let process = process::id();
        let begun_by = PROCESS.load(Ordering::Relaxed);
        if begun_by != process && THREADS.load(Ordering::Relaxed) > 0 {
            return Err(PyRuntimeError::new_err(format!(
                "process {process} was forked while process {begun_by} was at work on a model, and can begin no work \
                 of its own; fork before that or after, or start processes by spawn"
            )));
        }
        PROCESS.store(process, Ordering::Relaxed);
        THREADS.fetch_add(1, Ordering::Relaxed);
        Ok(Self(()))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}
