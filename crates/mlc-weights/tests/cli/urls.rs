//! Invalid model URLs are refused before anything is written.

use crate::world::World;

/// Both commands refuse the URL, with the expected form and, where it can be guessed, the right URL
/// (`hint`).
#[track_caller]
fn check(world: &World, url: &str, problem: &str, hint: &str) {
    for command in ["download", "path"] {
        // Whatever follows `--` is not an option.
        let ran = world.cli(&[command, "--", url]).run();
        ran.check_failure(2, &["is not a model URL: ", problem, "; expected `HF://user/repo`"]);
        match hint {
            "" => assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr),
            hint => ran.check_failure(2, &[&format!("did you mean `HF://{hint}`?")]),
        }
        let advice = usize::from(problem.contains("HF_ENDPOINT"));
        assert_eq!(ran.lines().len(), 1 + advice, "{}", ran.stderr);
    }
}

/// Text without a prefix is read as `user/repo`, and the message says what is wrong with that.
#[test]
fn bad_names() {
    let world = World::new();
    for (name, problem) in [
        ("mlc-ai/Sam ple", "the repository has the character ' '"),
        ("-user/repo", "the user starts with `-`"),
        ("bad/", "expected `user/repo`"),
        ("a/b/c", "expected `user/repo`"),
        ("mlc-ai/tiny@", "expected `user/repo"),
    ] {
        for command in ["download", "path"] {
            let ran = world.cli(&[command, "--", name]).run();
            ran.check_failure(2, &["is not the name of a model: ", problem]);
            assert!(!ran.stderr.contains("HF://"), "{}", ran.stderr);
        }
    }
}

/// All other kinds are in url-parse's table of URLs.
#[test]
fn bad_urls() {
    let world = World::new();
    for (url, problem, hint) in [
        ("", "it is empty", ""),
        ("hf://user/repo@v1", "its prefix is not written exactly", "user/repo@v1"),
        ("git@hf.co:user/repo.git", "it starts with neither", "user/repo"),
        (
            "https://example.org/user/repo",
            "set HF_ENDPOINT=https://example.org and write `HF://user/repo`",
            "",
        ),
        ("https://huggingface.co/user", "the repository is missing", ""),
        (
            "https://huggingface.co/user/repo/tree/main",
            "there is something after the repository",
            "user/repo",
        ),
        ("HF://user/re\x1b[31mpo", r"the repository has the character '\u{1b}'", ""),
        ("HF://user/repo@a..b", "its revision cannot be used: it has `..`", ""),
    ] {
        check(&world, url, problem, hint);
    }
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    world.check_pristine();
}

#[cfg(windows)]
#[test]
fn names_reserved_by_windows_are_refused() {
    let world = World::new();
    check(&world, "HF://user/NUL", "is a name that Windows keeps for a device", "");
    check(&world, "HF://com1/repo", "is a name that Windows keeps for a device", "");
    check(&world, "HF://user/repo.", "ends in `.`, which Windows drops", "");
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let world = World::new();
    let ran = world.cli(&["path", "HF://user/\x1b[31m\u{202e}repo"]).run();
    ran.check_failure(2, &[]);
    assert!(!ran.stderr.contains('\x1b') && !ran.stderr.contains('\u{202e}'), "{:?}", ran.stderr);
}

#[test]
fn a_very_long_url_is_shown_in_part() {
    let world = World::new();
    let ran = world.cli(&["path", &format!("HF://user/{}", "r".repeat(50_000))]).run();
    ran.check_failure(2, &["50000 bytes long"]);
    assert!(ran.stderr.len() < 500, "{}", ran.stderr);
}

#[test]
fn a_password_in_it_is_not_shown() {
    let world = World::new();
    let ran = world.cli(&["path", "https://me:hf_secret@huggingface.co/user/repo"]).run();
    ran.check_failure(2, &["did you mean `HF://user/repo`?"]);
    assert!(!ran.stderr.contains("hf_secret"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let world = World::new();
    let mut cli = world.cli(&["path"]);
    cli.command.arg(OsStr::from_bytes(b"HF://user/\xff"));
    cli.run().check_failure(2, &["invalid UTF-8"]);
}
