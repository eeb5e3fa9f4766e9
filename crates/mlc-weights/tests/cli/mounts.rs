//! Disks that are full, read-only or both: real in-memory file systems, mounted where only the program sees
//! them.

#![cfg(target_os = "linux")]

use std::process::Stdio;

use local_hub::{ModelFixture, PublishedModel};

use crate::namespace::Namespace;
use crate::world::{World, lay_out};

/// Runs shell commands in the world's folder, where `mlc` is the program and `mount` has mounted file
/// systems for these commands only. `None` if this user may not mount.
fn run(world: &World, mount: &str, commands: &str) -> Option<String> {
    let namespace = Namespace::with(&world.beside(""), mount)?;
    let script =
        format!("set -e; cd \"$1\"; mlc() {{ \"$0\" \"$@\" 2>&1 || echo \"status $?\"; }}; {commands}");
    let output = namespace
        .command("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_mlc-weights")])
        .arg(world.beside(""))
        .env("MLC_LLM_HOME", world.home())
        .env("HF_ENDPOINT", world.hub.endpoint())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{stdout}{stderr}");
    Some(stdout)
}

#[track_caller]
fn check(text: Option<String>, words: &[&str]) {
    let Some(text) = text else { return };
    let mut rest = text.as_str();
    for word in words {
        let after = rest.split_once(word).map(|(_, after)| after);
        assert!(after.is_some(), "{word} is missing in {text}");
        rest = after.unwrap_or_default();
    }
}

const COUNT: &str = "echo \"visible: $(find home/model_weights/hf -type f 2>/dev/null | wc -l)\"";

fn large() -> (World, PublishedModel) {
    World::with(&ModelFixture::new("mlc-ai/large").shards(4, 1_000_000))
}

#[test]
fn a_disk_that_is_too_small_is_refused_before_anything_is_fetched() {
    let (world, model) = large();
    let mount = "mkdir -p home; mount -t tmpfs -o size=2m none home";
    let text = run(&world, mount, &format!("mlc download {}; {COUNT}", model.url));
    check(text, &["mlc-ai/large needs ", "status 7", "visible: 0"]);
    assert!(world.hub.log().data().is_empty());
}

/// A disk has room for a limited number of files, which the program cannot know in advance.
#[test]
fn a_disk_that_fills_up_meanwhile_leaves_nothing_visible_and_the_next_run_goes_on() {
    let (world, model) = large();
    let mount = "mkdir -p home; mount -t tmpfs -o size=64m,nr_inodes=28 none home";
    let commands = format!(
        "mlc download {url}; {COUNT}; mount -o remount,nr_inodes=1000 none home; mlc download -q {url}; {COUNT}",
        url = model.url
    );
    let files = format!("visible: {}", model.files.len());
    check(run(&world, mount, &commands), &["o space left", "status 7", "visible: 0", &files]);
}

#[test]
fn on_a_read_only_disk_a_whole_model_is_a_hit_and_any_other_an_error() {
    let (world, model) = large();
    let mount = "mkdir -p home; mount -t tmpfs none home";
    let commands = format!(
        "mlc download -q {url}; mount -o remount,ro none home; mlc path {url}; mlc download {url}; \
         mlc download --force {url}; mount -o remount,rw none home; rm home/model_weights/hf/*/*/params_shard_1.bin; \
         mount -o remount,ro none home; mlc download {url}; mlc download --policy OFF {url}; {COUNT}",
        url = model.url
    );
    let entry = format!("{}\n", world.entry(&model).display());
    let visible = format!("visible: {}", model.files.len() - 1);
    check(
        run(&world, mount, &commands),
        &[
            &entry,
            &entry,
            &entry,
            "ead-only",
            "status 7",
            "ead-only",
            "status 7",
            "params_shard_1.bin",
            "status 3",
            &visible,
        ],
    );
}

#[test]
fn a_read_only_tier_on_a_read_only_disk_answers() {
    let (world, model) = large();
    let tier = world.beside("tier");
    let entry = lay_out(&model, &tier);
    let mount = "mount --bind tier tier; mount -o remount,bind,ro tier";
    let commands = format!(
        "export MLC_LLM_READONLY_WEIGHT_CACHE=\"$PWD/tier\"; mlc path {url}; mlc download {url}; ls",
        url = model.url
    );
    let entry = format!("{}\n", entry.display());
    let text = run(&world, mount, &commands);
    assert!(text.as_ref().is_none_or(|text| !text.contains("home")), "{text:?}");
    check(text, &[&entry, &entry]);
    assert!(world.hub.log().is_empty());
}
