//! Exit status 130: SIGINT and SIGTERM stop a download at once, and the next run resumes it.

#![cfg(unix)]

use std::time::Duration;

use local_hub::{Fault, FaultTarget, Hold, ModelFixture, Times};

use crate::world::{PATIENCE, World, is_in_pool, until};

/// How soon the program must stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The exit status that shells report for a program killed by this signal.
fn status_of(signal: &str) -> i32 {
    128 + if signal == "TERM" { 15 } else { 2 }
}

/// Interrupts a download that `fault` stalls at `target`. Returns its last line.
#[track_caller]
fn check(signal: &str, target: FaultTarget, fault: Fault) -> String {
    let (world, model) = World::with_tiny();
    world.hub.fault(target, fault, Times::Forever);
    let running = world.cli(&["download", &model.url]).start();
    let faults = world.hub.log().filter(|request| request.fault.is_some());
    assert!(faults.wait_until(PATIENCE, |log| !log.is_empty()));

    running.signal(signal);

    let ran = running.end_within(STOP_TIMEOUT);
    assert_eq!(ran.status, Some(status_of(signal)), "{}", ran.stderr);
    assert!(ran.stdout.is_empty());
    let last = ran.lines().pop().unwrap().to_owned();
    assert!(
        last.starts_with("interrupted")
            && (last.ends_with("run the same command again to resume")
                || last.ends_with("nothing was downloaded yet")),
        "{last}"
    );
    world.check_untouched();

    world.hub.clear_faults();
    world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    last
}

