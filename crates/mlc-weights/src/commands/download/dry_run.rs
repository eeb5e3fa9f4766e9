//! `--dry-run`: what would be fetched, from where, and what is already there.

use facade::{DownloadPlan, Downloader, FileOrigin, Model, ModelRef, PlannedDownload, Request};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::exit::Failure;
use crate::output::{print, print_json};
use crate::progress::{Display, Progress};
use crate::words::{files, size};

/// Grows when a reader that knows the version before would misunderstand what is written.
const VERSION: u32 = 1;

/// Plans downloads.
pub(super) struct Planner {
    downloader: Downloader,
    display: Display,
    /// The setting that the policy comes from.
    policy_by: Option<&'static str>,
    engine: Engine,
}

impl Planner {
    pub(super) fn new(
        downloader: Downloader,
        display: Display,
        policy_by: Option<&'static str>,
    ) -> Result<Self, Failure> {
        Ok(Self { downloader, display, policy_by, engine: Engine::start()? })
    }

    /// Plans one model after another; a failure does not keep the next one from being planned.
    ///
    /// # Errors
    /// The first failure of all, which has been reported already.
    pub(super) fn run(
        self,
        as_json: bool,
        requests: impl Iterator<Item = Request>,
        models: usize,
    ) -> Result<(), Failure> {
        let (mut first, mut plans) = (None, Vec::new());
        for (request, number) in requests.zip(1..) {
            let model = request.model().clone();
            let told = self.plan(request, (number, models)).and_then(|plan| {
                plans.push(document(&model, &plan));
                if as_json { Ok(()) } else { print(&words(&plan)) }
            });
            if let Err(failure) = told {
                first.get_or_insert(self.display.reported(Some(&model), &failure));
                if matches!(failure, Failure::Interrupted { .. } | Failure::Output(_)) {
                    break;
                }
            }
        }
        self.engine.stop(self.display);
        if as_json {
            print_json(&json!({ "version": VERSION, "models": plans }))?;
        }
        Failure::after_reports(first)
    }

    fn plan(&self, request: Request, place: (usize, usize)) -> Result<DownloadPlan, Failure> {
        let (progress, request) = Progress::of_several(request, self.display, place);
        progress.watch();
        let plan = self.engine.run(self.downloader.plan(request), &progress);
        progress.clear();
        plan.map_err(|failure| failure.of_policy(self.policy_by))
    }
}

fn words(plan: &DownloadPlan) -> Vec<String> {
    match plan {
        DownloadPlan::Cached(model) => cached(model),
        DownloadPlan::Download(download) => planned(download),
        _ => Vec::new(),
    }
}

fn cached(model: &Model) -> Vec<String> {
    vec![format!("{} is cached: nothing to download", model.path.display())]
}

fn planned(download: &PlannedDownload) -> Vec<String> {
    let PlannedDownload { model, endpoint, commit, path, stores, .. } = download;
    let hub = (stores.is_empty() || download.asks_hub).then(|| endpoint.to_string());
    let from: Vec<String> = stores.iter().cloned().chain(hub).collect();
    let from = from.join(", else ");
    let (what, before) = if download.in_progress {
        ("is being downloaded by another process", "the download in progress")
    } else {
        ("would be downloaded", "an interrupted download")
    };
    let mut lines = vec![
        format!("{model} {what}"),
        format!("  from      {from} at commit {commit}"),
        format!(
            "  to        {}{}",
            path.display(),
            if download.replaces { ", replacing what is there" } else { "" }
        ),
        format!("  total     {}, {}", files(download.files.len()), size(download.bytes())),
        format!("  to fetch  {}, {}", files(download.files_to_fetch()), size(download.bytes_to_fetch())),
    ];
    let kept = download.files.iter().map(|file| file.size - file.bytes_to_fetch());
    let of = |wanted: fn(&FileOrigin) -> bool| {
        let chosen = download.files.iter().zip(kept.clone()).filter(move |(file, _)| wanted(&file.from));
        let bytes: Vec<u64> = chosen.map(|(_, kept)| kept).filter(|kept| *kept > 0).collect();
        (!bytes.is_empty()).then(|| format!("{}, {}", files(bytes.len()), size(bytes.iter().sum())))
    };
    let parts = [
        (
            "  resumed  ",
            of(|from| matches!(from, FileOrigin::Staging)),
            format!(" from {before}, if they are intact"),
        ),
        ("  partial  ", of(|from| matches!(from, FileOrigin::Network { .. })), format!(" from {before}")),
        (
            "  reused   ",
            of(|from| matches!(from, FileOrigin::Replaced)),
            " from the directory that is replaced, if they are intact".to_owned(),
        ),
        (
            "  copied   ",
            of(|from| matches!(from, FileOrigin::OtherModel)),
            " from other models in the cache, if they are intact".to_owned(),
        ),
        (
            "  stored   ",
            of(|from| matches!(from, FileOrigin::StoreFolder)),
            " in the store's folder, if they are intact".to_owned(),
        ),
    ];
    lines
        .extend(parts.into_iter().filter_map(|(label, part, note)| Some(format!("{label} {}{note}", part?))));
    lines.extend(
        download.left_out.iter().map(|path| format!("  left out  {path}: the manifest does not name it")),
    );
    if let Some(free) = download.free_bytes {
        let note = if free < download.bytes_to_fetch() { ": not enough" } else { "" };
        lines.push(format!("  free      {}{note}", size(free)));
    }
    lines
}

/// All entries have the same members.
fn document(model: &ModelRef, plan: &DownloadPlan) -> Value {
    match plan {
        DownloadPlan::Cached(found) => json!({
            "model": model.to_string(),
            "cached": true,
            "endpoint": null,
            "stores": [],
            "commit": found.commit.map(|commit| commit.to_string()),
            "path": found.path.to_string_lossy(),
            "replaces": false,
            "in_progress": false,
            "bytes": null,
            "bytes_to_fetch": 0,
            "files_to_fetch": 0,
            "free_bytes": null,
            "files": [],
            "left_out": [],
        }),
        DownloadPlan::Download(download) => json!(download),
        _ => Value::Null,
    }
}
