//! Runs the crates' examples as programs, against the local hub.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use local_hub::{Access, Fault, FaultTarget, Hold, LocalHub, ModelFixture, Times};

use crate::world::{PATIENCE, World, entry_in, lay_out};

/// One of the programs built from the crates' `examples` folders.
fn program(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    BUILT.call_once(build);
    let tests = std::env::current_exe().unwrap();
    let folder = tests.ancestors().nth(2).unwrap().join("examples");
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Does nothing if the whole workspace is tested, since that builds them too.
fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--workspace", "--examples", "--locked", "--quiet"]);
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
    assert!(built.success(), "the examples cannot be built");
}

/// An example with these arguments; its environment contains only the world's hub and cache.
fn example(world: &World, name: &str, arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(program(name));
    if cfg!(unix) {
        // On other systems programs need some variables to start at all.
        command.env_clear();
    }
    command
        .args(arguments.iter().map(AsRef::<OsStr>::as_ref))
        .current_dir(world.beside("."))
        .env("MLC_LLM_HOME", world.home())
        .env("HF_ENDPOINT", world.hub.endpoint())
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn check(output: &Output, stdout: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{stderr}");
}

fn line(path: &Path) -> String {
    format!("{}\n", path.display())
}

#[test]
fn the_originals_three_usages() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = line(&world.entry(&model));
    check(&example(&world, "download", &[&model.url]).output().unwrap(), &entry);
    let data = world.hub.log().data().from_now();
    check(&example(&world, "get_or_download", &[&model.url]).output().unwrap(), &entry);
    check(&example(&world, "get_or_download", &[&world.entry(&model)]).output().unwrap(), &entry);
    assert_eq!(data.count(), 0, "it is cached");
    check(&example(&world, "download_again", &[&model.url]).output().unwrap(), &entry);
    assert!(data.count() > 0, "it was fetched again");
    let refused = example(&world, "download_again", &[&model.url])
        .env("MLC_DOWNLOAD_CACHE_POLICY", "OFF")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&refused.stdout).starts_with("downloads are switched off: "));
}

#[test]
fn a_url_may_name_a_revision() {
    let (world, old) = World::with(&ModelFixture::new("mlc-ai/tiny").tag("v1"));
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
    let users = world.home().join("model_weights/hf/mlc-ai");
    for (url, entry, model) in [
        ("HF://mlc-ai/tiny@v1", "tiny@v1", &old),
        ("https://huggingface.co/mlc-ai/tiny@main", "tiny@main", &new),
        ("HF://mlc-ai/tiny", "tiny", &new),
    ] {
        check(&example(&world, "get_or_download", &[&url]).output().unwrap(), &line(&users.join(entry)));
        assert_eq!(model.differences(&users.join(entry)), [""; 0], "{url}");
    }
    // Without a prefix it is a directory, whatever its name.
    let local = world.beside("tiny@v1");
    std::fs::rename(users.join("tiny@v1"), &local).unwrap();
    let data = world.hub.log().from_now();
    check(&example(&world, "get_or_download", &[&"tiny@v1"]).output().unwrap(), "tiny@v1\n");
    assert!(data.is_empty(), "{data}");
}

#[test]
fn the_progress_example_draws_a_bar() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let output = example(&world, "progress", &[&model.url]).output().unwrap();
    check(&output, &line(&world.entry(&model)));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let total = facade::words::size(model.lfs_files().map(|file| file.size).sum());
    let last = format!("\r[{}] {total} of {total}\n", "#".repeat(30));
    assert!(stderr.ends_with(&last), "{stderr}");
}

#[test]
fn the_private_hub_example_downloads() {
    let mut world = World::new();
    world.hub = LocalHub::builder().token("hf_secret").start();
    let access = Access::Private(vec!["hf_secret".to_owned()]);
    let model = world.hub.publish(&ModelFixture::new("team/private").access(access));
    let (token, home, endpoint) = (world.beside("token"), world.beside("models"), world.hub.endpoint());
    std::fs::write(&token, "hf_secret\n").unwrap();
    let run = || example(&world, "private_hub", &[&endpoint, &token, &home, &model.url]).output().unwrap();
    check(&run(), &line(&entry_in(&home.join("model_weights"), &model)));

    std::fs::remove_dir_all(&home).unwrap();
    std::fs::write(&token, "hf_other").unwrap();
    let refused = run();
    assert!(!refused.status.success());
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(stderr.contains("not for us: ") && !stderr.contains("hf_secret"), "{stderr}");
}

