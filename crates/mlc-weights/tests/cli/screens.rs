//! docs/screens.md shows what a user sees in the most common situations. The real program prints it,
//! against the local hub; this test fails if the page differs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use local_hub::{Access, Fault, FaultTarget, ModelFixture, Times};
use regex::Regex;

use crate::world::{Ran, World, is_in_pool, until};

/// If set, the page is written instead of compared.
const WRITE: &str = "MLC_WEIGHTS_WRITE_SCREENS";

const HEAD: &str = "\
# Screens

What the program prints in the most common situations: first what goes to stderr, then what goes to stdout, and the exit \
status where it is not 0. On a terminal a bar is shown instead of the lines of progress.

This page is written by `cargo xtask screens`, from the real program and the local hub of `tests/`; a test compares it. \
Names of servers and folders, commits, times and rates stand for any.
";

#[test]
#[expect(clippy::disallowed_methods, reason = "`cargo xtask screens` asks for the page")]
fn the_page_shows_what_the_program_prints() {
    let mut page = HEAD.to_owned();
    for (number, (title, screen)) in SCREENS.iter().enumerate() {
        write!(page, "\n## {}. {title}\n\n```console\n{}```\n", number + 1, screen()).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/screens.md");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path, page).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert_eq!(lines(&kept), lines(&page), "write the page with: cargo xtask screens");
}

/// Each line with the heading above it. A set, since concurrent work is reported in any order, and a retry
/// may be reported twice.
fn lines(page: &str) -> BTreeSet<(&str, &str)> {
    let mut heading = "";
    let with_heading = page.lines().map(|line| {
        if line.starts_with('#') {
            heading = line;
        }
        (heading, line)
    });
    with_heading.collect()
}

type Screen = fn() -> String;

const SCREENS: [(&str, Screen); 12] = [
    ("The first download", first_download),
    ("The same model again", again),
    ("What would be downloaded", dry_run),
    ("Interrupted, and continued", interrupted),
    ("A server in trouble", server_in_trouble),
    ("No network", no_network),
    ("A name with a mistake in it", mistyped),
    ("A private or gated model", no_entry),
    ("The cache only", cache_only),
    ("Several models", several),
    ("Damage, and repair", damage),
    ("Looking after the cache", housekeeping),
];

fn first_download() -> String {
    let (world, model) = World::with_tiny();
    session(&world, &[&["download", &model.url]])
}

fn again() -> String {
    let (world, model) = World::with_tiny();
    world.download(&model);
    session(&world, &[&["download", "mlc-ai/tiny"], &["path", "mlc-ai/tiny"]])
}

fn dry_run() -> String {
    let (world, _) = World::with_tiny();
    session(&world, &[&["download", "mlc-ai/tiny", "--dry-run"]])
}

fn interrupted() -> String {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Stall { after: 0 }, Times::Forever);
    let stderr = world.beside("stderr");
    let running = world.cli(&["download", "mlc-ai/tiny"]).start_with_stderr(&stderr);
    let log = world.hub.log().filter(|request| request.fault.is_some());
    let others = || model.lfs_files().filter(|file| !file.path.ends_with("shard_1.bin"));
    until(|| !log.is_empty() && others().all(|file| is_in_pool(&world.home(), &model, &file.path)));
    running.signal("INT");
    let mut ran = running.end();
    ran.stderr = std::fs::read_to_string(&stderr).unwrap();
    world.hub.clear_faults();
    shown(&world, &["download", "mlc-ai/tiny"], &ran) + &session(&world, &[&["download", &model.url]])
}

fn server_in_trouble() -> String {
    let (world, _) = World::with_tiny();
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::status(503), Times::N(2));
    session(&world, &[&["download", "mlc-ai/tiny"]])
}

fn no_network() -> String {
    let world = World::new();
    let arguments = ["download", "mlc-ai/tiny"];
    let ran = world.cli(&arguments).env("HF_ENDPOINT", "https://hub.invalid").run();
    shown(&world, &arguments, &ran)
}

