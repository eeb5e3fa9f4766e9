//! Credentials and signed queries appear in no output, and are sent only where they belong.

use local_hub::{Fault, FaultTarget, Hold, LocalProxy, Times};

use crate::world::{Cli, PATIENCE, Ran, World};

const TOKEN: &str = "hf_VeryDistinctiveSecret";

/// Runs the program with a token and the most verbose log.
fn run_verbose(cli: Cli) -> Ran {
    cli.env("HF_TOKEN", TOKEN).env("RUST_LOG", "trace").run()
}

#[track_caller]
fn check_no_secrets(ran: &Ran) {
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
    for secret in [TOKEN, "Distinctive", "Signature=", "Policy=", "Key-Pair-Id", "Expires="] {
        assert!(!said.contains(secret), "{secret} in:\n{said}");
    }
}

#[test]
fn no_secret_is_printed() {
    let (world, model) = World::with_tiny();
    let ran = run_verbose(world.cli(&["download", &model.url]));
    ran.check_path(&world.entry(&model));
    assert!(ran.lines().len() > 50, "RUST_LOG should make it verbose: {}", ran.stderr);
    check_no_secrets(&ran);
    for verbosity in ["-v", "-vv", "-vvv"] {
        let ran = world.cli(&["download", &model.url, "--force", verbosity]).env("HF_TOKEN", TOKEN).run();
        ran.check_path(&world.entry(&model));
        check_no_secrets(&ran);
    }
}

#[test]
fn nothing_secret_is_left_on_disk() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Corrupt { at: 1 }, Times::N(2));
    run_verbose(world.cli(&["download", &model.url])).check_failure(5, &[]);
    run_verbose(world.cli(&["download", &model.url])).check_path(&world.entry(&model));
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
    /// No file of this world, including the cache's private files, contains a secret. Returns the number of
    /// files.
    #[track_caller]
    fn check_disk(&self) -> usize {
        let files = crate::world::files_below(&self.beside(""));
        for path in files.iter().filter(|path| path.is_file()) {
            // A download may remove a file at this moment.
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
        let ran = run_verbose(world.cli(&["download", &model.url, "--force"]).env("ALL_PROXY", &url));
        check_no_secrets(&ran);
        assert!(
            !ran.stderr.contains("secret@") && !ran.stderr.contains("dXNlcjpzZWNyZXQ="),
            "{}",
            ran.stderr
        );
    }
}

/// The failures to try, each once or always.
fn failures() -> Vec<(FaultTarget, Fault)> {
    vec![
        // Both git and the API.
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
        let ran = run_verbose(world.cli(&["download", &model.url]));
        assert_ne!(ran.status, Some(0), "{fault:?}");
        check_no_secrets(&ran);
    }
}

/// Programs that read this output may store it forever.
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

/// Returns the stderr of a download with a token.
#[track_caller]
fn check_json(faults: &[(FaultTarget, Fault)], times: Times) -> String {
    let (world, model) = World::with_tiny();
    for (target, fault) in faults {
        world.hub.fault(target.clone(), fault.clone(), times);
    }
    let ran = world.cli(&["download", &model.url, "--progress", "json"]).env("HF_TOKEN", TOKEN).run();
    assert!(ran.lines().iter().all(|line| line.starts_with(r#"{"version":"#)), "{}", ran.stderr);
    assert!(ran.stderr.contains(r#""event":"summary""#), "{}", ran.stderr);
    check_no_secrets(&ran);
    ran.stderr
}
