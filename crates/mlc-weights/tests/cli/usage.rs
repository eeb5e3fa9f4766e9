//! Exit status 2: invalid arguments and variables. Nothing is written.

use crate::world::{Cli, World};

const URL: &str = "HF://mlc-ai/tiny";

#[track_caller]
fn check(world: &World, cli: Cli, words: &[&str]) {
    cli.run().check_failure(2, words);
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    world.check_pristine();
}

#[test]
fn arguments() {
    let world = World::new();
    for (arguments, words) in [
        (vec!["dwnload", URL], ["unrecognized subcommand 'dwnload'", "'download'"]),
        (vec!["download"], ["no model is named", "or --from-file LIST or --package CONFIG"]),
        (vec!["download", "--json"], ["no model is named", "or --from-file LIST or --package CONFIG"]),
        (vec!["remove", "--yes"], ["no model is named", "or --all for every model in the writable tier"]),
        (vec!["verify"], ["no model is named", "or --all for every model in the cache"]),
        (
            vec!["store", "copy", "--from", "file:///a", "--to", "file:///b"],
            ["no model is named", "or --all for everything in the store"],
        ),
        (vec!["path", URL, "HF://mlc-ai/other"], ["unexpected argument", "HF://mlc-ai/other"]),
        (vec!["download", "--from-file"], ["a value is required", "LIST"]),
        (vec!["download", URL, "--max-connections", "0"], ["invalid value '0'", "at least 1"]),
        (vec!["download", URL, "--frce"], ["unexpected argument '--frce'", "'--force'"]),
        (vec!["download", URL, "-j", "0"], ["invalid value '0' for '--jobs", "at least 1"]),
        (vec!["download", URL, "-j", "many"], ["invalid value 'many' for '--jobs", "whole number"]),
        (vec!["download", URL, "--policy", "maybe"], ["'maybe'", "ON, OFF, REDO or READONLY"]),
        (vec!["download", URL, "--policy", "off"], ["'off'", "ON, OFF, REDO or READONLY"]),
        (vec!["download", URL, "--progress", "loud"], ["invalid value 'loud'", "plain"]),
        (vec!["download", URL, "-q", "-v"], ["cannot be used with", "--quiet"]),
        (vec!["path", URL, "--force"], ["unexpected argument '--force'", "Usage"]),
    ] {
        check(&world, world.cli(&arguments), &words);
    }
}

#[test]
fn variables() {
    let world = World::new();
    for (name, value, why) in [
        ("MLC_DOWNLOAD_CACHE_POLICY", "maybe", "expected ON, OFF, REDO or READONLY"),
        ("MLC_DOWNLOAD_CACHE_POLICY", "on", "expected ON, OFF, REDO or READONLY"),
        ("HF_ENDPOINT", "ftp://hub.example", "it does not start with `https://` or `http://`"),
        ("HF_ENDPOINT", "hub.example", "it does not start with `https://` or `http://`"),
        ("HF_ENDPOINT", "https://hub.example/?x=1", "it has a query"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "0", "not a number of seconds from 1 to 86400"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "-1", "not a number of seconds from 1 to 86400"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "soon", "not a number of seconds from 1 to 86400"),
        ("HF_TOKEN", "two\nlines", "it contains a character that is not allowed in a token"),
    ] {
        for command in ["download", "path"] {
            let words = [&format!("the environment variable {name}"), "cannot be used", why];
            check(&world, world.cli(&[command, URL]).env(name, value), &words);
        }
    }
}

#[test]
fn secrets_in_variables_are_not_shown() {
    let world = World::new();
    for (name, value) in [
        ("HF_ENDPOINT", "https://me:hf_secret@hub.example"),
        ("HF_ENDPOINT", "https://hub.example?token=hf_secret"),
        ("HF_TOKEN", "hf_secret\u{1}"),
        ("HF_TOKEN", "\"hf_secret\""),
        ("HUGGING_FACE_HUB_TOKEN", "Bearer hf_secret"),
        ("HF_TOKEN", "hf_secret\u{fc}"),
    ] {
        let ran = world.cli(&["download", URL]).env(name, value).run();
        ran.check_failure(2, &[&format!("the environment variable {name} cannot be used")]);
        assert!(!ran.stderr.contains("hf_secret"), "{}", ran.stderr);
    }
}

#[test]
fn proxies_that_cannot_be_used() {
    let (world, model) = World::with_tiny();
    for (variable, value, words) in [
        (
            "HTTP_PROXY",
            "http://me:hf_secret@:::",
            "`http://…@:::` is not the address of a proxy: its host and port cannot be used",
        ),
        (
            "http_proxy",
            "htp://127.0.0.1:1",
            "`htp://127.0.0.1:1` is not the address of a proxy: it has an unknown scheme",
        ),
        (
            "ALL_PROXY",
            "\"http://127.0.0.1:1\"",
            "`\"http://127.0.0.1:1\"` is not the address of a proxy: it contains quotes",
        ),
        // Invalid even though it applies only to other hosts.
        ("HTTPS_PROXY", "no proxy", "`no proxy` is not the address of a proxy"),
        ("NO_PROXY", "'127.0.0.1'", "`'127.0.0.1'` is not a list of hosts: it contains quotes"),
    ] {
        let ran = world.cli(&["download", &model.url]).env(variable, value).run();
        ran.check_failure(2, &[&format!("the environment variable {variable} cannot be used"), words]);
        assert!(!ran.stderr.contains("hf_secret"), "{}", ran.stderr);
        let document = world.cli(&["env", "--json"]).env(variable, value).run();
        assert_eq!(document.status, Some(2));
        assert!(String::from_utf8_lossy(&document.stdout).contains(&words.replace('"', "\\\"")));
    }
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
    world.check_untouched();
}

#[test]
fn a_cache_without_a_location_is_an_error() {
    let world = World::new();
    for command in ["download", "path"] {
        let mut cli = world.cli(&[command, URL]);
        for name in ["HOME", "LOCALAPPDATA", "MLC_LLM_HOME", "XDG_CACHE_HOME"] {
            cli = cli.without_env(name);
        }
        check(&world, cli, &["no folder for the cache is known", "set MLC_LLM_HOME"]);
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let (world, model) = World::with_tiny();
    let mut cli = world.cli(&["download", &model.url]);
    for name in [
        "MLC_LLM_READONLY_WEIGHT_CACHE",
        "MLC_DOWNLOAD_CACHE_POLICY",
        "MLC_TEMP_DIR",
        "HF_TOKEN",
        "HF_HUB_OFFLINE",
        "HF_HUB_DOWNLOAD_TIMEOUT",
        "HTTP_PROXY",
    ] {
        cli = cli.env(name, "");
    }
    cli.run().check_path(&world.entry(&model));
}
