//! The log uses the names that docs/observability.md promises.

use local_hub::{Fault, FaultTarget, Hold, LocalWebStore, ModelFixture, Times};

use crate::world::{PATIENCE, World, until};

const DOCUMENT: &str = include_str!("../../../../docs/observability.md");
const VERBOSE: (&str, &str) =
    ("RUST_LOG", "cache_layout=trace,facade=trace,hf_transport=trace,shard_fetch=trace");

/// A row of one of the tables in the document.
#[derive(Debug)]
struct Promise {
    target: &'static str,
    level: String,
    name: &'static str,
    fields: Vec<&'static str>,
}

/// The spans and the events.
fn promises() -> [Vec<Promise>; 2] {
    let (_, tables) = DOCUMENT.split_once("## Spans").unwrap();
    let (spans, events) = tables.split_once("## Events").unwrap();
    [spans, events].map(|text| text.lines().filter(|line| line.starts_with("| `")).map(promise).collect())
}

fn promise(row: &'static str) -> Promise {
    let cells: Vec<&str> = row.split('|').collect();
    let quoted = |index: usize| cells[index].split('`').skip(1).step_by(2).collect::<Vec<_>>();
    Promise {
        target: quoted(1)[0],
        level: cells[2].trim().to_uppercase(),
        name: quoted(3)[0],
        fields: quoted(4),
    }
}

/// What the program logs in all the situations that the document describes.
fn log() -> String {
    let (world, model) = World::with_tiny();
    let mut log = String::new();
    let mut run = |arguments: &[&str]| {
        let ran = world.cli(arguments).env(VERBOSE.0, VERBOSE.1).run();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        log += &ran.stderr;
    };
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(503), Times::Once);
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Corrupt { at: 5 }, Times::Once);
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::rate_limited(1), Times::Once);
    let url = model.url.as_str();
    run(&["download", "--dry-run", url]);
    run(&["download", url]);
    run(&["download", url]);
    std::fs::remove_file(world.entry(&model).join("params_shard_1.bin")).unwrap();
    run(&["download", url]);
    log + &log_of_waiting() + &log_of_stores()
}

fn log_of_stores() -> String {
    let (world, old) = World::with_tiny();
    let server = LocalWebStore::start();
    let store = format!("{}/models", server.url());
    let mut log = String::new();
    let mut run = |arguments: &[&str], home: &str| {
        let cli = world.cli(arguments).env(VERBOSE.0, VERBOSE.1);
        let ran = cli.env("MLC_LLM_HOME", world.beside(home)).env("MLC_WEIGHTS_STORE", &store).run();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        log += &ran.stderr;
    };
    run(&["store", "push", &old.url], "filler");
    let reference = server.paths().into_iter().find(|path| path.contains("/refs/")).unwrap();
    // Times are in whole seconds, and the whole test may take less than one.
    let mut old_reference: serde_json::Value =
        serde_json::from_slice(&server.get(&reference).unwrap()).unwrap();
    old_reference["seen_at"] = 1_700_000_000.into();
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
    run(&["store", "push", &new.url], "another filler");
    let trusting = ["download", "--force", "--store-mode", "refs", &new.url];
    server.refuse("/packs/", 503);
    run(&trusting, "node");
    server.put(&reference, old_reference.to_string());
    run(&trusting, "node");
    server.put(&format!("/models/packs/{}.pack", old.commit), "PACK");
    (0..3).for_each(|_| server.refuse("/blobs/", 401));
    run(&trusting, "node");
    log
}

fn log_of_waiting() -> String {
    let (world, model) = World::with_tiny();
    let (hold, told) = (Hold::new(), world.beside("second.txt"));
    world.hub.fault(FaultTarget::upload_pack(""), Fault::Hold(hold.clone()), Times::Once);
    let first = world.cli(&["download", &model.url]).start();
    let held = world.hub.log().filter(|request| request.fault.is_some());
    assert!(held.wait_until(PATIENCE, |log| !log.is_empty()));
    let second = world.cli(&["download", &model.url]).env(VERBOSE.0, VERBOSE.1).start_with_stderr(&told);
    until(|| std::fs::read_to_string(&told).unwrap().contains("waiting for another download"));
    hold.release();
    first.end().check_path(&world.entry(&model));
    second.end().check_path(&world.entry(&model));
    std::fs::read_to_string(&told).unwrap()
}

#[test]
fn every_promise_is_kept() {
    let (log, [spans, events]) = (log(), promises());
    assert!(spans.len() > 5 && events.len() > 10, "{spans:?} {events:?}");
    let missing: Vec<&Promise> = spans
        .iter()
        .filter(|span| !log.lines().any(|line| has_span(line, span)))
        .chain(events.iter().filter(|event| !log.lines().any(|line| is_event(line, event))))
        .collect();
    assert!(missing.is_empty(), "{missing:#?} are missing in:\n{log}");
}

/// `name{field=…}`, somewhere before the event.
fn has_span(line: &str, span: &Promise) -> bool {
    let Some((_, fields)) = line.split_once(&format!("{}{{", span.name)) else { return false };
    span.fields.iter().all(|field| fields.contains(&format!("{field}=")))
}

/// `LEVEL span{…}: target::module: words field=…`
fn is_event(line: &str, event: &Promise) -> bool {
    let Some((before, after)) = line.split_once(&format!(": {}", event.name)) else { return false };
    let target = before.rsplit(": ").next().unwrap_or_default();
    let target = target.rsplit(' ').next().unwrap_or_default();
    before.contains(&event.level)
        && target.split("::").next() == Some(event.target)
        && event.fields.iter().all(|field| after.contains(&format!(" {field}=")))
}

#[test]
fn counting_v_shows_more_and_more() {
    let (world, model) = World::with_tiny();
    let lines = |option: &str| world.cli(&["download", "--force", option, &model.url]).run().stderr;
    let (steps, details) = (lines("-v"), lines("-vv"));
    assert!(steps.contains(" INFO download{") && !steps.contains("DEBUG"), "{steps}");
    assert!(details.contains("DEBUG") && !details.contains("TRACE"), "{details}");
}
