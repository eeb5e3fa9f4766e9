//! Several processes at once: this test program starts itself.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use facade::{Downloader, Locking, Request};
use local_hub::{Fault, FaultTarget, Hold, ModelFixture, PublishedModel, Times};
use serde::{Deserialize, Serialize};

use crate::world::{PATIENCE, World};

/// Instructions for a process, in a file in its working folder.
#[derive(Serialize, Deserialize)]
struct Orders {
    endpoint: String,
    url: String,
    locks: bool,
    redo: bool,
}

#[test]
#[ignore = "runs in the processes that other tests start"]
fn downloads_as_it_is_told() {
    let Ok(orders) = fs::read("orders.json") else {
        println!("skipped: not started by another test");
        return;
    };
    let orders: Orders = serde_json::from_slice(&orders).unwrap();
    let downloader = Downloader::builder("../home")
        .endpoint(orders.endpoint.parse().unwrap())
        .locking(if orders.locks { Locking::System } else { Locking::None })
        .build()
        .unwrap();
    let request: Request = orders.url.parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let asked = if orders.redo { request.force(true) } else { request };
    let asked = asked.on_event(|event| {
        if let facade::Event::WaitingForLock { holder, .. } = event {
            fs::write("waiting", holder.map(ToString::to_string).unwrap_or_default()).unwrap();
        }
    });
    let model = runtime.block_on(downloader.download(asked)).unwrap();
    fs::write("path", model.path.to_str().unwrap()).unwrap();
}

struct Processes<'a> {
    world: &'a World,
    running: Vec<(std::path::PathBuf, Child)>,
}

impl<'a> Processes<'a> {
    fn of(world: &'a World) -> Self {
        Self { world, running: Vec::new() }
    }

    fn start(&mut self, model: &PublishedModel, locks: bool, redo: bool) {
        let folder = self.world.beside(&format!("process-{}", self.running.len()));
        fs::create_dir_all(&folder).unwrap();
        let orders = Orders { endpoint: self.world.hub.endpoint(), url: model.url.clone(), locks, redo };
        fs::write(folder.join("orders.json"), serde_json::to_vec(&orders).unwrap()).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "processes::downloads_as_it_is_told", "--ignored", "--nocapture"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("stderr")).unwrap());
        self.running.push((folder, command.spawn().unwrap()));
    }

    /// Waits until every process has succeeded with the directory of its model.
    fn all_succeed(self, models: &[&PublishedModel]) {
        let mut folders = Vec::new();
        for (folder, mut process) in self.running {
            let status = process.wait().unwrap();
            let stderr = fs::read_to_string(folder.join("stderr")).unwrap();
            assert!(status.success(), "{stderr}");
            folders.push(folder);
        }
        // Where folders cannot be exchanged, an entry is missing for a moment while it is replaced.
        for (number, folder) in folders.iter().enumerate() {
            let path = fs::read_to_string(folder.join("path")).unwrap();
            let expected = self.world.entry(models[number % models.len()]);
            assert_eq!(fs::canonicalize(path).unwrap(), fs::canonicalize(expected).unwrap());
        }
        for model in models {
            assert_eq!(model.differences(&self.world.entry(model)), [""; 0]);
        }
    }
}

fn nothing_is_staged(home: &Path) {
    let staging = home.join("model_weights/.mlc-weights/staging");
    let left: Vec<_> = fs::read_dir(&staging).into_iter().flatten().collect();
    assert_eq!(left.len(), 0, "{left:?} {:?}", crate::world::files_below(&staging));
}

/// Sixteen processes, one for each of these models in turn.
#[track_caller]
fn check(names: &[&str], locks: bool, redo: bool) {
    let world = World::new();
    let published: Vec<_> = names.iter().map(|name| world.hub.publish(&ModelFixture::new(name))).collect();
    let models: Vec<_> = published.iter().collect();
    let mut processes = Processes::of(&world);
    for number in 0..16 {
        processes.start(models[number % models.len()], locks, redo);
    }
    processes.all_succeed(&models);
    if locks && !redo {
        let data = world.hub.log().data();
        let fetched: Vec<_> = data.requests().into_iter().map(|request| request.path).collect();
        let once: HashSet<_> = fetched.iter().collect();
        assert_eq!(once.len(), fetched.len(), "no file was fetched twice for one model:\n{data}");
        // The models have the same contents, so one that begins after another has finished copies its
        // files.
        let files: Vec<_> = models.iter().map(|model| model.lfs_files().count()).collect();
        assert!((files[0]..=files.iter().sum()).contains(&fetched.len()), "{files:?}:\n{data}");
        assert_eq!(data.in_flight(), 0);
    }
    nothing_is_staged(&world.home());
}

#[test]
fn sixteen_for_one_model_make_one_download() {
    check(&["mlc-ai/one"], true, false);
}

#[test]
fn sixteen_for_four_models_make_four_downloads() {
    check(&["mlc-ai/one", "mlc-ai/two", "mlc-ai/three", "mlc-ai/four"], true, false);
}

#[test]
fn sixteen_without_locks_all_get_the_whole_model() {
    check(&["mlc-ai/one"], false, false);
}

#[test]
fn sixteen_for_four_models_without_locks_all_get_theirs() {
    check(&["mlc-ai/one", "mlc-ai/two", "mlc-ai/three", "mlc-ai/four"], false, false);
}

#[test]
fn sixteen_that_redo_without_locks_all_succeed() {
    check(&["mlc-ai/one"], false, true);
}

#[test]
fn a_killed_holder_is_succeeded_at_once_by_one_that_waited_for_it() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let hold = Hold::new();
    world.hub.fault(FaultTarget::info_refs("mlc-ai/tiny"), Fault::Hold(hold.clone()), Times::Once);
    let mut processes = Processes::of(&world);
    processes.start(&published, true, false);
    assert!(world.hub.log().git().wait_until(PATIENCE, |log| log.count() > 0));
    processes.start(&published, true, false);
    let waiting = processes.running[1].0.join("waiting");
    while !waiting.exists() {
        assert!(processes.running[1].1.try_wait().unwrap().is_none(), "it ended without waiting");
        std::thread::yield_now();
    }
    let (_, mut holder) = processes.running.remove(0);
    holder.kill().unwrap();
    holder.wait().unwrap();
    processes.all_succeed(&[&published]);
    let said = fs::read_to_string(waiting).unwrap();
    assert!(said.starts_with(&format!("process {}", holder.id())), "{said}");
    hold.release();
}
