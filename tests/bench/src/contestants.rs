//! The competing programs, each with its best settings.

mod stubborn;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::hub::{Served, ServedFile};
use crate::machine::cores;
use crate::workplace::{Workplace, clean, version};

const ORIGINAL: &str = include_str!("original.py");

/// A program, and the check that is run after it.
pub(super) struct Contestant {
    pub(super) name: String,
    /// What the download itself verifies for every file.
    pub(super) checks: &'static str,
    pub(super) download: MakeCommand,
    /// The check that follows, for programs that verify nothing.
    pub(super) check: Option<MakeCommand>,
}

/// Makes a command that downloads into a folder, or resumes there.
pub(super) type MakeCommand = Box<dyn Fn(&Path) -> Command>;

/// What all programs need.
pub(super) struct Course<'a> {
    pub(super) place: &'a Workplace,
    pub(super) model: &'a Served,
    /// The folder for the lists that programs read.
    pub(super) inputs: &'a Path,
}

impl Course<'_> {
    /// All other programs that are installed; prints the names of those that are not.
    pub(super) fn others(&self) -> Result<Vec<Contestant>> {
        let mut contestants = Vec::new();
        match version(clean("curl").arg("--version")) {
            Some(_) => contestants.extend(self.curls()?),
            None => skip("curl"),
        }
        match version(clean("aria2c").arg("--version")) {
            Some(_) => contestants.push(self.aria2()?),
            None => skip("aria2c"),
        }
        match version(clean("git").args(["lfs", "version"])) {
            Some(_) => contestants.push(self.git_lfs()),
            None => skip("git lfs"),
        }
        self.python_programs(&mut contestants)?;
        Ok(contestants)
    }

    /// The programs in Python, which have the same settings on every line.
    fn python_programs(&self, contestants: &mut Vec<Contestant>) -> Result<()> {
        match version(clean("hf").arg("version")) {
            Some(_) => contestants.push(self.hf()),
            None => skip("hf"),
        }
        // The interpreter itself, not the wrapper of a version manager.
        match version(clean("python3").args(["-c", "import sys; print(sys.executable)"])) {
            Some(python) => contestants.push(self.original(python)?),
            None => skip("python3, and the stand-in for the original with it"),
        }
        Ok(())
    }

    /// The program that is measured.
    pub(super) fn ours(&self) -> Contestant {
        self.build("mlc-weights", &self.place.program)
    }

    /// Another build of it.
    pub(super) fn before(&self, program: &Path) -> Contestant {
        self.build("mlc-weights before", program)
    }

    /// With the default settings of the command line.
    fn build(&self, name: &str, program: &Path) -> Contestant {
        let (endpoint, url) = (self.model.endpoint.clone(), self.model.url.clone());
        let (program, disk) = (program.to_owned(), self.place.disk.clone());
        let download = move |destination: &Path| {
            let mut command = clean(&program);
            command.env("HF_ENDPOINT", &endpoint).env("MLC_LLM_HOME", destination).env("HOME", &disk);
            command.args(["download", "--progress", "none", &url]);
            command
        };
        Contestant {
            name: name.to_owned(),
            checks: "MD5, SHA-256",
            download: Box::new(download),
            check: None,
        }
    }

    /// With several numbers of connections, followed by md5sum on all cores.
    fn curls(&self) -> Result<Vec<Contestant>> {
        let list = self.curl_list()?;
        let sums = self.sums()?;
        Ok([4, 8, 32].map(|connections| self.curl(connections, list.clone(), sums.clone())).into())
    }

    fn curl_list(&self) -> Result<PathBuf> {
        let entry = |file: &ServedFile| {
            format!("url = \"{}\"\noutput = \"{}\"", self.model.file_url(file), file.path)
        };
        self.write_lines("curl", self.model.files.iter().map(entry))
    }

    fn curl(&self, connections: usize, list: PathBuf, sums: PathBuf) -> Contestant {
        let home = self.place.disk.clone();
        let download = move |destination: &Path| {
            let mut command = clean("curl");
            command.args(["--silent", "--show-error", "--fail", "--location"]);
            command.args(["--parallel", "--parallel-immediate", "--parallel-max", &connections.to_string()]);
            command.arg("--config").arg(&list).current_dir(destination).env("HOME", &home);
            command
        };
        let check = move |destination: &Path| {
            let mut command = clean("xargs");
            command.arg("--arg-file").arg(&sums).args(["-P", &cores().to_string(), "-n", "1"]);
            command.args(["md5sum", "--check", "--quiet"]).current_dir(destination);
            command
        };
        Contestant {
            name: format!("curl --parallel-max {connections}"),
            checks: "nothing",
            download: Box::new(download),
            check: Some(Box::new(check)),
        }
    }

    /// Writes lists of digests, enough of them to keep all cores busy until the end.
    fn sums(&self) -> Result<PathBuf> {
        let chunk = self.model.files.len().div_ceil(4 * cores()).max(1);
        let mut names = Vec::new();
        for (number, files) in self.model.files.chunks(chunk).enumerate() {
            let sums = files.iter().map(|file| format!("{}  {}", file.md5, file.path));
            let name = self.write_lines(&format!("md5sum-{number}"), sums)?;
            names.push(name.display().to_string());
        }
        self.write_lines("md5sum", names)
    }

    /// With the maximum number of connections of the others: eight files in four parts each.
    fn aria2(&self) -> Result<Contestant> {
        let list = self.aria2_list()?;
        let download = move |destination: &Path| aria2(&list, destination);
        Ok(Contestant {
            name: "aria2c, 8 files × 4".to_owned(),
            checks: "MD5",
            download: Box::new(download),
            check: None,
        })
    }

    fn aria2_list(&self) -> Result<PathBuf> {
        let entry = |file: &ServedFile| {
            let url = self.model.file_url(file);
            format!("{url}\n  out={}\n  checksum=md5={}", file.path, file.md5)
        };
        self.write_lines("aria2", self.model.files.iter().map(entry))
    }

    fn git_lfs(&self) -> Contestant {
        let url = format!("{}/{}", self.model.endpoint, self.model.id);
        let home = self.place.disk.clone();
        let clone = move |destination: &Path| {
            let mut command = clean("git");
            command.args([
                "-c",
                "filter.lfs.process=git-lfs filter-process",
                "-c",
                "filter.lfs.required=true",
            ]);
            command.args(["-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "advice.detachedHead=false"]);
            command.args(["clone", "--quiet", "--depth", "1", &url]).arg(destination.join("model"));
            command.env("HOME", &home).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
            command
        };
        Contestant { name: "git lfs".to_owned(), checks: "SHA-256", download: Box::new(clone), check: None }
    }

    /// Over plain HTTP: the local hub has no Xet.
    fn hf(&self) -> Contestant {
        let (endpoint, id, commit) =
            (self.model.endpoint.clone(), self.model.id.clone(), self.model.commit.clone());
        let home = self.place.disk.clone();
        let download = move |destination: &Path| {
            let mut command = clean("hf");
            command.args(["download", "--quiet", "--revision", &commit, "--local-dir"]);
            command.arg(destination.join("model")).arg(&id);
            command.env("HF_ENDPOINT", &endpoint).env("HF_HUB_DISABLE_XET", "1").env("HOME", &home);
            command.env("HF_HUB_DISABLE_TELEMETRY", "1").env("HF_HUB_DISABLE_UPDATE_CHECK", "1");
            command
        };
        Contestant {
            name: "hf download".to_owned(),
            checks: "nothing",
            download: Box::new(download),
            check: None,
        }
    }

    fn original(&self, python: String) -> Result<Contestant> {
        let script = self.write("original.py", ORIGINAL)?;
        let (endpoint, id, home) =
            (self.model.endpoint.clone(), self.model.id.clone(), self.place.disk.clone());
        let download = move |destination: &Path| {
            let mut command = clean(&python);
            command.arg(&script).args([&endpoint, &id]).arg(destination).env("HOME", &home);
            command
        };
        let name = "the original's way (stand-in, 4 processes)".to_owned();
        Ok(Contestant { name, checks: "MD5", download: Box::new(download), check: None })
    }

    fn write_lines(&self, name: &str, lines: impl IntoIterator<Item = String>) -> Result<PathBuf> {
        let lines: Vec<String> = lines.into_iter().collect();
        self.write(name, &format!("{}\n", lines.join("\n")))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.inputs.join(name);
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(file)
    }
}

fn aria2(list: &Path, destination: &Path) -> Command {
    let mut command = clean("aria2c");
    command.args(["--no-conf", "--quiet", "--max-concurrent-downloads=8", "--split=4"]);
    command.args(["--max-connection-per-server=4", "--min-split-size=1M", "--file-allocation=none"]);
    command.args(["--check-integrity=true", "--input-file"]).arg(list).arg("--dir").arg(destination);
    command
}

fn skip(program: &str) {
    println!("not installed, so it does not take part: {program}");
}
