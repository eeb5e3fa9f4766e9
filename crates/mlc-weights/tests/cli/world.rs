//! What most tests need: a hub, a folder, and the program in an otherwise empty environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use local_hub::{LocalHub, ModelFixture, PublishedModel};
pub(crate) use local_hub::{entry_in, files_below, lay_out};
use tempfile::TempDir;

use crate::schemas;

/// Longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A hub and an empty cache, independent of the test's own environment.
pub(crate) struct World {
    pub(crate) hub: LocalHub,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::around(LocalHub::start())
    }

    /// A world around a given hub.
    pub(crate) fn around(hub: LocalHub) -> Self {
        let world = Self { hub, folder: temporary_folder() };
        std::fs::create_dir(world.user()).unwrap();
        world
    }

    /// A world whose hub serves one model.
    pub(crate) fn with(fixture: &ModelFixture) -> (Self, PublishedModel) {
        let world = Self::new();
        let model = world.hub.publish(fixture);
        (world, model)
    }

    /// A world whose hub serves a small, ordinary model.
    pub(crate) fn with_tiny() -> (Self, PublishedModel) {
        Self::with(&ModelFixture::new("mlc-ai/tiny"))
    }

    /// The user's home folder.
    pub(crate) fn user(&self) -> PathBuf {
        self.beside("user")
    }

    /// The cache's home. It does not exist until something is written to it.
    pub(crate) fn home(&self) -> PathBuf {
        self.beside("home")
    }

    /// A path in the folder of this world.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the writable tier keeps a model.
    pub(crate) fn entry(&self, model: &PublishedModel) -> PathBuf {
        entry_in(&self.home().join("model_weights"), model)
    }

    /// The program, in an environment with only this hub and this cache.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Cli {
        self.cli_of(env!("CARGO_BIN_EXE_mlc-weights"), arguments)
    }

    /// The same with a copy of the program.
    pub(crate) fn cli_of(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Cli {
        let mut command = Command::new(program);
        if cfg!(unix) {
            // Windows programs need some variables to start at all.
            command.env_clear();
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.user())
            .env("MLC_LLM_HOME", self.home())
            .env("HF_ENDPOINT", self.hub.endpoint())
            .stdin(Stdio::null());
        Cli { command }
    }

    /// A file in this world with the certificate of the hub's authority.
    pub(crate) fn ca_file(&self) -> PathBuf {
        let path = self.beside("ca.pem");
        std::fs::write(&path, self.hub.ca_certificate()).unwrap();
        path
    }

    /// Downloads a model, which must succeed.
    #[track_caller]
    pub(crate) fn download(&self, model: &PublishedModel) -> Ran {
        let ran = self.cli(&["download", &model.url]).run();
        ran.check_path(&self.entry(model));
        ran
    }

    /// All files and empty folders of this world, except those in the cache's private folder.
    pub(crate) fn visible(&self) -> Vec<PathBuf> {
        let root = self.folder.path();
        let all = files_below(root).into_iter().filter(|path| !is_private(path));
        all.map(|path| path.strip_prefix(root).unwrap().to_owned()).collect()
    }

    /// There is only what every world begins with, and perhaps the cache's private folder.
    #[track_caller]
    pub(crate) fn check_untouched(&self) {
        assert_eq!(self.visible(), [Path::new("user")]);
    }

    /// Not even the cache's private folder exists.
    #[track_caller]
    pub(crate) fn check_pristine(&self) {
        assert_eq!(files_below(self.folder.path()), [self.user()]);
    }
}

/// The program, about to be run.
pub(crate) struct Cli {
    pub(crate) command: Command,
}

impl Cli {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    #[track_caller]
    pub(crate) fn run(self) -> Ran {
        let arguments = self.arguments();
        let output = assert_cmd::Command::from_std(self.command).timeout(PATIENCE).output().unwrap();
        Ran { arguments, ..Ran::from(output) }
    }

    fn arguments(&self) -> Vec<String> {
        self.command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    /// Starts the program.
    pub(crate) fn start(mut self) -> Running {
        let arguments = self.arguments();
        let child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running { id: child.id(), ended: wait_on_a_thread(child), arguments }
    }

    /// The same, with stderr going to a file that can be read meanwhile.
    pub(crate) fn start_with_stderr(mut self, path: &Path) -> Running {
        let arguments = self.arguments();
        let stderr = std::fs::File::create(path).unwrap();
        let child = self.command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        Running { id: child.id(), ended: wait_on_a_thread(child), arguments }
    }
}

/// Polls until a condition holds, where no event announces it.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "looks again after a moment, until the condition holds")]
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "it did not come to pass");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The running program.
pub(crate) struct Running {
    id: u32,
    ended: mpsc::Receiver<Output>,
    arguments: Vec<String>,
}

