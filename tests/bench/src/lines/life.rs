//! One life of a program: from its start until it ends or is killed.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::measure::shown;
use crate::workplace::go_on;

/// How often to check whether the benchmark was interrupted.
const LOOK: Duration = Duration::from_millis(200);

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The program reported success.
    Done,
    GaveUp,
    Killed,
    /// The deadline passed.
    TooLate,
}

/// Runs the program until the deadline, or for its lifespan. Its output goes to a file: it would block on a
/// pipe that nobody reads.
pub(super) fn live(
    command: &mut Command,
    errors: &Path,
    deadline: Instant,
    lifetime: Option<Duration>,
) -> Result<End> {
    let file = File::create(errors).with_context(|| format!("creating {}", errors.display()))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    // So that its child processes can be killed with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let killed_at = lifetime.map(|lifetime| Instant::now() + lifetime);
    let mut child = command.spawn().with_context(|| format!("running {}", shown(command)))?;
    let pid = child.id();
    let (tell, ended) = channel();
    let waiting = thread::spawn(move || {
        // If the benchmark was interrupted, nobody receives it.
        let _ = tell.send(child.wait());
    });
    let end = wait(&ended, deadline, killed_at);
    kill_group(pid);
    // It has ended, or was killed.
    let _ = waiting.join();
    end
}

fn wait(
    ended: &Receiver<std::io::Result<ExitStatus>>,
    deadline: Instant,
    killed_at: Option<Instant>,
) -> Result<End> {
    let (until, end) = match killed_at {
        Some(killed_at) if killed_at < deadline => (killed_at, End::Killed),
        _ => (deadline, End::TooLate),
    };
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match ended.recv_timeout(left.min(LOOK)) {
            Ok(status) => {
                let is_success = status.context("waiting for the program")?.success();
                return Ok(if is_success { End::Done } else { End::GaveUp });
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(End::GaveUp),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(end),
            Err(RecvTimeoutError::Timeout) => go_on()?,
        }
    }
}

/// Kills all remaining processes of the group.
fn kill_group(pid: u32) {
    let line = format!("kill -s KILL -- -{pid}");
    // Usually there are none left.
    let _ = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use local_hub::with_scratch;

    use super::*;

    fn check(script: &'static str, deadline: u64, lifetime: Option<u64>, expected: End) {
        with_scratch(|scratch| async move {
            let deadline = Instant::now() + Duration::from_millis(deadline);
            let lifetime = lifetime.map(Duration::from_millis);
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let end = live(&mut command, &scratch.join("errors"), deadline, lifetime)?;
            assert_eq!(end, expected, "{script}");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn lives_end_in_four_ways() {
        check("true", 20_000, Some(10_000), End::Done);
        check("false", 20_000, None, End::GaveUp);
        check("sleep 60 & sleep 60", 20_000, Some(100), End::Killed);
        check("sleep 60 & sleep 60", 100, Some(20_000), End::TooLate);
    }

    #[test]
    fn helpers_end_with_the_program() {
        with_scratch(|scratch| async move {
            let mut command = Command::new("sh");
            let file = scratch.join("helper");
            command.args(["-c", &format!("sleep 60 & echo $! > {}; wait", file.display())]);
            let deadline = Instant::now() + Duration::from_secs(20);
            let lifetime = Some(Duration::from_millis(500));
            assert_eq!(live(&mut command, &scratch.join("errors"), deadline, lifetime)?, End::Killed);
            let helper = std::fs::read_to_string(file)?;
            let is_alive = || {
                let stat = std::fs::read_to_string(format!("/proc/{}/stat", helper.trim()));
                stat.is_ok_and(|stat| !stat.contains(") Z "))
            };
            while is_alive() && Instant::now() < deadline {}
            assert!(!is_alive());
            Ok(())
        })
        .unwrap();
    }
}
