//! What the Python package `mlc_weights` is built on: its private module `_native`.
//!
//! | module | |
//! |---|---|
//! | `request` | a model that is asked for, by arguments and a snapshot of Python's environment |
//! | `cache` | the cache to look after |
//! | `job` | work on a thread of its own that Python waits for, a moment at a time |
//! | `at_work` | whether a forked child may begin a job |
//! | `news` | what the work tells: messages and counters |
//! | `results` | what it comes to, as the classes of `mlc_weights._results` |
//! | `failure` | what goes wrong, as the exceptions of `mlc_weights._errors` |
//!
//! Nothing is global but a count of the jobs: each has a thread and a runtime of its own, which end with it. No Python runs on them, so
//! that no job needs the GIL, and the loop around a job, which logs, draws and hears Ctrl-C, is Python on its
//! caller's thread.

mod at_work;
mod cache;
mod failure;
mod job;
mod news;
mod request;
mod results;

/// The module, as Python imports it. Its types are described in `python/mlc_weights/_native.pyi`.
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