impl Running {
    /// Sends a signal by name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        // `kill` is built into the shell; not every system has it as a program.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id)]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the program to end, and returns its peak memory in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak(&self) -> u64 {
        let mut peak = 0;
        until(|| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let seen = line.map(|line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024);
            peak = seen.unwrap_or(peak);
            // A process that has ended has no memory.
            seen.is_none()
        });
        peak
    }

    /// Sends a signal to the program's only child; `strace` has one.
    #[cfg(target_os = "linux")]
    pub(crate) fn signal_child(&self, name: &str) {
        let children = format!("/proc/{id}/task/{id}/children", id = self.id);
        let line = format!("kill -{name} $(cat {children})");
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    /// Sends two signals in immediate succession. The program may have ended before the second.
    #[cfg(unix)]
    pub(crate) fn signal_twice(&self, first: &str, second: &str) {
        let line = format!("kill -{first} {id} && {{ kill -{second} {id} || true; }}", id = self.id);
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    #[track_caller]
    pub(crate) fn end(self) -> Ran {
        self.end_within(PATIENCE)
    }

    #[track_caller]
    pub(crate) fn end_within(self, patience: Duration) -> Ran {
        Ran { arguments: self.arguments, ..Ran::from(self.ended.recv_timeout(patience).unwrap()) }
    }
}

fn wait_on_a_thread(child: Child) -> mpsc::Receiver<Output> {
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        // If the test has failed meanwhile, nobody receives it.
        let _ = sender.send(child.wait_with_output().unwrap());
    });
    ended
}

/// The results of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    arguments: Vec<String>,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        Self { status: output.status.code(), stdout: output.stdout, stderr, arguments: Vec::new() }
    }
}

impl Ran {
    /// The run succeeded: stdout is exactly the path and a newline.
    #[track_caller]
    pub(crate) fn check_path(&self, path: &Path) {
        let expected = [path.as_os_str().as_encoded_bytes(), b"\n"].concat();
        assert_eq!((self.status, &self.stdout), (Some(0), &expected), "{}", self.stderr);
    }

    /// The run failed with this status and these words on stderr; stdout is empty, and no line is repeated.
    #[track_caller]
    pub(crate) fn check_failure(&self, status: i32, words: &[&str]) {
        let stderr = &self.stderr;
        assert_eq!(self.status, Some(status), "{stderr}");
        assert_eq!(String::from_utf8_lossy(&self.stdout), "", "{stderr}");
        for word in words {
            assert!(stderr.contains(word), "{word:?} is missing in:\n{stderr}");
        }
        let report: Vec<&str> = stderr.lines().skip_while(|line| !line.starts_with("error: ")).collect();
        assert!(!report.is_empty(), "no error in:\n{stderr}");
        for (index, line) in report.iter().enumerate() {
            let words = line.trim_start().trim_start_matches("because: ");
            let above = report[..index].iter().any(|earlier| earlier.ends_with(words) && !words.is_empty());
            assert!(!above, "{words:?} is told twice in:\n{stderr}");
        }
    }

    /// Stdout, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// The only JSON document on stdout, checked against its schema, whatever the status.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let document = serde_json::from_slice(&self.stdout).unwrap();
        let documents = [document];
        schemas::check(&schemas::name_of(&self.arguments), &documents);
        let [document] = documents;
        document
    }

    /// The events of `--progress json`, checked against their schema.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let objects = self.stderr.lines().filter(|line| line.starts_with('{'));
        let events: Vec<_> = objects.map(|line| serde_json::from_str(line).unwrap()).collect();
        schemas::check("progress", &events);
        events
    }

    /// The lines on stderr.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stderr.lines().collect()
    }
}

/// Whether a verified file of a model is in staging.
#[cfg(unix)]
pub(crate) fn is_in_pool(home: &Path, model: &PublishedModel, file: &str) -> bool {
    let name = format!("pool/sha256-{}", model.file(file).unwrap().sha256);
    files_below(home).iter().any(|path| path.ends_with(&name))
}

fn is_private(path: &Path) -> bool {
    path.components().any(|component| component.as_os_str() == ".mlc-weights")
}

#[expect(clippy::disallowed_methods, reason = "tests have no folder of their own to begin with")]
fn temporary_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}
