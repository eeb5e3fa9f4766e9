//! Where the result is printed.

use std::process::Stdio;

use crate::world::World;

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let (world, model) = World::with_tiny();
    for command in ["download", "path"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut cli = world.cli(&[command, &model.url]);
        cli.command.stdout(full).stderr(Stdio::piped());
        let output = cli.command.spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("error: cannot write the result\n  because: No space left"), "{stderr}");
        // The download itself succeeds.
        assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let world = World::new();
    for argument in ["--version", "--help", "-h", "help"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut cli = world.cli(&[argument]);
        cli.command.stdout(full).stderr(Stdio::piped());
        let output = cli.command.spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{argument}: {stderr}");
        assert!(stderr.contains("error: cannot write the result\n  because: No space left"), "{stderr}");
    }
}

#[test]
fn a_closed_stdout_is_no_failure() {
    let (world, model) = World::with_tiny();
    for command in ["download", "path"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut cli = world.cli(&[command, &model.url]);
        cli.command.stdout(writer).stderr(Stdio::piped());
        let output = cli.command.spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(!stderr.contains("error"), "{stderr}");
    }
}

#[test]
fn a_closed_stderr_is_no_failure() {
    for how in [&["-v"][..], &["-vv"], &["--progress", "plain"], &["--progress", "json"]] {
        let (world, model) = World::with_tiny();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut cli = world.cli(&[&["download", &model.url], how].concat());
        cli.command.stdout(Stdio::piped()).stderr(writer);
        let output = cli.command.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{how:?}");
        assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    }
}

#[test]
fn a_failure_has_its_status_even_with_a_closed_stderr() {
    let world = World::new();
    for (arguments, status) in [
        (&["path", "HF://mlc-ai/none"][..], 3),
        (&["download", "nonsense"], 2),
        (&["download", "nonsense", "--progress", "json"], 2),
        (&["nonsense"], 2),
        (&[], 2),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut cli = world.cli(arguments);
        cli.command.stdout(Stdio::piped()).stderr(writer);
        assert_eq!(cli.command.spawn().unwrap().wait().unwrap().code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn a_reader_of_the_output_may_stop_early() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    for arguments in [
        &["--help"][..],
        &["download", "--help"],
        &["--version"],
        &["list"],
        &["list", "--json"],
        &["env"],
        &["env", "--json"],
        &["completions", "bash"],
        &["download", "--dry-run", &model.url],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut cli = world.cli(arguments);
        cli.command.stdout(writer).stderr(Stdio::piped());
        let output = cli.command.spawn().unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{arguments:?}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let (world, model) = World::with_tiny();
    let home = world.beside("").join(OsStr::from_bytes(b"home \xff\n"));
    let entry = crate::world::entry_in(&home.join("model_weights"), &model);
    for command in ["download", "path"] {
        world.cli(&[command, &model.url]).env("MLC_LLM_HOME", &home).run().check_path(&entry);
    }
}

#[test]
fn a_relative_home_makes_an_absolute_path() {
    let (world, model) = World::with_tiny();
    let ran = world.cli(&["download", &model.url]).env("MLC_LLM_HOME", "home").run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let path = std::path::PathBuf::from(String::from_utf8(ran.stdout).unwrap().trim_end_matches('\n'));
    assert!(path.is_absolute(), "{}", path.display());
    // The folder of this test may have two names.
    assert_eq!(path.canonicalize().unwrap(), world.entry(&model).canonicalize().unwrap());
}
