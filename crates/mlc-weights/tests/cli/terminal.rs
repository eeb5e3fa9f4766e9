//! Progress on a terminal: a bar.

#![cfg(target_os = "linux")]

use std::process::Command;

use local_hub::{Fault, FaultTarget, LocalWebStore, ModelFixture, PublishedModel, Times};

use crate::world::{PATIENCE, World, files_below, until};

/// Runs a download on a pseudo-terminal and returns everything that it prints, including escape sequences.
/// `None` if `script` is not installed.
fn run_on_terminal(world: &World, arguments: &[&str], variables: &[(&str, &str)]) -> Option<String> {
    let (is_success, shown) = run_with_input(world, arguments, variables, "")?;
    assert!(is_success, "{shown}");
    Some(shown)
}

/// The same with typed input; also returns whether the program succeeded.
fn run_with_input(
    world: &World,
    arguments: &[&str],
    variables: &[(&str, &str)],
    typed: &str,
) -> Option<(bool, String)> {
    let inner = world.cli(arguments).command;
    let words = std::iter::once(inner.get_program()).chain(inner.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    shell_with_input(world, &line.join(" "), variables, typed)
}

/// The same with a command line for the shell.
fn run_in_shell(world: &World, line: &str) -> Option<String> {
    shell_with_input(world, line, &[], "").map(|(_, shown)| shown)
}

#[expect(clippy::print_stderr, reason = "says what is not checked, and why")]
fn shell_with_input(
    world: &World,
    line: &str,
    variables: &[(&str, &str)],
    typed: &str,
) -> Option<(bool, String)> {
    let inner = world.cli(&[]).command;
    let mut outer = Command::new("script");
    // An echo would be somewhere among the program's own words.
    outer.args(["--quiet", "--return", "--echo", "never", "--command", line, "/dev/null"]);
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

/// A world in which a download pauses for a second, long enough for the bar to be drawn.
fn stalling_world() -> (World, PublishedModel) {
    let (world, model) = World::with_tiny();
    // The parallel second attempt stalls, too.
    for after in [10_000, 0] {
        world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Stall { after }, Times::Once);
    }
    (world, model)
}

/// How long a server may be silent: one second.
const SHORT_TIMEOUT: (&str, &str) = ("HF_HUB_DOWNLOAD_TIMEOUT", "1");

/// A push and a verification of its store show progress.
#[test]
fn work_on_stores_has_a_bar_too() {
    let (world, model) = World::with_tiny();
    let server = LocalWebStore::start();
    let store = server.url();
    world.download(&model);
    for arguments in
        [&["store", "push", "--store", &store, &model.url][..], &["store", "verify", "--store", &store]]
    {
        // The retry pauses for long enough to draw the bar.
        server.refuse(&model.file("params_shard_1.bin").unwrap().sha256, 503);
        let Some(shown) = run_on_terminal(&world, arguments, &[]) else { return };
        for part in ["━", " of 224.8 kB", " of 4 files"] {
            assert!(shown.contains(part), "{part:?} is missing in {shown:?}");
        }
    }
}

#[test]
fn a_removal_is_asked_about() {
    let (world, model) = World::with_tiny();
    for (typed, is_removed) in [("n\n", false), ("", false), ("Y\n", true)] {
        for arguments in [["remove", "mlc-ai/tiny"], ["prune", "--keep=1k"]] {
            world.download(&model);
            let Some((is_success, shown)) = run_with_input(&world, &arguments, &[], typed) else { return };
            assert!(shown.contains("Remove mlc-ai/tiny, ") && shown.contains("? [y/N] "), "{shown}");
            assert!(!typed.is_empty() || shown.contains("\nnothing was removed"), "{shown}");
            assert_eq!((is_success, !world.entry(&model).exists()), (is_removed, is_removed), "{shown}");
        }
    }
    let Some((is_success, shown)) = run_with_input(&world, &["remove", "mlc-ai/tiny"], &[], "Y\n") else {
        return;
    };
    assert!(!is_success && shown.contains("mlc-ai/tiny is not in the cache"), "{shown}");
    assert!(!shown.contains("[y/N]"), "{shown}");
}

/// Which models go is decided by the program, so the question is not asked without their names.
#[test]
fn the_models_that_prune_would_remove_are_named() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    world.cli(&["download", "mlc-ai/tiny@main"]).run();
    let Some((_, shown)) = run_with_input(&world, &["prune", "--keep=1k"], &[], "n\n") else { return };
    let (names, _) = shown.split_once("Remove 2 models, ").expect(&shown);
    assert!(names.contains("mlc-ai/tiny, ") && names.contains("mlc-ai/tiny@main, "), "{shown}");
}

