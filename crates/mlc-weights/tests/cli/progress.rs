//! Progress without a terminal: lines.

use local_hub::{Fault, FaultTarget, PublishedModel, Times};

use crate::world::{Ran, World, until};

/// What was printed, without the parts that differ from run to run.
fn words(ran: &Ran, model: &PublishedModel) -> String {
    let lines = ran.lines().into_iter().map(|line| {
        let line = line.replace(&model.commit, "[commit]");
        match line.rsplit_once(" in ") {
            Some((before, rest)) if rest.contains("B/s") => format!("{before} in [time and rate]"),
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_download_in_lines() {
    let (world, model) = World::with_tiny();
    let ran = world.download(&model);
    insta::assert_snapshot!(words(&ran, &model), @r"
    asking the hub for mlc-ai/tiny
    the model is at commit [commit]
    fetching 4 files, 224.80 kB
    all files are verified; putting the model in place
    downloaded 224.80 kB in [time and rate]
    ");
}

#[test]
fn no_trouble_is_told_below_the_end() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::status(503), Times::Once);
    let words = words(&world.download(&model), &model);
    let (before, after) = words.split_once("\nall files are verified").expect(&words);
    assert!(before.contains("trying again in") && !after.contains("trying again in"), "{words}");
}

#[test]
fn lines_are_the_default_and_bars_need_a_terminal() {
    let (world, model) = World::with_tiny();
    for how in ["plain", "auto", "bar"] {
        let ran = world.cli(&["download", &model.url, "--force", "--progress", how]).run();
        assert!(words(&ran, &model).starts_with("asking the hub for mlc-ai/tiny\n"), "{how}: {}", ran.stderr);
        assert!(!ran.stderr.contains(['\r', '\x1b']), "{how}: {:?}", ran.stderr);
    }
    let ran = world.cli(&["download", &model.url, "--force", "--progress", "none"]).run();
    ran.check_path(&world.entry(&model));
    assert_eq!(ran.stderr, "");
}

#[test]
fn trouble_during_a_download_is_reported() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Corrupt { at: 5 }, Times::Once);
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Truncate { after: 4_000 }, Times::Once);
    let ran = world.cli(&["download", &model.url, "-j", "1"]).run();
    ran.check_path(&world.entry(&model));
    let words = words(&ran, &model);
    let origin = world.hub.data_origin();
    for line in [
        "params_shard_0.bin: 98.30 kB discarded",
        &format!("params_shard_0.bin from {origin} failed verification: its SHA-256 is"),
        "params_shard_0.bin: the connection broke after 4.0 of 98.3 kB",
    ] {
        assert!(words.lines().any(|said| said.starts_with(line)), "{line:?} is missing in:\n{words}");
    }
}

#[test]
fn a_wait_requested_by_a_server_is_reported_once() {
    let (world, model) = World::with_tiny();
    for target in [FaultTarget::resolve(".bin"), FaultTarget::data(".bin")] {
        world.hub.fault(target, Fault::rate_limited(1), Times::Once);
        let ran = world.cli(&["download", &model.url, "--force"]).run();
        ran.check_path(&world.entry(&model));
        let told = ran.lines().into_iter().filter(|line| line.contains("for a pause of ")).count();
        assert_eq!(told, 1, "{}", ran.stderr);
    }
}

/// Not one line for each connection and file.
#[test]
fn one_cause_is_one_line() {
    let world = World::new();
    let model = world.hub.publish(&local_hub::ModelFixture::new("mlc-ai/tiny").shards(6, 5_000));
    world.hub.fault(FaultTarget::data(".bin"), Fault::status(503), Times::N(6));
    let ran = world.cli(&["download", &model.url, "-j", "6"]).run();
    ran.check_path(&world.entry(&model));
    let told: Vec<&str> = ran.lines().into_iter().filter(|line| line.contains("status 503")).collect();
    let [line] = told[..] else { panic!("{}", ran.stderr) };
    let host = format!("({}): ", world.hub.data_origin());
    assert!(line.contains(&host) && line.contains(" files"), "{line}");
    assert!(line.contains("next try in ") || line.ends_with("trying again"), "{line}");
}

/// `Retry-After` in a response for metadata, and in one for a file.
#[test]
fn a_hub_that_asks_for_a_pause_is_named_with_its_length() {
    let (world, model) = World::with_tiny();
    for target in [FaultTarget::info_refs(""), FaultTarget::resolve("params_shard_0.bin")] {
        world.hub.fault(target, Fault::retry_after(429, "1"), Times::Once);
        let ran = world.cli(&["download", &model.url, "--force", "-j", "1"]).run();
        ran.check_path(&world.entry(&model));
        let words = format!("{} asks for a pause of 1 s; waiting", world.hub.endpoint());
        let told = ran.lines().into_iter().filter(|line| line.contains("a pause of")).collect::<Vec<_>>();
        assert_eq!(told, [words], "{}", ran.stderr);
    }
}

/// No request is refused, but the hub's quota is used up.
#[cfg(unix)]
#[test]
fn a_wait_is_shown_as_long_as_it_is() {
    let (world, model) = World::with_tiny();
    let (name, told) = ("ratelimit".to_owned(), world.beside("told"));
    let nothing_left = Fault::Header { name, value: Some(format!("\"git\";r=0;t={}", 10_u64.pow(18))) };
    world.hub.fault(FaultTarget::info_refs(""), nothing_left, Times::Forever);
    for (how, expected) in [
        ("plain", ["asks for a pause of 5 min", "; the hub asks us to wait another 4 min"]),
        ("json", [r#""event":"throttled""#, "the hub asks us to wait another "]),
    ] {
        for options in [&[][..], &["--dry-run"]] {
            let arguments = [&["download", &model.url, "--progress", how], options].concat();
            let running = world.cli(&arguments).start_with_stderr(&told);
            let words = || std::fs::read_to_string(&told).unwrap();
            until(|| expected.iter().all(|expected| words().contains(expected)));
            running.signal("INT");
            assert_eq!(running.end().status, Some(130), "{}", words());
            let waits = words().matches(expected[0]).count();
            assert!(waits <= 2, "it is not told again and again: {}", words());
        }
    }
}

#[test]
fn skipped_files_are_reported() {
    let fixture = local_hub::ModelFixture::new("mlc-ai/tiny").random_lfs_file("pytorch_model.bin", 1_000);
    let (world, model) = World::with(&fixture);
    let ran = world.download(&model);
    let warning = "warning: pytorch_model.bin is left out: the manifest does not name it\n";
    assert_eq!(ran.stderr.matches(warning).count(), 1, "{}", ran.stderr);
}

#[test]
fn diagnostics_are_shown_only_on_request() {
    let (world, model) = World::with_tiny();
    let quiet = world.cli(&["download", &model.url]).run();
    assert!(!quiet.stderr.contains("DEBUG") && !quiet.stderr.contains("INFO"), "{}", quiet.stderr);
    let ran = world.cli(&["download", &model.url, "--force", "-vv"]).run();
    assert!(ran.stderr.contains("DEBUG ") && ran.stderr.contains(": hf_transport"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hyper"), "{}", ran.stderr);
    // No colours in a file.
    assert!(!ran.stderr.contains('\x1b'), "{:?}", ran.stderr);
    let ran = world.cli(&["download", &model.url, "--force", "-q"]).env("RUST_LOG", "facade=debug").run();
    assert!(
        ran.lines().iter().all(|line| line.contains(": facade") || line.contains(" facade")),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("DEBUG ") && ran.stderr.contains(": facade"), "{}", ran.stderr);
}
