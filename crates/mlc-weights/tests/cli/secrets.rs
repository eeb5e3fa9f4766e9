//! Credentials and signed queries: in no output, and nowhere but where they belong.

use local_hub::{Fault, FaultTarget, Hold, LocalProxy, Times};

use crate::world::{Cli, PATIENCE, Ran, World};

const TOKEN: &str = "hf_VeryDistinctiveSecret";

/// Everything that a run can be made to say.
fn talkative(cli: Cli) -> Ran {
    cli.env("HF_TOKEN", TOKEN).env("RUST_LOG", "trace").run()
}

#[track_caller]
fn check_silence(ran: &Ran) {
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
    for secret in [TOKEN, "Distinctive", "Signature=", "Policy=", "Key-Pair-Id", "Expires="] {
        assert!(!said.contains(secret), "{secret} in:\n{said}");
    }
}

#[test]
fn no_secret_is_printed() {
    let (world, model) = World::with_tiny();
    let ran = talkative(world.cli(&["download", &model.url]));
    ran.check_path(&world.entry(&model));
    assert!(ran.lines().len() > 50, "RUST_LOG should make it talkative: {}", ran.stderr);
    check_silence(&ran);
    for verbosity in ["-v", "-vv", "-vvv"] {
        let ran = world.cli(&["download", &model.url, "--force", verbosity]).env("HF_TOKEN", TOKEN).run();
        ran.check_path(&world.entry(&model));
        check_silence(&ran);
    }
}

#[test]
fn nothing_secret_is_left_on_disk() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Corrupt { at: 1 }, Times::N(2));
    talkative(world.cli(&["download", &model.url])).check_failure(5, &[]);
    talkative(world.cli(&["download", &model.url])).check_path(&world.entry(&model));
    world.check_disk();
}

#[test]
fn nothing_secret_is_on_disk_meanwhile() {
    let (world, model) = World::with_tiny();
    let held = [(FaultTarget::upload_pack(""), "git"), (FaultTarget::data("params_shard_0.bin"), "shards")];
    for (target, what) in held {
        let hold = Hold::new();
        world.hub.fault(target, Fault::Hold(hold.clone()), Times::Once);
        let log = world.hub.log().from_now();
        let cli = world.cli(&["download", &model.url, "--force"]).env("HF_TOKEN", TOKEN);
        let running = cli.start();
        assert!(log.wait_until(PATIENCE, |log| log.requests().iter().any(|request| request.fault.is_some())));
        let files = world.check_disk();
        assert!(files > 0, "{what}");
        hold.release();
        running.end().check_path(&world.entry(&model));
    }
    world.check_disk();
}

impl World {
    /// No file of this world, the cache's private ones included, holds a secret. How many there are.
    #[track_caller]
    fn check_disk(&self) -> usize {
        let files = crate::world::files_below(&self.beside(""));
        for path in files.iter().filter(|path| path.is_file()) {
            // A download may remove one at this very moment.
            let bytes = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
            for secret in [TOKEN, "Signature=", "Key-Pair-Id"] {
                assert!(!bytes.contains(secret), "{secret} in {}", path.display());
            }
        }
        files.len()
    }
}

#[test]
fn a_proxys_password_is_not_shown() {
    let (world, model) = World::with_tiny();
    let proxy = LocalProxy::with_login();
    for url in [proxy.url_with_login(), "http://user:secret@[".to_owned(), "ftp://user:secret@x".to_owned()] {
        let ran = talkative(world.cli(&["download", &model.url, "--force"]).env("ALL_PROXY", &url));
        check_silence(&ran);
        assert!(
            !ran.stderr.contains("secret@") && !ran.stderr.contains("dXNlcjpzZWNyZXQ="),
            "{}",
            ran.stderr
        );
    }
}

/// What goes wrong, once or always.
fn failures() -> Vec<(FaultTarget, Fault)> {
    vec![
        // git and the API.
        (FaultTarget::any("mlc-ai/tiny"), Fault::status(404)),
        (FaultTarget::any("mlc-ai/tiny"), Fault::redirect(302, "ftp://127.0.0.1/x?Signature=abcdef")),
        (FaultTarget::resolve(".bin"), Fault::redirect(302, "ftp://127.0.0.1/x?Signature=abcdef")),
        (FaultTarget::resolve(".bin"), Fault::Html),
        (FaultTarget::data(".bin"), Fault::status(403)),
        (FaultTarget::data(".bin"), Fault::status(404)),
        (FaultTarget::data(".bin"), Fault::redirect(302, "ftp://127.0.0.1/x?Signature=abcdef")),
        (FaultTarget::data(".bin"), Fault::Corrupt { at: 3 }),
    ]
}

#[test]
fn no_failure_reveals_a_secret() {
    for (target, fault) in failures() {
        let (world, model) = World::with_tiny();
        world.hub.fault(target, fault.clone(), Times::Forever);
        world.hub.fault(FaultTarget::lfs_batch(""), Fault::status(404), Times::Forever);
        let ran = talkative(world.cli(&["download", &model.url]));
        assert_ne!(ran.status, Some(0), "{fault:?}");
        check_silence(&ran);
    }
}

/// Programs that read it may keep it forever.
#[test]
fn progress_as_json_reveals_no_secret() {
    for (target, fault) in failures() {
        check_json(&[(target, fault)], Times::Forever);
    }
    let on_the_way = [
        (FaultTarget::resolve(".bin"), Fault::retry_after(429, "1")),
        (FaultTarget::data("0.bin"), Fault::status(503)),
        (FaultTarget::data("1.bin"), Fault::Truncate { after: 4_000 }),
        (FaultTarget::data("2.bin"), Fault::Reset { after: 4_000 }),
    ];
    let told = check_json(&on_the_way, Times::Once);
    for event in ["throttled", "retrying", "progress", "done"] {
        assert!(told.contains(&format!(r#""event":"{event}""#)), "{event} is missing in:\n{told}");
    }
}

/// What a download with a token says on stderr.
#[track_caller]
fn check_json(faults: &[(FaultTarget, Fault)], times: Times) -> String {
    let (world, model) = World::with_tiny();
    for (target, fault) in faults {
        world.hub.fault(target.clone(), fault.clone(), times);
    }
    let ran = world.cli(&["download", &model.url, "--progress", "json"]).env("HF_TOKEN", TOKEN).run();
    assert!(ran.lines().iter().all(|line| line.starts_with(r#"{"version":"#)), "{}", ran.stderr);
    assert!(ran.stderr.contains(r#""event":"summary""#), "{}", ran.stderr);
    check_silence(&ran);
    ran.stderr
}
