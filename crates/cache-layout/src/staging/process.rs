//! Which process a run belongs to, and whether it is still there.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::place::{Place, SMALL};

/// A process, told from all others of all machines. The name of a host would not do: containers of one image share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// One start of one machine.
    boot: String,
    /// Where the number counts: each container numbers its own processes.
    namespace: Option<String>,
    pid: u32,
    /// When it began, in ticks of the machine since its start: numbers come again.
    began: Option<u64>,
    /// Whether it has its run's lock, and that keeps others from taking it.
    pub(super) has_lock: bool,
}

impl Process {
    /// This process; nothing where the system does not tell which machine this is.
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

    /// `None` when there is no note that can be read. Anybody who may write to the cache may have written it.
    pub(super) fn read(place: &Place) -> Option<Self> {
        serde_json::from_slice(&place.read(SMALL).ok()?).ok()
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether it ran on this machine, and since its last start.
    pub(super) fn is_of_this_boot(&self) -> bool {
        boot().is_some_and(|boot| boot == self.boot)
    }

    /// Whether it is there; `None` when that cannot be known from here. One of an earlier start of the machine may as
    /// well have been on another machine.
    pub(super) fn is_running(&self) -> Option<bool> {
        let can_tell = self.is_of_this_boot() && self.namespace.is_some() && self.namespace == namespace();
        can_tell.then(|| match look(self.pid) {
            Some(Status { is_over: true, .. }) => false,
            Some(Status { began, .. }) if self.began.is_some_and(|then| then != began) => false,
            _ => is_there(self.pid),
        })
    }
}

/// Only Linux tells.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

fn namespace() -> Option<String> {
    fs::read_link("/proc/self/ns/pid").ok()?.into_os_string().into_string().ok()
}

struct Status {
    /// It has ended, and waits for its parent to ask how.
    is_over: bool,
    began: u64,
}

fn look(pid: u32) -> Option<Status> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, which comes before, may hold anything.
    let (_, fields) = status.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let is_over = matches!(fields.next()?, "Z" | "X");
    Some(Status { is_over, began: fields.nth(18)?.parse().ok()? })
}

/// Another user's process may be hidden from a look, and not from this question.
#[cfg(unix)]
fn is_there(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_there(_: u32) -> bool {
    true
}
