//! Starting servers by other authors, which cannot choose a port and print it.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Far longer than any of them takes to start, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const ATTEMPTS: usize = 5;

/// Ports that were free a moment ago.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a port"))
        .collect::<Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Starts a server, and again if it fails: another process may have taken one of its ports meanwhile.
pub(crate) fn try_again<T>(start: impl Fn() -> Result<T>) -> Result<T> {
    let mut outcome = start();
    for _ in 1..ATTEMPTS {
        if outcome.is_err() {
            outcome = start();
        }
    }
    outcome
}

#[expect(clippy::disallowed_methods, reason = "another program's start can only be looked for")]
pub(crate) fn wait_for(process: &mut Child, is_there: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = process.try_wait()? {
            bail!("it ended with {status}");
        }
        if is_there() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("it was not there after {PATIENCE:?}")
}
