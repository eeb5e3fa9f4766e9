//! Several models in one run, and lists of models.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use local_hub::{Fault, FaultTarget, Hold, ModelFixture, PublishedModel, Times};

use crate::world::{PATIENCE, Ran, World, until};

fn publish(world: &World, names: &[&str]) -> Vec<PublishedModel> {
    names.iter().map(|name| world.hub.publish(&ModelFixture::new(name).shards(2, 5_000))).collect()
}

/// stdout consists of exactly these paths, one per line.
#[track_caller]
fn check_paths(ran: &Ran, status: i32, paths: &[PathBuf]) {
    let expected: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(stdout.is_empty() || stdout.ends_with('\n'), "{stdout:?}");
    let printed: Vec<&str> = stdout.lines().collect();
    assert_eq!(
        (ran.status, printed),
        (Some(status), expected.iter().map(String::as_str).collect()),
        "{}",
        ran.stderr
    );
}

#[test]
fn paths_come_in_the_order_of_the_models() {
    let world = World::new();
    let models = publish(&world, &["mlc-ai/b", "mlc-ai/a", "mlc-ai/c"]);
    world.download(&models[1]);
    let urls: Vec<&str> = models.iter().map(|model| model.url.as_str()).collect();
    let ran = world.cli(&[&["download"], &urls[..]].concat()).run();
    check_paths(&ran, 0, &models.iter().map(|model| world.entry(model)).collect::<Vec<_>>());
    assert!(ran.stderr.contains("3 of 3 models are ready; "), "{}", ran.stderr);
}

#[test]
fn after_a_failure_the_next_model_is_tried() {
    let world = World::new();
    let models = publish(&world, &["mlc-ai/a", "mlc-ai/c"]);
    let origin = world.hub.data_origin();
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Corrupt { at: 5 }, Times::N(2));
    let ran = world
        .cli(&["download", "HF://mlc-ai/missing", &models[0].url, &models[1].url, "HF://mlc-ai/gone"])
        .run();
    // The status is that of the first failure, and the other models were downloaded.
    check_paths(&ran, 4, &[world.entry(&models[1])]);
    for words in [
        "error: mlc-ai/missing is missing",
        &format!("error: params_shard_1.bin from {origin} failed verification"),
        "error: mlc-ai/gone is missing",
        "1 of 4 models are ready; ",
        "  failed: mlc-ai/missing\n  failed: mlc-ai/a\n  failed: mlc-ai/gone\n",
    ] {
        assert_eq!(ran.stderr.matches(words).count(), 1, "{words:?} in:\n{}", ran.stderr);
    }
}

#[test]
fn a_list_is_a_file_or_standard_input() {
    let world = World::new();
    let models = publish(&world, &["mlc-ai/a", "mlc-ai/b", "mlc-ai/c"]);
    let [a, c] = [0, 2].map(|index| models[index].url.as_str());
    let list = world.beside("models.txt");
    std::fs::write(&list, format!("# the small ones\nmlc-ai/b   # needs 2 GB\n\n  {c}\r\n")).unwrap();
    let paths: Vec<PathBuf> = models.iter().map(|model| world.entry(model)).collect();
    let ran = world.cli(&["download", a, "--from-file", list.to_str().unwrap()]).run();
    check_paths(&ran, 0, &paths);

    let mut cli = world.cli(&["download", "--from-file", "-"]);
    cli.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = cli.command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{c}\n{a}\n").as_bytes()).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    check_paths(&ran, 0, &[paths[2].clone(), paths[0].clone()]);
}

