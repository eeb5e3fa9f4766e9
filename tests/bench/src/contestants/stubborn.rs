//! The programs on bad lines, with the settings that make them most persistent and able to resume.

use std::path::Path;

use anyhow::Result;

use super::{Contestant, Course, aria2, skip};
use crate::hub::Served;
use crate::machine::cores;
use crate::measure::shown;
use crate::workplace::{clean, version};

const CURL: &str = "curl --silent --show-error --fail --location --retry 10 --retry-delay 1";

impl Course<'_> {
    /// All other programs that are installed and can resume; prints the names of those that are not
    /// installed.
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

    /// Retries failures that it calls transient. A broken connection is deliberately left to the next
    /// start: only then does it resume at the end of the file, while a retry would start over.
    fn stubborn_curl(&self) -> Result<Contestant> {
        let list = self.curl_list()?;
        let mut curl = format!("{CURL} --parallel --parallel-immediate --parallel-max 32 --continue-at -");
        // Without these it never abandons an extremely slow connection.
        curl += " --speed-limit 1000 --speed-time 5";
        let fetch = format!("{curl} --config '{}'", list.display());
        let check = format!(
            "xargs --arg-file '{}' -P {} -n 1 md5sum --check --quiet",
            self.sums()?.display(),
            cores()
        );
        Ok(self.by_name("curl -Z --retry -C -, md5sum", &format!("{fetch}; {check}")))
    }

    /// Records its state every second, in case it is killed.
    fn stubborn_aria2(&self) -> Result<Contestant> {
        let mut command = aria2(&self.aria2_list()?, Path::new("."));
        command.args(["--continue=true", "--auto-save-interval=1", "--auto-file-renaming=false"]);
        command.args(["--max-tries=0", "--retry-wait=1", "--timeout=10", "--lowest-speed-limit=1K"]);
        Ok(self.by_name("aria2c, 8 files × 4", &shown(&command)))
    }

    /// A program that takes URLs. Like the others it begins with the model's name: it requests the list of
    /// the model's files, although the URLs to fetch are already known.
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
