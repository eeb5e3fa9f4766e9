//! The program under `strace`, which reports its system calls and can make them fail.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::world::Cli;

/// The calls that make data durable, and those that rename and remove files.
const CALLS: &str =
    "trace=fsync,fdatasync,sync_file_range,syncfs,sync,rename,renameat,renameat2,unlink,unlinkat";

/// Whether `strace` works here: it is installed, and tracing other processes is allowed.
#[expect(clippy::print_stderr, reason = "says what is not checked, and why")]
pub(crate) fn is_possible() -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).stdin(Stdio::null()).output();
    let works = tried.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("skipped: strace does not work here: {tried:?}");
    }
    works
}

/// The same program under `strace`, which writes its report to a file.
pub(crate) fn traced(cli: &Cli, report: &Path) -> Cli {
    under(cli, &["-y", "-s", "4096", "-e", CALLS, "-o"].map(OsString::from), report)
}

/// The same program, in which a call fails; `failure` says how and when, in the syntax of `strace`.
pub(crate) fn with_failing(cli: &Cli, call: &str, failure: &str, report: &Path) -> Cli {
    let (trace, inject) = (format!("trace={call}"), format!("inject={failure}"));
    under(cli, &["-e", &trace, "-e", &inject, "-o"].map(OsString::from), report)
}

fn under(cli: &Cli, options: &[OsString], report: &Path) -> Cli {
    let program = &cli.command;
    let mut command = Command::new("strace");
    command.args(["--follow-forks", "--quiet=all", "--seccomp-bpf"]).args(options).arg(report);
    command.arg(program.get_program()).args(program.get_args());
    command.env_clear().stdin(Stdio::null());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    Cli { command }
}

/// A call that succeeded.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The file that was synced or removed, or the old and new name of a rename.
    pub(crate) paths: Vec<PathBuf>,
    /// The lines of the report at which the call begins and ends. With several threads, lines of other
    /// calls are in between.
    begun: usize,
    ended: usize,
}

impl Call {
    pub(crate) fn is_sync(&self) -> bool {
        self.name.contains("sync")
    }

    pub(crate) fn is_rename(&self) -> bool {
        self.name.starts_with("rename")
    }

    pub(crate) fn is_removal(&self) -> bool {
        self.name.starts_with("unlink")
    }

    /// Whether it ended before the other began.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.ended < other.begun
    }
}

/// The successful calls in a report, in the order in which they began.
pub(crate) fn calls(report: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(report).unwrap();
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: Vec<(&str, &str, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (thread, words) = line.split_once(' ').unwrap();
        let words = words.trim_start();
        let (begun, words) = if words.starts_with("<... ") {
            let place = unfinished.iter().position(|(known, ..)| *known == thread).unwrap();
            let (_, beginning, begun) = unfinished.remove(place);
            if !words.ends_with(" = 0") {
                continue;
            }
            (begun, beginning)
        } else if words.ends_with("<unfinished ...>") {
            unfinished.push((thread, words, number));
            continue;
        } else if words.ends_with(" = 0") {
            (number, words)
        } else {
            continue;
        };
        calls.push(parse(words, begun, number));
    }
    calls.sort_by_key(|call| call.begun);
    calls
}

/// The folder of the last file descriptor.
fn folder_in(arguments: &str) -> &Path {
    let folder = arguments.rsplit_once('<').and_then(|(_, folder)| folder.split_once('>'));
    Path::new(folder.map_or("", |(folder, _)| folder))
}

fn parse(words: &str, begun: usize, ended: usize) -> Call {
    let (name, arguments) = words.split_once('(').unwrap();
    let paths = if name.contains("sync") {
        // The file that follows the descriptor.
        arguments.split(['<', '>']).skip(1).take(1).map(PathBuf::from).collect()
    } else {
        // A name, preceded by its folder's descriptor, which matters only if the name is relative.
        let parts: Vec<&str> = arguments.split('"').collect();
        parts.chunks_exact(2).map(|pair| folder_in(pair[0]).join(pair[1])).collect()
    };
    Call { name: name.to_owned(), paths, begun, ended }
}
