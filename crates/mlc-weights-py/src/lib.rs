//! The private module `_native` of the Python package `mlc_weights`.
//!
//! | module | |
//! |---|---|
//! | `request` | a requested model: arguments and a snapshot of Python's environment |
//! | `cache` | maintenance of the cache |
//! | `job` | work on a thread of its own, which Python waits for in short intervals |
//! | `at_work` | whether a forked child may begin a job |
//! | `news` | what the work reports: messages and counters |
//! | `results` | results, as the classes of `mlc_weights._results` |
//! | `failure` | errors, as the exceptions of `mlc_weights._errors` |
//!
//! The only global state is a count of running jobs: each has a thread and a runtime of its own, which
//! end with it. No Python code runs on them, so no job needs the GIL; the loop around a job, which
//! logs, draws and handles Ctrl-C, is Python code on the caller's thread.

mod at_work;
mod cache;
mod failure;
mod job;
mod news;
mod request;
mod results;

/// The module as imported by Python. `python/mlc_weights/_native.pyi` describes its types.
#[pyo3::pymodule(name = "_native")]
mod native {
    #[pymodule_export]
    use crate::cache::Cache;
    #[pymodule_export]
    use crate::job::Job;
    #[pymodule_export]
    use crate::news::News;
    #[pymodule_export]
    use crate::request::{Request, local_directory};
}
