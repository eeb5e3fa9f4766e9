//! Network namespaces, and links of limited speed between them.
//!
//! A namespace lives as long as the shell that waits in it, and the shell ends with this process, however
//! that ends. The kernel then removes the links, too.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Reports that it is ready, and waits.
const HOLD: &str = "ip link set lo up && echo there && read -r _";
/// A queue holds what the link carries in this fraction of a second.
const QUEUE: u64 = 4;

/// Runs this program again in a new network that it may configure.
pub(super) fn enter(program: &Path) -> Result<()> {
    let mut probe = Command::new("unshare");
    probe.args(["--net", "sh", "-c", "ip link set lo up && tc qdisc show"]);
    let works = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(
        works.is_ok_and(|status| status.success()),
        "this benchmark makes networks of its own: it needs root, `unshare` (util-linux), `ip` and `tc` (iproute2), and \
         a kernel that allows it. Nothing was measured"
    );
    let mut command = Command::new("unshare");
    command.arg("--net").arg(std::env::current_exe().context("looking for this program")?);
    command.args(std::env::args_os().skip(1)).arg("--inside");
    if !std::env::args_os().any(|argument| argument == "--program") {
        command.arg("--program").arg(program);
    }
    // `exec`, so that signals reach it as they would have reached this process.
    Err(command.exec()).context("running unshare")
}

/// A network namespace.
pub(super) struct Namespace {
    /// `None` for the namespace of this process.
    shell: Option<Child>,
}

impl Namespace {
    pub(super) fn own() -> Result<Self> {
        ip(&Self { shell: None }, "link set lo up")?;
        Ok(Self { shell: None })
    }

    pub(super) fn new() -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", HOLD]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().context("running unshare")?;
        let mut answer = String::new();
        BufReader::new(shell.stdout.take().context("no output")?).read_line(&mut answer)?;
        ensure!(answer == "there\n", "no namespace could be made");
        Ok(Self { shell: Some(shell) })
    }

    fn id(&self) -> u32 {
        self.shell.as_ref().map_or_else(std::process::id, Child::id)
    }

    /// The words in front of a command to run it here.
    pub(super) fn enter(&self) -> Vec<String> {
        ["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.id()), "--".to_owned()].into()
    }

    /// A command that runs here.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(self.enter().into_iter().skip(1)).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.shell {
            drop(shell.stdin.take());
            // The exit status does not matter.
            let _ = shell.wait();
        }
    }
}

/// A link between two namespaces.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a> {
    near: &'a Namespace,
    far: &'a Namespace,
    number: u8,
}

impl<'a> Wire<'a> {
    /// The number becomes part of the addresses.
    pub(super) fn new(near: &'a Namespace, far: &'a Namespace, number: u8) -> Result<Self> {
        let line = Self { near, far, number };
        let (one, other, id) = (line.device('n'), line.device('f'), far.id());
        ip(near, &format!("link add {one} type veth peer name {other} netns {id}"))?;
        for (place, device, address) in [(near, one, line.near_address()), (far, other, line.address())] {
            ip(place, &format!("addr add {address}/24 dev {device}"))?;
            ip(place, &format!("link set {device} up"))?;
        }
        Ok(line)
    }

    fn device(&self, end: char) -> String {
        format!("line{}{end}", self.number)
    }

    fn near_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, 1)
    }

    /// The address of the far end.
    pub(super) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, 2)
    }

    /// Limits the link to this many bytes per second in each direction.
    pub(super) fn set_speed(&self, bytes: u64) -> Result<()> {
        // At least the bytes of one timer tick, and one packet of the kernel's maximum size.
        let (burst, queue) = ((bytes / 200).max(80_000), (bytes / QUEUE).max(1 << 20));
        for (place, end) in [(self.near, 'n'), (self.far, 'f')] {
            let device = self.device(end);
            let shape = format!("rate {}bit burst {burst} limit {queue}", bytes * 8);
            tool(place, "tc", &format!("qdisc replace dev {device} root tbf {shape}"))?;
        }
        Ok(())
    }

    /// All bytes received from the far end so far, including packet headers.
    pub(super) fn received(&self) -> Result<u64> {
        let table = fs::read_to_string(format!("/proc/{}/net/dev", self.near.id()))?;
        received(&table, &self.device('n')).context("a line is not in the kernel's table")
    }
}

fn received(table: &str, device: &str) -> Option<u64> {
    let mut lines = table.lines().filter_map(|line| line.trim().split_once(':'));
    lines.find(|(name, _)| *name == device)?.1.split_whitespace().next()?.parse().ok()
}

fn ip(place: &Namespace, arguments: &str) -> Result<()> {
    tool(place, "ip", arguments)
}

fn tool(place: &Namespace, program: &str, arguments: &str) -> Result<()> {
    let output = place.command(program).args(arguments.split(' ')).output();
    let output = output.with_context(|| format!("running {program}"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program} {arguments}: {}", errors.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_counts_what_comes() {
        let table = "Inter-|   Receive  |  Transmit\n face |bytes packets\n  lo: 7 1 0\nline1n: 1234 5 0 0\n";
        assert_eq!((received(table, "line1n"), received(table, "line1")), (Some(1234), None));
    }
}