fn mistyped() -> String {
    let (world, _) = World::with_tiny();
    session(
        &world,
        &[&["download", "HF:/mlc-ai/tiny"], &["download", "mlc-ai/tinny"], &["download", "mlc-ai/tiny@mian"]],
    )
}

fn no_entry() -> String {
    let world = World::new();
    let keys = || vec!["hf_right".to_owned()];
    world.hub.publish(&ModelFixture::new("mlc-ai/private").access(Access::Private(keys())));
    world.hub.publish(&ModelFixture::new("mlc-ai/gated").access(Access::Gated(keys())));
    let gated = ["download", "mlc-ai/gated"];
    let wrong = world.cli(&gated).env("HF_TOKEN", "hf_wrong").run();
    session(&world, &[&["download", "mlc-ai/private"], &gated])
        + &shown_with("HF_TOKEN=hf_… ", &world, &gated, &wrong)
}

fn cache_only() -> String {
    let (world, _) = World::with_tiny();
    let arguments = ["download", "mlc-ai/tiny"];
    let offline = world.cli(&arguments).env("HF_HUB_OFFLINE", "1").run();
    shown_with("HF_HUB_OFFLINE=1 ", &world, &arguments, &offline)
        + &session(&world, &[&["path", "mlc-ai/tiny"]])
}

fn several() -> String {
    let (world, _) = World::with_tiny();
    world.hub.publish(&ModelFixture::new("mlc-ai/small"));
    session(&world, &[&["download", "mlc-ai/tiny", "mlc-ai/small", "mlc-ai/none"]])
}

fn damage() -> String {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let shard = world.entry(&model).join("params_shard_0.bin");
    let length = std::fs::metadata(&shard).unwrap().len();
    std::fs::write(shard, vec![0; usize::try_from(length).unwrap()]).unwrap();
    session(&world, &[&["verify", "mlc-ai/tiny"], &["verify", "mlc-ai/tiny", "--repair"]])
}

fn housekeeping() -> String {
    let (world, model) = World::with_tiny();
    world.download(&model);
    world.download(&world.hub.publish(&ModelFixture::new("mlc-ai/small")));
    session(&world, &[&["list"], &["remove", "mlc-ai/small"], &["prune"], &["list"]])
}

fn session(world: &World, commands: &[&[&str]]) -> String {
    commands.iter().map(|arguments| shown(world, arguments, &world.cli(arguments).run())).collect()
}

fn shown(world: &World, arguments: &[&str], ran: &Ran) -> String {
    shown_with("", world, arguments, ran)
}

fn shown_with(variables: &str, world: &World, arguments: &[&str], ran: &Ran) -> String {
    let mut text = format!("$ {variables}mlc-weights {}\n{}{}", arguments.join(" "), ran.stderr, ran.text());
    let status = ran.status.unwrap();
    if status != 0 {
        writeln!(text, "[exit status {status}]").unwrap();
    }
    normalize(world, &text)
}

/// Replaces what differs from run to run.
fn normalize(world: &World, text: &str) -> String {
    let text = text
        .replace(world.home().to_str().unwrap(), "~/.cache/mlc_llm")
        .replace(&world.hub.endpoint(), "https://hub.example")
        .replace(&world.hub.data_origin(), "https://cdn.example");
    let hub = world.hub.endpoint();
    let text = text.replace(hub.trim_start_matches("http://"), "hub.example");
    let replace =
        |text: String, pattern, with| Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
    let text = replace(text, r"\b[0-9a-f]{40}\b", "5f3c1a9d0e7b2846c9d05e1f7a3b8c2d4e6f9012");
    let text = replace(text, r"Root=1-[0-9a-f]+", "Root=1-5f3c1a9d");
    let text = replace(text, r"free      [0-9.]+ [kMGT]B", "free      64.85 GB");
    let text = replace(text, r"\d{4}-\d\d-\d\d", "2026-11-30");
    let text = replace(text, r"\b\d+(\.\d+)? s\b", "0.3 s");
    replace(text, r"\b\d+(\.\d+)? [kM]?B/s", "0.7 MB/s")
}
