//! Exit status 4: the hub refuses, has no such model, or what it has is not an MLC model. All of this is
//! known before any shard is requested.

use local_hub::{Access, Fault, FaultTarget, Manifests, ModelFixture, Times};

use crate::world::World;

/// Downloading this model is refused with these words, and no byte of a shard was requested.
#[track_caller]
fn check(world: &World, url: &str, words: &[&str]) {
    let ran = world.cli(&["download", url]).run();
    ran.check_failure(4, words);
    let log = world.hub.log();
    assert!(!log.is_empty());
    assert!(log.data().is_empty(), "{log}");
    world.check_untouched();
}

#[track_caller]
fn check_fixture(fixture: &ModelFixture, words: &[&str]) {
    let (world, model) = World::with(fixture);
    check(&world, &model.url, words);
    // A refusal is final: retrying would not help.
    assert_eq!(world.hub.log().route(local_hub::Route::InfoRefs).count(), 1);
}

fn tiny() -> ModelFixture {
    ModelFixture::new("mlc-ai/tiny")
}

#[test]
fn missing() {
    let world = World::new();
    check(
        &world,
        "HF://mlc-ai/nowhere",
        &["mlc-ai/nowhere is missing, private, or needs a token", "HF_TOKEN"],
    );
}

#[test]
fn private() {
    let fixture = tiny().access(Access::Private(vec!["hf_right".to_owned()]));
    check_fixture(
        &fixture,
        &[
            "mlc-ai/tiny is missing, private, or needs a token",
            "HF_TOKEN",
            "/mlc-ai/tiny when you are logged in",
        ],
    );
}

#[test]
fn wrong_token() {
    let (world, model) = World::with(&tiny().access(Access::Private(vec!["hf_right".to_owned()])));
    let ran = world.cli(&["download", &model.url]).env("HF_TOKEN", "hf_wrong").run();
    ran.check_failure(4, &["the hub does not accept the token in HF_TOKEN", "renew it"]);
    assert!(!ran.stderr.contains("hf_wrong"), "{}", ran.stderr);
    world.check_untouched();
}

#[test]
fn gated() {
    let (world, model) = World::with(&tiny().access(Access::Gated(vec!["hf_right".to_owned()])));
    let page = format!("request access at {}/mlc-ai/tiny", world.hub.endpoint());
    check(&world, &model.url, &["mlc-ai/tiny is gated", &page, "HF_TOKEN"]);
}

#[test]
fn gated_and_not_on_the_list() {
    let (world, model) = World::with(&tiny().access(Access::Gated(vec!["hf_right".to_owned()])));
    let other = ModelFixture::new("mlc-ai/other").access(Access::Gated(vec!["hf_other".to_owned()]));
    world.hub.publish(&other);
    let ran = world.cli(&["download", &model.url]).env("HF_TOKEN", "hf_other").run();
    let words = format!(
        "mlc-ai/tiny is gated, and the token in HF_TOKEN does not give access to it: its owner grants access at {}/mlc-ai/tiny",
        world.hub.endpoint()
    );
    ran.check_failure(4, &[&words, "you are not in the authorized list"]);
    assert_eq!(world.hub.log().count(), 1);
}

/// The message says where the token was found.
#[test]
fn private_and_of_another_account() {
    let world = World::around(local_hub::LocalHub::builder().token("hf_other").start());
    let model = world.hub.publish(&tiny().access(Access::Private(vec!["hf_right".to_owned()])));
    let file = world.beside("token file");
    std::fs::write(&file, "hf_other\n").unwrap();
    let file = file.to_str().unwrap();
    let page = format!("{}/mlc-ai/tiny", world.hub.endpoint());
    for (variable, value, source) in [
        ("HF_TOKEN", "hf_other", "HF_TOKEN".to_owned()),
        ("HUGGING_FACE_HUB_TOKEN", "hf_other", "HUGGING_FACE_HUB_TOKEN".to_owned()),
        ("HF_TOKEN_PATH", file, format!("{file}, which HF_TOKEN_PATH names")),
    ] {
        let ran = world.cli(&["download", &model.url]).env(variable, value).run();
        let words = format!("mlc-ai/tiny is missing, or the token in {source} may not read it");
        let advice = format!("  check the name, and whether the token's account can open {page}");
        ran.check_failure(4, &[&words, &advice]);
        assert!(!ran.stderr.contains("hf_other"), "{}", ran.stderr);
    }
}

