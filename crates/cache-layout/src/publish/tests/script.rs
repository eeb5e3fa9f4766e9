//! A file system that logs its operations and fails where told to.

use std::path::PathBuf;

use super::*;
use crate::ops::FileOps;
use crate::place::Place;

/// The abilities of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum System {
    Exchange,
    /// It cannot exchange folders.
    TwoRenames,
    /// It only renames within a folder.
    OwnFolderOnly,
    OwnFolderOnlyTwoRenames,
    /// It does not move the entry's folder.
    FixedEntry,
}

impl System {
    /// The systems on which publishing can succeed. Windows exchanges no folders, so there the first two would take the
    /// same steps as the others.
    pub(super) const ALL: &[Self] = if cfg!(windows) {
        &[Self::TwoRenames, Self::OwnFolderOnlyTwoRenames]
    } else {
        &[Self::Exchange, Self::OwnFolderOnly, Self::TwoRenames, Self::OwnFolderOnlyTwoRenames]
    };

    fn exchanges(self) -> bool {
        !matches!(self, Self::TwoRenames | Self::OwnFolderOnlyTwoRenames)
    }

    fn allows(self, from: &Path, to: &Path, entry_moves: bool) -> bool {
        match self {
            Self::Exchange | Self::TwoRenames => true,
            Self::OwnFolderOnly | Self::OwnFolderOnlyTwoRenames => from.parent() == to.parent(),
            Self::FixedEntry => !entry_moves,
        }
    }
}

pub(super) struct Script {
    root: PathBuf,
    log: RefCell<Vec<String>>,
    system: System,
    /// The number of the step at which the process ends, as if killed, and the file for its log.
    end: Option<(usize, PathBuf)>,
    /// The number of the step that fails.
    stumble: Option<usize>,
    /// Whether every later step fails too, as if the process were gone.
    stop: bool,
    /// Steps with this prefix fail from the given occurrence on, as does every step after them.
    from: Option<(String, usize)>,
    stumbled: RefCell<Option<String>>,
    /// What another process does meanwhile.
    meanwhile: RefCell<Option<Meanwhile>>,
}

/// What happens before the step with this prefix, counting from 1.
struct Meanwhile {
    step: String,
    occurrence: usize,
    act: Box<dyn FnOnce()>,
}

