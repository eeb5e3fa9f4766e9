//! Progress on a terminal: a bar.

#![cfg(target_os = "linux")]

use std::process::Command;

use local_hub::{Fault, FaultTarget, LocalWebStore, PublishedModel, Times};

use crate::world::World;

/// Runs a download on a pseudo-terminal and returns everything that it shows, escape sequences and all;
/// `None` where the program that makes one is missing.
fn on_a_terminal(world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> Option<String> {
    let (is_success, shown) = answering(world, arguments, variables, "")?;
    assert!(is_success, "{shown}");
    Some(shown)
}

/// The same with what a person types, and whether the program succeeded.
#[expect(clippy::print_stderr, reason = "says what is not checked, and why")]
fn answering(
    world: &World,
    arguments: &[&str],
    variables: &[(&str, &str)],
    typed: &str,
) -> Option<(bool, String)> {
    let inner = world.cli(arguments).command;
    let words = std::iter::once(inner.get_program()).chain(inner.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut outer = Command::new("script");
    outer.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
    outer.env_clear().env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let input = world.beside("typed");
    std::fs::write(&input, typed).unwrap();
    let input = std::fs::File::open(input).unwrap();
    outer.envs(variables.iter().copied()).current_dir(world.beside("")).stdin(input);
    match outer.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: `script` of util-linux is not installed");
            None
        }
        output => {
            let output = output.unwrap();
            Some((output.status.success(), String::from_utf8(output.stdout).unwrap()))
        }
    }
}

const CYAN: &str = "\x1b[36m";

/// A world in which a download has a pause of a second, long enough for something to be drawn.
fn hesitant() -> (World, PublishedModel) {
    let (world, model) = World::with_tiny();
    // A second attempt is made beside the first, and is no better.
    for after in [10_000, 0] {
        world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Stall { after }, Times::Once);
    }
    (world, model)
}

/// How long the silence lasts.
const BRIEF: (&str, &str) = ("HF_HUB_DOWNLOAD_TIMEOUT", "1");

/// A push, and reading what it has put there, show how far they are.
#[test]
fn work_on_stores_has_a_bar_too() {
    let (world, model) = World::with_tiny();
    let server = LocalWebStore::start();
    let store = server.url();
    world.download(&model);
    for arguments in
        [&["store", "push", "--store", &store, &model.url][..], &["store", "verify", "--store", &store]]
    {
        // There is a pause, in which something is drawn.
        server.refuse(&model.file("params_shard_1.bin").unwrap().sha256, 503);
        let Some(shown) = on_a_terminal(&world, arguments, &[]) else { return };
        for part in ["━", " of 224.8 kB", " of 4 files"] {
            assert!(shown.contains(part), "{part:?} is missing in {shown:?}");
        }
    }
}

#[test]
fn a_removal_is_asked_about() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    for (typed, is_removed) in [("n\n", false), ("", false), ("Y\n", true)] {
        let answered = answering(&world, &["remove", "mlc-ai/tiny"], &[], typed);
        let Some((is_success, shown)) = answered else { return };
        assert!(shown.contains("Remove mlc-ai/tiny, ") && shown.contains("? [y/N] "), "{shown}");
        assert_eq!((is_success, !world.entry(&model).exists()), (is_removed, is_removed), "{shown}");
    }
}

#[test]
fn rows_are_drawn_and_gone_at_the_end() {
    let (world, model) = hesitant();
    let Some(shown) = on_a_terminal(&world, &["download", &model.url], &[BRIEF]) else { return };
    for part in ["━", " of 224.8 kB", " of 4 files", "  params_shard_1.bin  ", CYAN] {
        assert!(shown.contains(part), "{part:?} is missing in {shown:?}");
    }
    // What is told stays; the rows are wiped out before the closing line and the result.
    assert!(
        shown.contains("params_shard_1.bin: the host sent nothing for 1.0 s; trying again in "),
        "{shown:?}"
    );
    let (_, path) = shown.rsplit_once("\x1b[J").unwrap();
    assert_eq!(path, format!("{}\r\n", world.entry(&model).display()));
    let mut screen = vt100::Parser::new(24, 80, 0);
    screen.process(shown.as_bytes());
    let left = screen.screen().contents();
    assert!(left.contains("\ndownloaded 224.80 kB in ") && !left.contains('━'), "{left}");
}

#[test]
fn colour_and_bars_can_be_declined() {
    let (world, model) = hesitant();
    let arguments = ["download", &model.url, "--force"];
    let Some(shown) = on_a_terminal(&world, &arguments, &[BRIEF, ("NO_COLOR", "1")]) else { return };
    assert!(shown.contains('━') && !shown.contains(CYAN), "{shown:?}");
    for (arguments, variables) in [
        (&arguments[..], &[("HF_HUB_DISABLE_PROGRESS_BARS", "1")][..]),
        (&arguments[..], &[("TERM", "dumb")]),
        (&[&arguments[..], &["--progress", "plain"]].concat(), &[]),
        (&[&arguments[..], &["-v"]].concat(), &[]),
    ] {
        let shown = on_a_terminal(&world, arguments, variables).unwrap();
        assert!(!shown.contains('━') && shown.contains("fetching 4 files"), "{shown:?}");
    }
}

#[test]
fn a_hit_shows_no_bar() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let Some(shown) = on_a_terminal(&world, &["download", &model.url], &[]) else { return };
    assert!(shown.ends_with(&format!("{}\r\n", world.entry(&model).display())), "{shown:?}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}
