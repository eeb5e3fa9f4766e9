//! A folder for what a program with a hub needs only while it runs.

use std::future::Future;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

/// Runs `task` with a temporary folder, which is removed however the task ends, also when it is interrupted by Ctrl-C or
/// told to end.
///
/// The folder is beside this program, in cargo's target folder, where there is room for whole models; the system's own
/// temporary folder is often in memory.
///
/// # Errors
/// Those of the task; "interrupted"; and when the folder cannot be made or removed.
pub fn with_scratch<F: Future<Output = Result<()>>>(task: impl FnOnce(Box<Path>) -> F) -> Result<()> {
    let scratch = make().context("making a temporary folder beside this program")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            // A task that waits for the interruption itself ends well.
            biased;
            outcome = task(scratch.path().into()) => outcome,
            () = interrupted() => bail!("interrupted"),
        }
    });
    // Waits for what still writes into the folder.
    drop(runtime);
    let path = scratch.path().display().to_string();
    let removed = scratch.close().with_context(|| format!("removing {path}"));
    outcome.and(removed)
}

fn make() -> Result<TempDir> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("this program is in no folder")?;
    Ok(tempfile::Builder::new().prefix("scratch-").tempdir_in(folder)?)
}

/// Waits for Ctrl-C, or for a request to end.
pub async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    // Where it cannot be listened for, Ctrl-C ends the process at once.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Mutex;

    use super::*;

    /// Where the folder was.
    fn run(outcome: Result<()>) -> (PathBuf, Result<()>) {
        let seen = Mutex::new(PathBuf::new());
        let outcome = with_scratch(|scratch| {
            let written = std::fs::write(scratch.join("file"), "x").context("writing");
            *seen.lock().unwrap() = scratch.into();
            async move { written.and(outcome) }
        });
        (seen.into_inner().unwrap(), outcome)
    }

    #[test]
    fn nothing_is_left_behind() {
        for expected in [Ok(()), Err(anyhow::anyhow!("failed"))] {
            let failed = expected.is_err();
            let (folder, outcome) = run(expected);
            assert_eq!(outcome.is_err(), failed, "{outcome:?}");
            assert!(folder.is_absolute() && !folder.exists(), "{}", folder.display());
        }
    }
}