impl Script {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            log: RefCell::default(),
            system: System::Exchange,
            end: None,
            stumble: None,
            stop: false,
            from: None,
            stumbled: RefCell::default(),
            meanwhile: RefCell::default(),
        }
    }

    pub(super) fn on(self, system: System) -> Self {
        Self { system, ..self }
    }

    pub(super) fn ending_at(self, step: usize, log: &Path) -> Self {
        Self { end: Some((step, log.to_path_buf())), ..self }
    }

    pub(super) fn stumbling_at(self, step: usize) -> Self {
        Self { stumble: Some(step), ..self }
    }

    pub(super) fn failing_from(self, step: &str, occurrence: usize) -> Self {
        Self { from: Some((step.to_owned(), occurrence)), stop: true, ..self }
    }

    pub(super) fn meanwhile(self, step: &str, occurrence: usize, act: impl FnOnce() + 'static) -> Self {
        let meanwhile = Meanwhile { step: step.to_owned(), occurrence, act: Box::new(act) };
        Self { meanwhile: RefCell::new(Some(meanwhile)), ..self }
    }

    /// The steps tried so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// The step that failed, if it was reached.
    pub(super) fn stumbled(&self) -> Option<String> {
        self.stumbled.borrow().clone()
    }

    /// A path with its random parts replaced.
    fn name(&self, path: &Path) -> String {
        let text = path.strip_prefix(&self.root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = text.trim_start_matches("home/").to_owned();
        let text = text.replace("model_weights/.mlc-weights", "PRIVATE").replace("model_weights", "WEIGHTS");
        if let Some((_, rest)) = text.split_once("/.mlc-weights-") {
            let (end, rest) = rest.split_once('/').map_or((rest, ""), |(id, rest)| (id, rest));
            let beside = if end.ends_with("+old") { "BESIDE+old" } else { "BESIDE" };
            return if rest.is_empty() { beside.into() } else { format!("{beside}/{rest}") };
        }
        if text.starts_with("PRIVATE/receipts/user+repo+") {
            return "PRIVATE/receipts/DRAFT".into();
        }
        match text.split_once("runs/").map(|(_, run)| run.split_once('/')) {
            None => text,
            Some(None) => "RUN".into(),
            Some(Some((_, rest))) => format!("RUN/{rest}"),
        }
    }

    fn step(&self, verb: &str, paths: &[&Place]) -> io::Result<()> {
        let names: Vec<_> = paths.iter().map(|path| self.name(path)).collect();
        let step = format!("{verb} {}", names.join(" -> "));
        let mut log = self.log.borrow_mut();
        log.push(step.clone());
        let is_now =
            |it: &mut Meanwhile| step.starts_with(&it.step) && occurrences(&log, &it.step) == it.occurrence;
        if let Some(Meanwhile { act, .. }) = self.meanwhile.borrow_mut().take_if(is_now) {
            act();
        }
        if let Some((end, file)) = &self.end {
            fs::write(file, log.join("\n")).unwrap();
            if log.len() > *end {
                // No destructor runs, and in Wine no debugger is started.
                std::process::exit(9);
            }
        }
        let fails = self.stumble == Some(log.len() - 1)
            || self.from.as_ref().is_some_and(|(begin, occurrence)| {
                step.starts_with(begin) && occurrences(&log, begin) == *occurrence
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

fn occurrences(log: &[String], begin: &str) -> usize {
    log.iter().filter(|step| step.starts_with(begin)).count()
}

impl FileOps for Script {
    fn sync_file(&self, place: &Place) -> io::Result<()> {
        // Not really synced: only the order matters, and hundreds of rounds would take too long.
        self.step("sync file", &[place])
    }

    fn sync_dir(&self, place: &Place) -> io::Result<()> {
        self.step("sync dir", &[place])
    }

    fn create_dir(&self, place: &Place) -> io::Result<()> {
        self.step("create dir", &[place])?;
        RealOps.create_dir(place)
    }

    fn remove_dir(&self, place: &Place) -> io::Result<()> {
        self.step("remove dir", &[place])?;
        RealOps.remove_dir(place)
    }

    fn write_new(&self, place: &Place, bytes: &[u8]) -> io::Result<()> {
        self.step("write", &[place])?;
        RealOps.write_new(place, bytes)
    }

    fn remove_file(&self, place: &Place) -> io::Result<()> {
        self.step("remove file", &[place])?;
        RealOps.remove_file(place)
    }

    fn link(&self, from: &Place, to: &Place) -> io::Result<()> {
        self.step("link", &[from, to])?;
        RealOps.link(from, to)
    }

    fn copy(&self, from: &Place, to: &Place) -> io::Result<()> {
        self.step("copy", &[from, to])?;
        RealOps.copy(from, to)
    }

    fn rename(&self, from: &Place, to: &Place) -> io::Result<()> {
        self.step("rename", &[from, to])?;
        RealOps.rename(from, to)
    }

    fn rename_new(&self, from: &Place, to: &Place) -> io::Result<()> {
        self.step("rename new", &[from, to])?;
        // A taken name is reported first.
        let refused = !to.exists() && !self.system.allows(from, to, from.ends_with("user/repo"));
        if refused { Err(io::ErrorKind::CrossesDevices.into()) } else { RealOps.rename_new(from, to) }
    }

    fn exchange(&self, one: &Place, other: &Place) -> io::Result<()> {
        self.step("exchange", &[one, other])?;
        if !self.system.allows(one, other, true) {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        if self.system.exchanges() {
            RealOps.exchange(one, other)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