/// What a push or an interrupted download has done is in the rows, and needs no line for each file.
#[test]
fn files_have_no_lines_of_their_own() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shard("large.bin", 12 << 20));
    world.hub.fault(FaultTarget::data("large.bin"), Fault::Stall { after: 4 << 20 }, Times::Forever);
    let running = world.cli(&["download", &model.url, "--jobs", "1"]).start();
    let sent = |log: &local_hub::RequestLog| log.requests().iter().any(|asked| asked.body_sent >= 4 << 20);
    assert!(world.hub.log().data().file("large.bin").wait_until(PATIENCE, sent));
    until(|| {
        files_below(&world.home()).iter().any(|path| path.extension().is_some_and(|it| it == "journal"))
    });
    running.signal("INT");
    running.end_within(PATIENCE);
    world.hub.clear_faults();
    let Some(shown) = run_on_terminal(&world, &["download", &model.url], &[]) else { return };
    assert!(shown.contains("B was already there") && !shown.contains("is already there"), "{shown:?}");

    let store = world.beside("store");
    std::fs::create_dir(&store).unwrap();
    let store = format!("file://{}", store.to_str().unwrap());
    let shown = run_on_terminal(&world, &["store", "push", "--store", &store, &model.url], &[]).unwrap();
    assert!(shown.contains(") written, ") && !shown.contains(": written, "), "{shown:?}");
}

#[test]
fn rows_are_drawn_and_gone_at_the_end() {
    let (world, model) = stalling_world();
    let Some(shown) = run_on_terminal(&world, &["download", &model.url], &[SHORT_TIMEOUT]) else { return };
    for part in ["━", " of 224.8 kB", " of 4 files", "  params_shard_1.bin  ", CYAN] {
        assert!(shown.contains(part), "{part:?} is missing in {shown:?}");
    }
    // Messages stay; the bar is erased before the summary and the result.
    assert!(
        shown.contains("params_shard_1.bin: the host sent nothing for 1 s; trying again in "),
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
fn colours_and_bars_can_be_turned_off() {
    let (world, model) = stalling_world();
    let arguments = ["download", &model.url, "--force"];
    let Some(shown) = run_on_terminal(&world, &arguments, &[SHORT_TIMEOUT, ("NO_COLOR", "1")]) else {
        return;
    };
    assert!(shown.contains('━') && !shown.contains(CYAN), "{shown:?}");
    for (arguments, variables) in [
        (&arguments[..], &[("HF_HUB_DISABLE_PROGRESS_BARS", "1")][..]),
        (&arguments[..], &[("TERM", "dumb")]),
        (&[&arguments[..], &["--progress", "plain"]].concat(), &[]),
        (&[&arguments[..], &["-v"]].concat(), &[]),
    ] {
        let shown = run_on_terminal(&world, arguments, variables).unwrap();
        assert!(!shown.contains('━') && shown.contains("fetching 4 files"), "{shown:?}");
    }
}

#[test]
fn a_hit_shows_no_bar() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let Some(shown) = run_on_terminal(&world, &["download", &model.url], &[]) else { return };
    assert!(shown.ends_with(&format!("{}\r\n", world.entry(&model).display())), "{shown:?}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}

const BOLD_RED: &str = "\x1b[1m\x1b[31m";

#[test]
fn errors_are_coloured_and_broken_between_words() {
    let world = World::new();
    let arguments = ["download", "mlc-ai/a-model-of-a-rather-long-name-that-is-nowhere-at-all"];
    let fail = |variables: &[(&str, &str)]| run_with_input(&world, &arguments, variables, "");
    let Some((is_success, shown)) = fail(&[]) else { return };
    assert!(!is_success && shown.contains(&format!("{BOLD_RED}error:\x1b[0m mlc-ai/a-model")), "{shown:?}");
    let mut screen = vt100::Parser::new(24, 80, 0);
    screen.process(shown.as_bytes());
    // The same words as without line breaks, except for the request's ID.
    let words = |text: &str| -> Vec<String> {
        let error = text.split_once("error:").unwrap().1.split_whitespace();
        error.filter(|word| !word.contains("Root=")).map(str::to_owned).collect()
    };
    let left = screen.screen().contents();
    assert!(left.lines().count() > 3, "{left}");
    assert_eq!(words(&left), words(&world.cli(&arguments).run().stderr));
    for variables in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
        let (_, shown) = fail(&variables).unwrap();
        assert!(shown.contains("error: mlc-ai/a-model") && !shown.contains(BOLD_RED), "{shown:?}");
    }
}

#[test]
fn a_list_fits_a_narrow_terminal() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC"));
    world.download(&model);
    let line = |columns: u16| {
        let program = env!("CARGO_BIN_EXE_mlc-weights");
        let script = format!("stty cols {columns} rows 24; exec '{program}' list --quiet");
        run_in_shell(&world, &script)
    };
    let Some(narrow) = line(60) else { return };
    assert!(narrow.contains("     SIZE  MODEL\r\n"), "{narrow:?}");
    let table = narrow.lines().filter(|line| line.starts_with("  "));
    assert!(table.map(|line| line.trim_end().len()).all(|width| width <= 60), "{narrow}");
    let wide = line(100).unwrap();
    assert!(wide.contains("FILES  COMMIT   DATE        MODEL\r\n"), "{wide:?}");
}

#[test]
fn warnings_are_coloured_beside_a_bar() {
    let fixture = ModelFixture::new("mlc-ai/tiny").random_lfs_file("pytorch_model.bin", 1_000);
    let (world, model) = World::with(&fixture);
    let Some(shown) = run_on_terminal(&world, &["download", &model.url], &[]) else { return };
    assert!(shown.contains("\x1b[1m\x1b[33mwarning:\x1b[0m pytorch_model.bin is left out"), "{shown:?}");
}
