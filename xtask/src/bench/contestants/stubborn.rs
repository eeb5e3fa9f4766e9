//! The programs on bad lines: with the settings with which they give up last, and go on where they were.

use std::path::Path;

use anyhow::Result;

use super::super::workplace::{clean, version};
use super::{Contestant, Course, aria2, skip};

impl Course<'_> {
    /// All but ours that are installed and can go on with what they have; those that are not installed are named.
    pub(in crate::bench) fn stubborn_others(&self) -> Result<Vec<Contestant>> {
        let mut contestants = Vec::new();
        match version(clean("curl").arg("--version")) {
            Some(_) => contestants.push(self.stubborn_curl()?),
            None => skip("curl"),
        }
        match version(clean("aria2c").arg("--version")) {
            Some(_) => contestants.push(self.stubborn_aria2()?),
            None => skip("aria2c"),
        }
        self.python_programs(&mut contestants)?;
        Ok(contestants)
    }

    /// It tries again by itself what it calls transient. A broken connection is left to the next start on purpose:
    /// only then does it continue where the file ends; a retry would start the file over each time.
    fn stubborn_curl(&self) -> Result<Contestant> {
        let (list, home) = (self.curl_list()?, self.place.disk.clone());
        let download = move |destination: &Path| {
            let mut command = clean("curl");
            command.args(["--silent", "--show-error", "--fail", "--location"]);
            command.args(["--parallel", "--parallel-immediate", "--parallel-max", "32"]);
            command.args(["--retry", "10", "--retry-delay", "1", "--continue-at", "-"]);
            // Without these it never leaves a connection that crawls.
            command.args(["--speed-limit", "1000", "--speed-time", "5"]);
            command.arg("--config").arg(&list).current_dir(destination).env("HOME", &home);
            command
        };
        Ok(Contestant {
            name: "curl -Z --retry -C -".to_owned(),
            checks: "nothing",
            download: Box::new(download),
            check: None,
        })
    }

    /// It writes down where it is every second, for when it is killed.
    fn stubborn_aria2(&self) -> Result<Contestant> {
        let list = self.aria2_list()?;
        let download = move |destination: &Path| {
            let mut command = aria2(&list, destination);
            command.args(["--continue=true", "--auto-save-interval=1", "--auto-file-renaming=false"]);
            command.args(["--max-tries=0", "--retry-wait=1", "--timeout=10", "--lowest-speed-limit=1K"]);
            command
        };
        Ok(Contestant {
            name: "aria2c, 8 files × 4".to_owned(),
            checks: "MD5",
            download: Box::new(download),
            check: None,
        })
    }
}
