//! Whether threads of ours ran when this process was forked.
//!
//! A forked child has only the thread that forked. A lock that another one held at that moment stays taken in it, and
//! whoever wants it waits for ever: so it is with the table that all locks of `parking_lot` share. So no work is begun in
//! such a child.

use std::process;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How many threads are at work, in the process that began it. A forked child has both as they were.
static THREADS: AtomicUsize = AtomicUsize::new(0);
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// A thread is at work for as long as this lives.
pub(crate) struct AtWork(());

impl AtWork {
    /// Fails in a process that was forked while a thread of its parent was at work. Called with the GIL, as `fork` is.
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