#[test]
fn a_manifest_that_cannot_be_used() {
    let fixture = tiny().manifest_bytes("{\"records\": [}");
    let words =
        "error: cannot use tensor-cache.json of mlc-ai/tiny\n  because: tensor-cache.json is not valid JSON";
    check_fixture(&fixture, &[words]);
}

#[test]
fn a_deleted_file_is_reported_with_the_hubs_words() {
    let (world, model) = World::with_tiny();
    let gone = Fault::Status {
        code: 404,
        headers: [("x-error-code", "EntryNotFound"), ("x-amzn-trace-id", "Root=1-2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: "Entry not found".to_owned(),
    };
    world.hub.fault(FaultTarget::resolve("params_shard_1.bin"), gone, Times::Forever);
    let words = ["mlc-ai/tiny has no file `params_shard_1.bin` at that commit", "(request Root=1-2)"];
    world.cli(&["download", &model.url]).run().check_failure(4, &words);
    world.check_untouched();
    assert_eq!(world.hub.log().file("params_shard_1.bin").count(), 1);
}

#[test]
fn renamed() {
    let (world, mut model) = World::with_tiny();
    world.hub.rename("mlc-ai/tiny", "mlc-ai/Tiny-2");
    for (asked, user, repo) in
        [("HF://mlc-ai/tiny", "mlc-ai", "tiny"), ("HF://MLC-AI/TINY-2", "MLC-AI", "TINY-2")]
    {
        let log = world.hub.log().from_now();
        let ran = world.cli(&["download", asked]).run();
        (model.user, model.repo) = (user.to_owned(), repo.to_owned());
        ran.check_path(&world.entry(&model));
        let warning = format!("warning: the hub has renamed {user}/{repo} to mlc-ai/Tiny-2;");
        assert_eq!(ran.stderr.matches(&warning).count(), 1, "{}", ran.stderr);
        assert_eq!(log.status(307).count(), 1, "once known, the present name is asked for: {log}");
    }
}

#[test]
fn no_hub_at_all() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(405), Times::Forever);
    world.hub.fault(FaultTarget::api(""), Fault::status(404), Times::Forever);
    let endpoint = world.hub.endpoint();
    let words = [
        &format!("{endpoint} serves mlc-ai/tiny neither over git nor over a hub's API"),
        "check the model's name and HF_ENDPOINT",
        &format!("over git: {endpoint}/mlc-ai/tiny returned status 405"),
        &format!("because: {endpoint}/api/models/mlc-ai/tiny returned status 404"),
    ];
    check(&world, &model.url, &words);
    assert_eq!(world.hub.log().count(), 3, "git by either name, and the API: a refusal is final");
}

/// The endpoint's claims are accepted, and reported as claims.
#[test]
fn a_hub_without_git() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(404), Times::Forever);
    let download = ["download", &model.url, "--progress", "json"];
    let ran = world.cli(&["download", &model.url, "--require-proof"]).run();
    ran.check_failure(5, &["does not serve git", "set HF_ENDPOINT to a hub that serves git"]);
    let ran = world.cli(&download).run();
    ran.check_path(&world.entry(&model));
    let commit = ran.stderr.lines().find(|line| line.contains("\"event\":\"commit\"")).unwrap();
    assert!(commit.contains("\"proof\":\"endpoint\""), "{commit}");
    assert_eq!(ran.stderr.matches("\"unproven\"").count(), 1, "{}", ran.stderr);
    let listed = world.cli(&["list", "--json"]).run().json();
    assert_eq!(listed["models"][0]["proof"], "endpoint");
}

#[test]
fn a_web_page_in_place_of_the_hub_is_named() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::any(""), Fault::Html, Times::Forever);
    check(&world, &model.url, &["text/html", "not a model hub, or a login page is in the way"]);
}

#[test]
fn no_manifest() {
    check_fixture(
        &tiny().manifests(Manifests::None),
        &["mlc-ai/tiny is not an MLC model", "no tensor-cache.json or ndarray-cache.json"],
    );
}
