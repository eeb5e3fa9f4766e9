//! The programs on bad lines: with the settings with which they give up last, and go on where they were.

use std::path::Path;

use anyhow::Result;

use super::{Contestant, Course, aria2, skip};
use crate::hub::Served;
use crate::machine::cores;
use crate::measure::shown;
use crate::workplace::{clean, version};

const CURL: &str = "curl --silent --show-error --fail --location --retry 10 --retry-delay 1";

impl Course<'_> {
    /// All but ours that are installed and can go on with what they have; those that are not installed are named.
    pub(crate) fn stubborn_others(&self) -> Result<Vec<Contestant>> {
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
        let list = self.curl_list()?;
        let mut curl = format!("{CURL} --parallel --parallel-immediate --parallel-max 32 --continue-at -");
        // Without these it never leaves a connection that crawls.
        curl += " --speed-limit 1000 --speed-time 5";
        let fetch = format!("{curl} --config '{}'", list.display());
        let check = format!(
            "xargs --arg-file '{}' -P {} -n 1 md5sum --check --quiet",
            self.sums()?.display(),
            cores()
        );
        Ok(self.by_name("curl -Z --retry -C -, md5sum", &format!("{fetch}; {check}")))
    }

    /// It writes down where it is every second, for when it is killed.
    fn stubborn_aria2(&self) -> Result<Contestant> {
        let mut command = aria2(&self.aria2_list()?, Path::new("."));
        command.args(["--continue=true", "--auto-save-interval=1", "--auto-file-renaming=false"]);
        command.args(["--max-tries=0", "--retry-wait=1", "--timeout=10", "--lowest-speed-limit=1K"]);
        Ok(self.by_name("aria2c, 8 files × 4", &shown(&command)))
    }

    /// A program that is handed URLs. As the others do, it begins with the model's name: the list of the model's files is
    /// asked for first, though what is then fetched is known already.
    fn by_name(&self, name: &str, fetch: &str) -> Contestant {
        let Served { endpoint, id, commit, .. } = self.model;
        let tree = format!("{endpoint}/api/models/{id}/tree/{commit}?recursive=true");
        let (home, script) =
            (self.place.disk.clone(), format!("{CURL} --output tree.json '{tree}' && {{ {fetch}; }}"));
        let download = move |destination: &Path| {
            let mut command = clean("sh");
            command.args(["-c", &script]).current_dir(destination).env("HOME", &home);
            command
        };
        Contestant { name: name.to_owned(), checks: "MD5", download: Box::new(download), check: None }
    }
}
