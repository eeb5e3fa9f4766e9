//! The call for one row.
//!
//! Most rows call the library, where a watcher can look on. Those about the drop-in functions run in a
//! separate process, since these read its environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use facade::{CachePolicy, Downloader, Durability, Error, ErrorKind, Request, RetryPolicy};
use serde::{Deserialize, Serialize};

use super::rows::Row;
use super::stage::RowStage;

/// How a call ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Returned(PathBuf),
    /// The exception that corresponds to the kind of error, or else the kind.
    Raised(String),
}

impl From<Result<PathBuf, Error>> for Answer {
    fn from(result: Result<PathBuf, Error>) -> Self {
        match result.map_err(|error| error.kind()) {
            Ok(path) => Self::Returned(path),
            Err(ErrorKind::InvalidInput | ErrorKind::Integrity) => Self::Raised("ValueError".to_owned()),
            Err(ErrorKind::NotCached) => Self::Raised("RuntimeError".to_owned()),
            Err(ErrorKind::NotFound) => Self::Raised("FileNotFoundError".to_owned()),
            Err(kind) => Self::Raised(format!("{kind:?}")),
        }
    }
}

pub(super) fn carry_out(row: &Row, stage: &RowStage, endpoint: &str) -> Answer {
    let is_library = matches!(row.group.as_str(), "writable tier" | "read-only tiers" | "both" | "url")
        || (row.group == "download" && row.num_processes.is_none());
    if is_library { in_library(row, stage, endpoint).into() } else { in_process(row, stage, endpoint) }
}

fn in_library(row: &Row, stage: &RowStage, endpoint: &str) -> Result<PathBuf, Error> {
    let policy: CachePolicy = row.policy.parse().unwrap();
    let retry = RetryPolicy::default().first_pause(Duration::from_millis(1));
    let downloader = Downloader::builder(&stage.home)
        .read_only(&stage.tiers)
        .temp_dir(&stage.scratch)
        .endpoint(endpoint.parse().unwrap())
        .durability(Durability::Fast)
        .retry(retry)
        .build()?;
    let watch = stage.watch();
    let request = stage.model(row).parse::<Request>()?;
    let mut request = request.policy(policy).on_event(move |_| watch());
    if let Some(force) = row.force_redo {
        request = request.force(force);
    }
    Ok(facade::blocking::download(&downloader, request)?.path)
}

/// A call of a drop-in function, passed to another process.
#[derive(Serialize, Deserialize)]
struct DropIn {
    function: String,
    model: String,
    num_processes: Option<usize>,
    force_redo: Option<bool>,
    /// The file for the answer.
    mailbox: PathBuf,
}

impl DropIn {
    fn carry_out(&self) -> Answer {
        match self.function.as_str() {
            "download_and_cache_mlc_weights" => facade::blocking::download_and_cache_mlc_weights(
                &self.model,
                self.num_processes,
                self.force_redo,
            ),
            "get_or_download_model" => facade::blocking::get_or_download_model(&self.model),
            other => panic!("no such function: {other}"),
        }
        .into()
    }
}

/// The variable that passes a [`DropIn`] to the other process.
const CALL: &str = "MLC_WEIGHTS_TEST_ORACLE_CALL";

fn in_process(row: &Row, stage: &RowStage, endpoint: &str) -> Answer {
    let call = DropIn {
        function: row.call.clone(),
        model: stage.model(row),
        num_processes: row.num_processes,
        force_redo: row.force_redo,
        mailbox: stage.mailbox(),
    };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&test_name("a_drop_in_function_is_called_as_the_variable_says"), "--exact"])
        .env_clear()
        .env(CALL, serde_json::to_string(&call).unwrap())
        .env("MLC_LLM_HOME", &stage.home)
        .env("MLC_LLM_READONLY_WEIGHT_CACHE", std::env::join_paths(&stage.tiers).unwrap())
        .env("MLC_DOWNLOAD_CACHE_POLICY", &row.policy)
        .env("MLC_TEMP_DIR", &stage.scratch)
        .env("HF_ENDPOINT", endpoint);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&fs::read(&call.mailbox).unwrap()).unwrap()
}

/// The full name of a test in this module.
fn test_name(function: &str) -> String {
    let (_binary, module) = module_path!().split_once("::").unwrap();
    format!("{module}::{function}")
}

/// The other process. Run as an ordinary test, without the variable, it makes a harmless call.
#[test]
fn a_drop_in_function_is_called_as_the_variable_says() {
    #[expect(
        clippy::disallowed_methods,
        reason = "how this test is told, in a process of its own, what to call"
    )]
    let given = std::env::var(CALL).ok();
    let Some(call) = given else {
        let nowhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("there is no such folder");
        let answer = Answer::from(facade::blocking::get_or_download_model(nowhere.to_str().unwrap()));
        assert_eq!(answer, Answer::Raised("FileNotFoundError".to_owned()));
        return;
    };
    let call: DropIn = serde_json::from_str(&call).unwrap();
    fs::write(&call.mailbox, serde_json::to_vec(&call.carry_out()).unwrap()).unwrap();
}
