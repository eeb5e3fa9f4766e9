//! `mlc-weights env`.

use serde_json::Value;

use crate::world::{Cli, Ran, World};

/// The settings with this name.
fn settings<'a>(document: &'a Value, name: &str) -> Vec<&'a Value> {
    document["settings"].as_array().unwrap().iter().filter(|setting| setting["name"] == name).collect()
}

#[track_caller]
fn document(ran: &Ran) -> Value {
    ran.json()
}

/// Checks what is reported about the first setting with this name, in an environment with these variables.
#[track_caller]
fn check(world: &World, variables: &[(&str, &str)], status: i32, name: &str, severity: &str, words: &str) {
    let with = |cli: Cli| variables.iter().fold(cli, |cli, (name, value)| cli.env(name, value));
    let ran = with(world.cli(&["env", "--json"])).run();
    assert_eq!(ran.status, Some(status), "{}", ran.stderr);
    let document = document(&ran);
    assert_eq!(document["usable"], status == 0);
    let finding = &settings(&document, name)[0]["findings"][0];
    let message = finding["message"].as_str().unwrap_or_default();
    assert!(finding["severity"] == severity && message.contains(words), "{name}: {document:#}");
    let table = with(world.cli(&["env"])).run();
    let text = String::from_utf8(table.stdout).unwrap();
    assert!(text.contains(&format!("{severity}: {message}\n")), "{text}");
    assert_eq!(table.status, Some(status));
}

#[test]
fn every_setting_has_a_value_and_a_source() {
    let world = World::new();
    let ran = world.cli(&["env", "--json"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let document = document(&ran);
    for (name, variable, value) in [
        ("home", Value::from("MLC_LLM_HOME"), world.home().to_str().unwrap().into()),
        ("read_only_tier", Value::Null, Value::Null),
        ("scratch", Value::Null, Value::Null),
        ("policy", Value::Null, "ON".into()),
        ("offline", Value::Null, "no".into()),
        ("endpoint", "HF_ENDPOINT".into(), world.hub.endpoint().into()),
        ("token", Value::Null, Value::Null),
        ("https_proxy", Value::Null, Value::Null),
        ("idle_timeout", Value::Null, "10 s".into()),
        ("no_color", Value::Null, "no".into()),
    ] {
        let [setting] = settings(&document, name)[..] else { panic!("{name} in {document:#}") };
        assert_eq!((&setting["variable"], &setting["value"]), (&variable, &value), "{name}");
    }
    assert_eq!(document["version"], 1);
    world.check_pristine();
}

#[test]
fn unusable_entries_are_named_and_do_not_hide_the_others() {
    let world = World::new();
    let ran = world
        .cli(&["env"])
        .env("MLC_DOWNLOAD_CACHE_POLICY", "maybe")
        .env("HF_ENDPOINT", "ftp://hub.example")
        .env("HF_HUB_DOWNLOAD_TIMEOUT", "0")
        .env("HF_TOKEN", "hf_secret\u{1}")
        .env("HTTPS_PROXY", "http://me:hf_secret@:::")
        .env("SSL_CERT_FILE", "/nonexistent.pem")
        .run();
    assert_eq!(ran.status, Some(2));
    assert_eq!(ran.stderr, "error: 6 settings cannot be used\n");
    let text = String::from_utf8(ran.stdout).unwrap();
    for words in [
        "expected ON, OFF, REDO or READONLY",
        "it does not start with `https://` or `http://`",
        "not a number of seconds from 1 to 86400",
        "a character that is not allowed in a token",
        "`http://…@:::` is not the address of a proxy",
        "SSL_CERT_FILE=`/nonexistent.pem` cannot be used",
    ] {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
    assert!(!text.contains("hf_secret"), "{text}");
}

#[test]
fn secrets_are_not_shown() {
    let world = World::new();
    let ran = world
        .cli(&["env"])
        .env("HF_TOKEN", "hf_secret")
        .env("https_proxy", "http://me:hf_secret@proxy.example:3128")
        .env("ALL_PROXY", "me:hf_secret@proxy.example")
        .run();
    let text = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status, Some(0), "{text}{}", ran.stderr);
    assert!(!text.contains("hf_secret"), "{text}");
    for words in
        ["no colour", "HF_TOKEN", "set (not shown)", "http://proxy.example:3128", "http://proxy.example:80"]
    {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
}

#[test]
fn unusual_folders_are_described() {
    let world = World::new();
    let tier = |path: &str| world.beside(path).to_str().unwrap().to_owned();
    std::fs::create_dir_all(world.beside("other-home/model_weights/hf/user")).unwrap();
    std::fs::create_dir_all(world.beside("empty")).unwrap();
    std::fs::write(world.beside("file"), "").unwrap();
    let meant = format!("contains no models, but {} does", tier("other-home/model_weights"));
    check(
        &world,
        &[("MLC_LLM_READONLY_WEIGHT_CACHE", &tier("other-home"))],
        0,
        "read_only_tier",
        "warning",
        &meant,
    );
    check(
        &world,
        &[("MLC_LLM_READONLY_WEIGHT_CACHE", &tier("other-home/model_weights/hf/user"))],
        0,
        "read_only_tier",
        "warning",
        &meant,
    );
    check(
        &world,
        &[("MLC_LLM_READONLY_WEIGHT_CACHE", &tier("empty"))],
        0,
        "read_only_tier",
        "warning",
        "no folder `hf`",
    );
    check(
        &world,
        &[("MLC_LLM_READONLY_WEIGHT_CACHE", &tier("nowhere"))],
        0,
        "read_only_tier",
        "warning",
        "does not exist",
    );
    check(&world, &[("MLC_LLM_HOME", &tier("file"))], 2, "home", "error", "is not a directory");
    check(&world, &[("MLC_LLM_HOME", "relative")], 0, "home", "note", "does not exist yet");
    check(&world, &[("MLC_TEMP_DIR", &tier("file"))], 2, "scratch", "error", "is not a directory");
    let missing = "SSL_CERT_FILE=`/nonexistent.pem` cannot be used";
    check(&world, &[("SSL_CERT_FILE", "/nonexistent.pem")], 2, "certificate_file", "error", missing);
    check(&world, &[("HF_HUB_OFFLINE", "1")], 0, "policy", "note", "HF_HUB_OFFLINE makes it OFF");
    check(&world, &[("HF_HUB_OFFLINE", "sure")], 0, "offline", "warning", "means no");
}

#[cfg(unix)]
#[test]
fn a_home_that_cannot_be_written() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new();
    let locked = world.beside("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::create_dir(locked.join("probe")).is_ok() {
        eprintln!("not for root: permissions mean nothing to it");
        return;
    }
    let home = locked.join("home");
    check(&world, &[("MLC_LLM_HOME", home.to_str().unwrap())], 2, "home", "error", "cannot create");
}