#[test]
fn a_second_interrupt_ends_the_program_at_once() {
    let (world, model) = World::with_tiny();
    world.hub.fault(shard(), Fault::Stall { after: 10_000 }, Times::Once);
    let running = world.cli(&["download", &model.url]).start();
    let faults = world.hub.log().filter(|request| request.fault.is_some());
    assert!(faults.wait_until(PATIENCE, |log| !log.is_empty()));
    running.signal_twice("INT", "TERM");
    assert_eq!(running.end_within(STOP_TIMEOUT).status, Some(130));
    world.check_untouched();
    world.download(&model);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

#[test]
fn while_the_disk_does_not_answer() {
    let (world, model) = World::with_tiny();
    // Reading from it blocks forever, as on a file system whose server is gone.
    let pipe = world.beside("certificates.pem");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for twice in [false, true] {
        let arguments = ["download", &model.url, "--progress", "json"];
        let running = world.cli(&arguments).env("SSL_CERT_FILE", &pipe).start();
        // Succeeds once the program has opened the pipe for reading.
        let _writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        if twice {
            // Two signals of the same kind in quick succession may be merged into one.
            running.signal_twice("INT", "TERM");
        } else {
            running.signal("INT");
        }
        let ran = running.end_within(STOP_TIMEOUT);
        assert_eq!(ran.status, Some(130), "{}", ran.stderr);
        // The summary comes after a grace period for whatever does not respond. A second signal skips both.
        assert_eq!(ran.stderr.contains(r#""event":"summary""#), !twice, "{}", ran.stderr);
    }
    assert!(!world.entry(&model).exists());
}

fn shard() -> FaultTarget {
    FaultTarget::data("params_shard_1.bin")
}

#[test]
fn by_ctrl_c_while_a_shard_stalls() {
    check("INT", shard(), Fault::Stall { after: 10_000 });
}

#[test]
fn by_termination_while_a_shard_stalls() {
    check("TERM", shard(), Fault::Stall { after: 10_000 });
}

#[test]
fn while_the_hub_says_nothing() {
    let said = check("INT", FaultTarget::info_refs(""), Fault::NoAnswer);
    assert_eq!(said, "interrupted; nothing was downloaded yet");
}

#[test]
fn during_the_pause_before_a_retry() {
    check("INT", FaultTarget::info_refs(""), Fault::retry_after(503, "60"));
}

#[test]
fn a_second_download_waits_for_the_first_and_can_be_interrupted() {
    let (world, model) = World::with_tiny();
    let hold = Hold::new();
    world.hub.fault(shard(), Fault::Hold(hold.clone()), Times::Once);
    let first = world.cli(&["download", &model.url]).start();
    let held = world.hub.log().data().file("params_shard_1.bin");
    assert!(held.wait_until(PATIENCE, |log| !log.is_empty()));

    let (told, waiting) = (world.beside("told"), |path: &std::path::Path| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains("waiting for another download"))
    });
    let second = world.cli(&["download", &model.url]).start_with_stderr(&told);
    until(|| waiting(&told));
    second.signal("INT");
    assert_eq!(second.end_within(STOP_TIMEOUT).status, Some(130));
    let words = std::fs::read_to_string(&told).unwrap();
    assert!(words.contains(&first.id().to_string()), "{words}");

    std::fs::remove_file(&told).unwrap();
    let third = world.cli(&["download", &model.url]).start_with_stderr(&told);
    until(|| waiting(&told));
    hold.release();
    for running in [first, third] {
        running.end().check_path(&world.entry(&model));
    }
    assert_eq!(world.hub.log().data().count(), model.lfs_files().count());
}

/// The JSON events of a run with this name.
fn events(ran: &crate::world::Ran, name: &str) -> Vec<serde_json::Value> {
    ran.events().into_iter().filter(|event| event["event"] == name).collect()
}

fn bytes_of(events: &[serde_json::Value], member: &str) -> u64 {
    events.iter().map(|event| event[member].as_u64().unwrap()).sum()
}

/// What a run reports as kept is exactly what the next one does not request.
#[track_caller]
fn check_kept(signal: &str, stalled: &[(&str, u64)]) {
    const MIB: u64 = 1 << 20;
    let fixture = ModelFixture::new("mlc-ai/tiny").shards(2, 50_000).shard("large.bin", 12 * MIB);
    let (world, model) = World::with(&fixture.shard("larger.bin", 20 * MIB));
    for (file, after) in stalled {
        world.hub.fault(FaultTarget::data(file), Fault::Stall { after: *after }, Times::Forever);
    }
    // Two connections, so that files are not requested in small ranges.
    let arguments = ["download", &model.url, "--progress", "json", "--jobs", "2"];
    let running = world.cli(&arguments).start();
    let log = world.hub.log().data();
    assert!(log.wait_until(PATIENCE, |log| {
        let requests = log.requests();
        let sent = |name: &str| {
            let of_file = requests.iter().filter(|asked| asked.file.as_deref() == Some(name));
            of_file.map(|asked| asked.body_sent).max().unwrap_or_default()
        };
        stalled.iter().all(|(file, after)| sent(file) >= *after)
    }));
    // Bytes that were sent may not have been written yet.
    let is_journal = |path: &std::path::PathBuf| path.to_str().unwrap().ends_with(".journal");
    let begun = stalled.iter().filter(|(_, after)| *after > MIB).count();
    until(|| {
        crate::world::files_below(&world.home()).iter().filter(|path| is_journal(path)).count() >= begun
    });
    running.signal(signal);
    let ran = running.end_within(STOP_TIMEOUT);
    assert_eq!(ran.status, Some(status_of(signal)), "{}", ran.stderr);
    let failed = &events(&ran, "failed")[0];
    assert_eq!(failed["status"], status_of(signal));
    let kept = failed["kept_bytes"].as_u64();
    world.hub.clear_faults();
    let next = world.cli(&arguments).run();
    next.check_path(&world.entry(&model));
    let taken_up = bytes_of(&events(&next, "resumed"), "bytes") + bytes_of(&events(&next, "reused"), "bytes");
    assert_eq!(kept, Some(taken_up), "{}\n{}", ran.stderr, next.stderr);
}

#[test]
fn the_next_run_resumes_what_was_reported_as_kept() {
    check_kept("INT", &[("large.bin", 4 << 20), ("larger.bin", 3 << 20)]);
    check_kept("TERM", &[("larger.bin", 5 << 20)]);
    check_kept("INT", &[("large.bin", 1000), ("larger.bin", 1000)]);
}

#[test]
fn the_last_line_says_how_much_was_kept() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_2.bin"), Fault::Stall { after: 0 }, Times::Once);
    let running = world.cli(&["download", &model.url]).start();
    let stalled = world.hub.log().data().file("params_shard_2.bin");
    assert!(stalled.wait_until(PATIENCE, |log| !log.is_empty()));
    let others: Vec<_> = model.lfs_files().filter(|file| file.path != "params_shard_2.bin").collect();
    until(|| others.iter().all(|file| is_in_pool(&world.home(), &model, &file.path)));
    running.signal("INT");
    let ran = running.end_within(STOP_TIMEOUT);
    let next = world.download(&model);
    let last = ran.lines().pop().unwrap().to_owned();
    let said = last.strip_prefix("interrupted; ").unwrap().split(" downloaded so far").next().unwrap();
    assert!(next.stderr.contains(&format!(" files ({said}) on disk\n")), "{last}\n{}", next.stderr);
}