#[test]
fn a_package_names_its_models() {
    let world = World::new();
    let models = publish(&world, &["mlc-ai/a", "mlc-ai/b"]);
    let package = world.beside("mlc-package-config.json");
    let json = serde_json::json!({
        "device": "iphone",
        "model_list": [
            { "model": models[0].url, "model_id": "a", "estimated_vram_bytes": 3_000_000_000_u64 },
            { "model": "dist/own-model", "model_id": "own" },
            { "model": "https://huggingface.co/mlc-ai/b", "model_id": "b", "bundle_weight": true },
        ],
    });
    std::fs::write(&package, json.to_string()).unwrap();
    let arguments = ["download", "--package", package.to_str().unwrap()];
    let paths: Vec<PathBuf> = models.iter().map(|model| world.entry(model)).collect();
    check_paths(&world.cli(&arguments).run(), 0, &paths);
    for (text, words) in [
        (
            r#"{"model_list": [{"model": "HF://mlc-ai"}]}"#,
            "mlc-package-config.json: `HF://mlc-ai` is not a model URL",
        ),
        (r#"{"model_list": [{"model_id": "a"}]}"#, "missing field `model`"),
        ("{", "it is not a valid package configuration: EOF while parsing"),
    ] {
        std::fs::write(&package, text).unwrap();
        world.cli(&arguments).run().check_failure(2, &["mlc-package-config.json", words]);
    }
    std::fs::File::create(&package).unwrap().set_len(1 << 34).unwrap();
    world.cli(&arguments).run().check_failure(2, &["it is longer than 16 MB"]);
}

#[test]
fn an_empty_list_is_done_at_once() {
    let world = World::new();
    let list = world.beside("models.txt");
    std::fs::write(&list, "# nothing yet\n").unwrap();
    let package = world.beside("package.json");
    std::fs::write(&package, r#"{"model_list": [{"model": "dist/own-model"}]}"#).unwrap();
    for (option, path, words) in [("--from-file", &list, ""), ("--package", &package, " but local folders")] {
        let path = path.to_str().unwrap();
        let words = format!("nothing to download: there are no models in {path}{words}\n");
        for further in [&[][..], &["--dry-run"], &["--quiet"], &["--progress", "json"]] {
            let ran = world.cli(&[&["download", option, path], further].concat()).run();
            check_paths(&ran, 0, &[]);
            let is_told = further.is_empty() || further == ["--dry-run"];
            assert_eq!(ran.stderr == words, is_told, "{further:?}: {}", ran.stderr);
        }
    }
}

#[test]
fn every_malformed_line_is_named_and_nothing_is_done() {
    let world = World::new();
    let [model] = &publish(&world, &["mlc-ai/a"])[..] else { panic!("one model") };
    let list = world.beside("models.txt");
    std::fs::write(&list, format!("{}\nHF://mlc-ai\n\nmlc-ai/a/b\n", model.url)).unwrap();
    let list = list.to_str().unwrap();
    let requests = world.hub.log().from_now();
    let ran = world.cli(&["download", &model.url, "--from-file", list]).run();
    ran.check_failure(2, &[&format!("error: {list}, line 2: "), &format!("error: {list}, line 4: ")]);
    assert!(requests.is_empty() && !world.home().exists());
}

#[test]
fn a_list_that_cannot_be_read_is_named() {
    let world = World::new();
    world
        .cli(&["download", "--from-file", "nowhere.txt"])
        .run()
        .check_failure(2, &["error: cannot read nowhere.txt\n  because: No such file"]);
    world.check_pristine();
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_them_all() {
    let world = World::new();
    let models = publish(&world, &["mlc-ai/a", "mlc-ai/b", "mlc-ai/c"]);
    let hold = Hold::new();
    world.hub.fault(FaultTarget::upload_pack("mlc-ai/b"), Fault::Hold(hold.clone()), Times::Once);
    let urls: Vec<&str> = models.iter().map(|model| model.url.as_str()).collect();
    let running = world.cli(&[&["download"], &urls[..]].concat()).start();
    let held = world.hub.log().filter(|request| request.fault.is_some());
    assert!(held.wait_until(PATIENCE, |log| !log.is_empty()));
    running.signal("INT");
    let ran = running.end();
    check_paths(&ran, 130, &[world.entry(&models[0])]);
    for words in ["1 of 3 models are ready; ", "  failed: mlc-ai/b\n  not tried: 1\n"] {
        assert!(ran.stderr.contains(words), "{words:?} is missing in:\n{}", ran.stderr);
    }
    assert!(!world.entry(&models[2]).exists());
}

#[test]
fn each_line_says_which_model_it_is_about() {
    let world = World::new();
    let models = publish(&world, &["mlc-ai/a", "mlc-ai/b"]);
    let ran = world.cli(&["download", &models[0].url, &models[1].url]).run();
    let (last, lines) = ran.stderr.trim_end().rsplit_once('\n').map(|(lines, last)| (last, lines)).unwrap();
    assert!(last.starts_with("2 of 2 models are ready; "), "{}", ran.stderr);
    let of = |label: &str| lines.lines().filter(|line| line.starts_with(label)).count();
    let (first, second) = (of("mlc-ai/a (1 of 2): "), of("mlc-ai/b (2 of 2): "));
    assert!(first > 2 && second > 2 && first + second == lines.lines().count(), "{}", ran.stderr);
    // And the name is not repeated.
    assert!(lines.lines().all(|line| line.matches("mlc-ai/").count() == 1), "{}", ran.stderr);
}

/// Bytes received for the interrupted model are included in the sum.
#[cfg(unix)]
#[test]
fn the_bytes_of_an_interrupted_model_are_summed_up() {
    let world = World::new();
    // The second model shares no file with the first.
    let models = [("mlc-ai/a", 0), ("mlc-ai/b", 1)]
        .map(|(name, seed)| world.hub.publish(&ModelFixture::new(name).seed(seed).shards(2, 5_000)));
    let hold = Hold::new();
    let second = FaultTarget::data("params_shard_1.bin").skip(1);
    world.hub.fault(second, Fault::Hold(hold.clone()), Times::Forever);
    let told = world.beside("told");
    let arguments = ["download", "--progress", "json", &models[0].url, &models[1].url];
    let running = world.cli(&arguments).start_with_stderr(&told);
    let words = || std::fs::read_to_string(&told).unwrap();
    until(|| words().contains(r#""bytes_received":25000"#));
    running.signal("INT");
    assert_eq!(running.end().status, Some(130), "{}", words());
    let summary: serde_json::Value = serde_json::from_str(words().lines().last().unwrap()).unwrap();
    assert_eq!((&summary["event"], &summary["bytes_received"]), (&"summary".into(), &55_000.into()));
}
