//! Which process a run belongs to, and whether it is still alive.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::place::{Place, SMALL};

/// A process, identified across machines. A host name would not do, since containers of one image share
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// The boot id: one start of one machine.
    boot: String,
    /// The PID namespace: each container numbers its own processes.
    namespace: Option<String>,
    pid: u32,
    /// When it started, in ticks since boot, since process ids are reused.
    began: Option<u64>,
    /// Whether it holds its run's lock, and that lock excludes others.
    pub(super) has_lock: bool,
}

impl Process {
    /// This process; `None` if the system does not identify the machine.
    pub(super) fn this(has_lock: bool) -> Option<Self> {
        let pid = std::process::id();
        Some(Self {
            boot: boot()?,
            namespace: namespace(),
            pid,
            began: look(pid).map(|status| status.began),
            has_lock,
        })
    }

    /// `None` if there is no readable note. Anyone with write access to the cache may have written it.
    pub(super) fn read(place: &Place) -> Option<Self> {
        serde_json::from_slice(&place.read(SMALL).ok()?).ok()
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether it ran on this machine since the last boot.
    pub(super) fn is_of_this_boot(&self) -> bool {
        boot().is_some_and(|boot| boot == self.boot)
    }

    /// Whether it is running; `None` if that cannot be known from here. A process from another boot may
    /// just as well have been on another machine.
    pub(super) fn is_running(&self) -> Option<bool> {
        let can_tell = self.is_of_this_boot() && self.namespace.is_some() && self.namespace == namespace();
        can_tell.then(|| match look(self.pid) {
            Some(Status { is_over: true, .. }) => false,
            Some(Status { began, .. }) if self.began.is_some_and(|then| then != began) => false,
            _ => is_there(self.pid),
        })
    }
}

/// Available on Linux only.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

fn namespace() -> Option<String> {
    fs::read_link("/proc/self/ns/pid").ok()?.into_os_string().into_string().ok()
}

struct Status {
    /// It has ended, and its parent has not yet collected its status.
    is_over: bool,
    began: u64,
}

fn look(pid: u32) -> Option<Status> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The process name before it may contain anything.
    let (_, fields) = status.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let is_over = matches!(fields.next()?, "Z" | "X");
    Some(Status { is_over, began: fields.nth(18)?.parse().ok()? })
}

/// Another user's process may be hidden in `/proc`, but not from this call.
#[cfg(unix)]
fn is_there(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_there(_: u32) -> bool {
    true
}
