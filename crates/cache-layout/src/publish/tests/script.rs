//! A file system that keeps a log, and fails where it is told to.

use super::*;
use crate::ops::FileOps;

pub(super) struct Script {
    root: PathBuf,
    log: RefCell<Vec<String>>,
    exchange: bool,
    /// The number of the step that fails.
    stumble: Option<usize>,
    /// Whether every later step fails too, as in a process that is no more.
    stop: bool,
    /// Steps that begin with this fail from the given occurrence on, and every step after them.
    from: Option<(String, usize)>,
    stumbled: RefCell<Option<String>>,
}

impl Script {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            log: RefCell::default(),
            exchange: true,
            stumble: None,
            stop: false,
            from: None,
            stumbled: RefCell::default(),
        }
    }

    pub(super) fn without_exchange(self) -> Self {
        Self { exchange: false, ..self }
    }

    pub(super) fn stumbling_at(self, step: usize) -> Self {
        Self { stumble: Some(step), ..self }
    }

    pub(super) fn and_stopping(self) -> Self {
        Self { stop: true, ..self }
    }

    pub(super) fn failing_from(self, step: &str, occurrence: usize) -> Self {
        Self { from: Some((step.to_owned(), occurrence)), stop: true, ..self }
    }

    /// The steps tried so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// The step that failed, when it was reached.
    pub(super) fn stumbled(&self) -> Option<String> {
        self.stumbled.borrow().clone()
    }

    /// A path without what differs from run to run.
    fn name(&self, path: &Path) -> String {
        let text = path.strip_prefix(&self.root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = text.trim_start_matches("home/").to_owned();
        let text = text.replace("model_weights/.mlc-weights", "PRIVATE").replace("model_weights", "WEIGHTS");
        match text.split_once("runs/").map(|(_, run)| run.split_once('/')) {
            None => text,
            Some(None) => "RUN".into(),
            Some(Some((_, rest))) => format!("RUN/{rest}"),
        }
    }

    fn step(&self, verb: &str, paths: &[&Path]) -> io::Result<()> {
        let names: Vec<_> = paths.iter().map(|path| self.name(path)).collect();
        let step = format!("{verb} {}", names.join(" -> "));
        let mut log = self.log.borrow_mut();
        log.push(step.clone());
        let fails = self.stumble == Some(log.len() - 1)
            || self.from.as_ref().is_some_and(|(begin, occurrence)| {
                step.starts_with(begin)
                    && log.iter().filter(|step| step.starts_with(begin)).count() == *occurrence
            });
        if fails {
            *self.stumbled.borrow_mut() = Some(step);
        }
        if fails || self.stop && self.stumbled.borrow().is_some() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl FileOps for Script {
    fn sync_file(&self, path: &Path) -> io::Result<()> {
        // Only the order counts here, and hundreds of rounds would take long.
        self.step("sync file", &[path])
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step("sync dir", &[path])
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step("create dir", &[path])?;
        RealOps.create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.step("remove dir", &[path])?;
        RealOps.remove_dir(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step("write", &[path])?;
        RealOps.write_new(path, bytes)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step("remove file", &[path])?;
        RealOps.remove_file(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("link", &[from, to])?;
        RealOps.link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", &[from, to])?;
        RealOps.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename new", &[from, to])?;
        RealOps.rename_new(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        self.step("exchange", &[one, other])?;
        if self.exchange { RealOps.exchange(one, other) } else { Err(io::ErrorKind::Unsupported.into()) }
    }
}