#[test]
fn the_warm_up_example_downloads_all_models() {
    let world = World::new();
    let models = ["a/one", "a/two", "b/three"].map(|id| world.hub.publish(&ModelFixture::new(id)));
    let [one, two, three] = &models;
    let output = example(&world, "warm_up", &[&one.url, &two.url, &three.url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut printed: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    printed.sort_unstable();
    let entries = models.each_ref().map(|model| world.entry(model).display().to_string());
    assert_eq!(printed, entries);
    for model in &models {
        assert_eq!(model.differences(&world.entry(model)), [""; 0]);
    }
}

#[cfg(unix)]
#[test]
fn a_stopped_warm_up_continues_the_next_time() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shards(2, 50_000));
    let last = Hold::new();
    // A slow response is requested a second time.
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Hold(last.clone()), Times::Forever);
    let mut command = example(&world, "warm_up", &[&model.url]);
    let program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let held = world.hub.log().data().file("params_shard_1.bin");
    assert!(held.wait_until(PATIENCE, |log| !log.is_empty()));
    let is_verified = || {
        let private = world.private_files();
        private.iter().any(|file| file.parent().is_some_and(|folder| folder.ends_with("pool")))
    };
    let begun = Instant::now();
    while !is_verified() {
        assert!(begun.elapsed() < PATIENCE);
        held.wait_until(Duration::from_millis(5), |_| false);
    }
    let kill = Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = program.wait_with_output().unwrap();
    check(&output, "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "stopped; what was downloaded is kept\n");
    last.release();

    let again = world.hub.log().data().from_now();
    check(&example(&world, "warm_up", &[&model.url]).output().unwrap(), &line(&world.entry(&model)));
    assert_eq!(again.file("params_shard_0.bin").count(), 0, "it was kept");
}

#[test]
fn the_examples_of_single_crates_work() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let (home, tier) = (world.home(), world.beside("tier"));
    let missing = example(&world, "find_model", &[&home, &model.url, &tier]).output().unwrap();
    assert!(!missing.status.success());
    assert!(!home.exists(), "looking creates nothing");
    let entry = lay_out(&model, &tier);
    check(&example(&world, "find_model", &[&home, &model.url, &tier]).output().unwrap(), &line(&entry));

    let output = example(&world, "names", &[&model.url, &"mlc-chat-config.json"]).output().unwrap();
    assert!(output.status.success());
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("https://huggingface.co/mlc-ai/tiny/resolve/"), "{stdout}");
}

#[test]
fn shard_fetch_alone_gets_what_a_manifest_lists() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let manifest = model.files.iter().find(|file| file.path == "tensor-cache.json").unwrap();
    std::fs::write(world.beside("tensor-cache.json"), manifest.bytes()).unwrap();
    let url = format!("{}/mlc-ai/tiny/resolve/main/", world.hub.endpoint());
    let output = example(&world, "shards_of_a_manifest", &[&"tensor-cache.json", &url, &"files"]).output();
    check(&output.unwrap(), "");
    for shard in model.shards() {
        assert_eq!(std::fs::read(world.beside("files").join(&shard.path)).unwrap(), &*shard.bytes());
    }
}

#[test]
fn a_custom_locator_uses_the_host_for_files_the_mirror_lacks() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let shard = model.lfs_files().next().unwrap();
    let [mirror, host] = ["elsewhere", "main"]
        .map(|at| format!("{}/mlc-ai/tiny/resolve/{at}/{}", world.hub.endpoint(), shard.path));
    let (size, sha256) = (shard.size.to_string(), shard.sha256.clone());
    let output = example(&world, "own_locator", &[&mirror, &host, &size, &sha256, &"shard"]).output();
    check(&output.unwrap(), "");
    assert_eq!(std::fs::read(world.beside("shard")).unwrap(), &*shard.bytes());
    assert!(world.hub.log().resolve().count() >= 2, "the mirror was asked too");
}

/// Examples that are called short must be short.
#[test]
fn examples_have_under_30_lines() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    for example in [
        "facade/examples/download.rs",
        "facade/examples/download_again.rs",
        "facade/examples/get_or_download.rs",
        "facade/examples/progress.rs",
        "shard-fetch/examples/shards_of_a_manifest.rs",
        "shard-fetch/examples/own_locator.rs",
    ] {
        let text = std::fs::read_to_string(crates.join(example)).unwrap();
        let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//") && !line.starts_with("#![");
        let lines = text.lines().map(str::trim).filter(is_code).count();
        assert!(lines < 30, "{example} has {lines} lines");
    }
}

#[test]
fn the_examples_of_shard_fetch_work() {
    let world = World::new();
    let output = example(&world, "plain_http_server", &[&"3", &"1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.matches(": 1048576 bytes, verified\n").count(), 3, "{stdout}");
}
