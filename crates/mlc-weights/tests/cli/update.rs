//! `mlc-weights update` and `list --outdated`: the newest commits of cached models.

use local_hub::{Access, Fault, FaultTarget, ModelFixture, PublishedModel, Route, Times};

use crate::world::{World, lay_out};

const POLICY: &str = "MLC_DOWNLOAD_CACHE_POLICY";

/// Two shards, the second of which depends on the version.
fn fixture(version: u8) -> ModelFixture {
    let model = ModelFixture::new("mlc-ai/tiny").shards(1, 50_000);
    model.shard_with("params_shard_1.bin", vec![version; 20_000])
}

/// A cached model of which the hub has a newer commit.
fn outdated_cache() -> (World, PublishedModel, PublishedModel) {
    let (world, old) = World::with(&fixture(1));
    world.download(&old);
    let new = world.hub.publish(&fixture(2));
    (world, old, new)
}

#[test]
fn only_what_has_changed_is_downloaded() {
    let (world, old, new) = outdated_cache();
    let later = world.hub.log().from_now();
    let ran = world.cli(&["update"]).run();
    let line = format!(
        "mlc-ai/tiny: updated from {} to {}, 20.00 kB downloaded\n",
        &old.commit[..7],
        &new.commit[..7]
    );
    assert_eq!((ran.status, ran.text()), (Some(0), line), "{}", ran.stderr);
    assert_eq!(new.differences(&world.entry(&new)), [""; 0]);
    let fetched: Vec<_> = later.data().requests().into_iter().filter_map(|asked| asked.file).collect();
    assert_eq!(fetched, ["params_shard_1.bin"]);
}

#[test]
fn a_model_that_is_up_to_date_costs_one_request() {
    let (world, model) = World::with_tiny();
    world.download(&model);
    let later = world.hub.log().from_now();
    let ran = world.cli(&["update", "mlc-ai/tiny"]).run();
    let line = format!("mlc-ai/tiny: up to date ({})\n", &model.commit[..7]);
    assert_eq!((ran.status, ran.text()), (Some(0), line), "{}", ran.stderr);
    assert_eq!((later.count(), later.route(Route::InfoRefs).count()), (1, 1), "{later}");
}

#[test]
fn the_users_own_files_are_kept() {
    let (world, _, new) = outdated_cache();
    let entry = world.entry(&new);
    std::fs::write(entry.join("notes.txt"), "mine").unwrap();
    std::fs::remove_file(entry.join("params_shard_0.bin")).unwrap();
    let ran = world.cli(&["update", "--json"]).run();
    let json = ran.json();
    assert_eq!((ran.status, &json["models"][0]["outcome"]), (Some(0), &"updated".into()), "{}", ran.stderr);
    assert_eq!(json["models"][0]["commit"], new.commit.as_str());
    assert_eq!(json["models"][0]["bytes_received"], 70_000);
    assert_eq!(new.differences(&entry), ["not in the model: notes.txt"]);
}

#[test]
fn a_commit_stays_what_it_is_and_a_name_moves() {
    let world = World::new();
    let old = world.hub.publish(&fixture(1).tag("v1"));
    for revision in [&old.commit, &old.commit[..7], "v1", "main"] {
        let ran = world.cli(&["download", &format!("{}@{revision}", old.url)]).run();
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    }
    let new = world.hub.publish(&fixture(2));
    let later = world.hub.log().from_now();
    let ran = world.cli(&["update", "--json"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let mut outcomes: Vec<(String, String)> = Vec::new();
    for model in ran.json()["models"].as_array().unwrap() {
        let revision = model["model"].as_str().unwrap().strip_prefix("mlc-ai/tiny@").unwrap();
        outcomes.push((revision.to_owned(), model["outcome"].as_str().unwrap().to_owned()));
        let commit = if revision == "main" { &new.commit } else { &old.commit };
        assert_eq!(model["commit"], commit.as_str(), "{revision}");
    }
    outcomes.sort();
    let mut expected =
        [(&*old.commit, "pinned"), (&old.commit[..7], "pinned"), ("v1", "current"), ("main", "updated")]
            .map(|(revision, outcome)| (revision.to_owned(), outcome.to_owned()));
    expected.sort();
    assert_eq!(outcomes, expected);
    // One to compare `v1`, one to compare `main`, and one to download `main`.
    assert_eq!(later.route(Route::InfoRefs).count(), 3, "{later}");
}

#[test]
fn models_from_another_program_are_updated_only_by_name() {
    let (world, old) = World::with(&fixture(1));
    let entry = lay_out(&old, &world.home().join("model_weights"));
    let new = world.hub.publish(&fixture(2));
    let later = world.hub.log().from_now();
    let ran = world.cli(&["update"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.text().starts_with("mlc-ai/tiny: skipped, because mlc-weights did not"), "{}", ran.text());
    assert!(later.is_empty(), "{later}");
    let ran = world.cli(&["update", "mlc-ai/tiny"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(ran.text().starts_with("mlc-ai/tiny: updated from - to "), "{}", ran.text());
    assert_eq!(later.data().count(), 1, "{later}");
    assert_eq!(new.differences(&entry), [""; 0]);
}

/// Only where a store was not asked for the name can it do without the hub.
#[test]
fn a_hub_that_is_down_gets_advice_about_a_store_only_where_one_is_set() {
    let (world, ..) = outdated_cache();
    let store = world.beside("store");
    std::fs::create_dir(&store).unwrap();
    let store = format!("file://{}", store.to_str().unwrap());
    assert_eq!(world.cli(&["store", "init", "--store", &store]).run().status, Some(0));
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(503), Times::Forever);
    let outdated = &["list", "--outdated"][..];
    // At once, since each tries for some seconds.
    let runs = [
        (outdated, "", "", false),
        (outdated, &*store, "first", true),
        (outdated, &store, "refs", false),
        (&["update"], &store, "first", true),
    ]
    .map(|(command, store, mode, is_advised)| {
        let cli = world.cli(command).env("MLC_WEIGHTS_STORE", store).env("MLC_WEIGHTS_STORE_MODE", mode);
        (cli.start(), is_advised)
    });
    for (run, is_advised) in runs {
        let ran = run.end();
        assert_eq!(ran.status, Some(6), "{}", ran.stderr);
        let advice = "or let the store resolve names (MLC_WEIGHTS_STORE_MODE=refs)";
        assert_eq!(ran.stderr.contains(advice), is_advised, "{}", ran.stderr);
    }
}

#[test]
fn policies_that_forbid_downloads_forbid_updates() {
    let (world, ..) = outdated_cache();
    let (before, later) = (world.visible(), world.hub.log().from_now());
    for (name, value) in [(POLICY, "OFF"), (POLICY, "READONLY"), ("HF_HUB_OFFLINE", "1")] {
        let ran = world.cli(&["update"]).env(name, value).run();
        assert_eq!(ran.status, Some(3), "{}", ran.stderr);
        let by = format!("forbids it\n  the policy is set by {name}\n");
        assert!(ran.stderr.contains("mlc-ai/tiny cannot be downloaded again"), "{}", ran.stderr);
        assert!(ran.stderr.ends_with(&by), "{}", ran.stderr);
    }
    let ran = world.cli(&["list", "--outdated"]).env("HF_HUB_OFFLINE", "1").run();
    assert_eq!(ran.status, Some(3), "{}", ran.stderr);
    let words =
        "mlc-ai/tiny cannot be compared with the hub: the policy OFF forbids it\n  the policy is set by";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert!(later.is_empty(), "{later}");
    // The policy forbids downloads, but a listing downloads nothing.
    let ran = world.cli(&["list", "--outdated"]).env(POLICY, "READONLY").run();
    assert!(ran.text().contains("mlc-ai/tiny"), "{}", ran.stderr);
    assert_eq!(world.visible(), before);
}

#[test]
fn a_read_only_tier_is_never_updated() {
    let (world, model) = World::with_tiny();
    let tier = world.beside("tier");
    lay_out(&model, &tier);
    let before = world.visible();
    let cli = |arguments: &[&str]| world.cli(arguments).env("MLC_LLM_READONLY_WEIGHT_CACHE", &tier);
    let ran = cli(&["update", "mlc-ai/tiny"]).run();
    ran.check_failure(7, &["mlc-ai/tiny is only in the read-only tier"]);
    let ran = cli(&["update"]).run();
    assert_eq!((ran.status, ran.text()), (Some(0), String::new()), "{}", ran.stderr);
    cli(&["update", "mlc-ai/tyni"]).run().check_failure(3, &["did you mean mlc-ai/tiny?"]);
    assert_eq!(world.visible(), before);
    assert!(world.hub.log().is_empty(), "{}", world.hub.log());
}

#[test]
fn after_a_failure_the_others_are_updated() {
    let (world, _, new) = outdated_cache();
    let gone = world.hub.publish(&ModelFixture::new("mlc-ai/gone"));
    world.download(&gone);
    world.hub.set_access("mlc-ai/gone", Access::Private(vec!["hf_right".to_owned()]));
    let ran = world.cli(&["update", "--json"]).run();
    assert_eq!(ran.status, Some(4), "{}", ran.stderr);
    let outcomes: Vec<_> =
        ran.json()["models"].as_array().unwrap().iter().map(|m| m["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "updated"]);
    assert_eq!(ran.json()["models"][0]["failure"]["kind"], "refused");
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    assert_eq!(gone.differences(&world.entry(&gone)), [""; 0]);
    assert_eq!(new.differences(&world.entry(&new)), [""; 0]);
}

#[test]
fn a_listing_shows_what_is_behind() {
    let (world, old, new) = outdated_cache();
    let current = world.hub.publish(&ModelFixture::new("mlc-ai/current"));
    world.download(&current);
    let foreign = world.hub.publish(&ModelFixture::new("mlc-ai/foreign"));
    lay_out(&foreign, &world.home().join("model_weights"));
    let later = world.hub.log().from_now();
    let ran = world.cli(&["list", "--outdated"]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let text = ran.text();
    let [_, head, row] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(head.split_whitespace().collect::<Vec<_>>(), ["COMMIT", "NEWEST", "DATE", "MODEL"]);
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!((cells[0], cells[1], cells[3]), (&old.commit[..7], &new.commit[..7], "mlc-ai/tiny"));
    let summary = "1 of 3 models is behind the hub; 1 could not be compared; `mlc-weights update` downloads what has changed\n";
    assert!(ran.stderr.ends_with(summary), "{}", ran.stderr);
    assert_eq!((later.count(), later.route(Route::InfoRefs).count()), (2, 2), "{later}");

    let json = world.cli(&["list", "--outdated", "--json"]).run().json();
    let found: Vec<_> = json["models"].as_array().unwrap().iter().map(|model| &model["outdated"]).collect();
    assert_eq!(found, [&false.into(), &serde_json::Value::Null, &true.into()]);
    assert_eq!(json["models"][2]["newest"], new.commit.as_str());

    world.cli(&["update"]).run();
    let ran = world.cli(&["list", "--outdated"]).run();
    assert!(
        ran.stderr.ends_with("\nno model is behind the hub; 1 could not be compared\n"),
        "{}",
        ran.stderr
    );
}

/// git is tried first, with both of the names that a repository may have.
#[test]
fn a_mirror_without_git_is_asked_by_its_api() {
    let (world, _, new) = outdated_cache();
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(404), Times::Forever);
    let later = world.hub.log().from_now();
    let json = world.cli(&["list", "--outdated", "--json"]).run().json();
    assert_eq!(json["models"][0]["newest"], new.commit.as_str());
    assert_eq!((later.count(), later.route(Route::Api).count()), (3, 1), "{later}");
    let ran = world.cli(&["update"]).run();
    // A commit proven by git is not replaced by one that the hub merely claims.
    assert_eq!(ran.status, Some(5), "{}", ran.stderr);
}

#[test]
fn in_the_mode_only_the_stores_name_the_commit() {
    let (world, old, _) = outdated_cache();
    let store = local_hub::folder_url(&world.beside("store"));
    std::fs::create_dir(world.beside("store")).unwrap();
    let ran = world
        .cli(&["store", "push", "--store", &store, &old.url])
        .env("MLC_LLM_HOME", world.beside("other"))
        .run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let (later, cli) = (world.hub.log().from_now(), |store_mode: &str| {
        world.cli(&["update"]).env("MLC_WEIGHTS_STORE", &store).env("MLC_WEIGHTS_STORE_MODE", store_mode)
    });
    let ran = cli("only").run();
    assert!(ran.text().contains(": updated from "), "{}{}", ran.text(), ran.stderr);
    let ran = cli("refs").run();
    assert!(ran.text().contains(": up to date ("), "{}{}", ran.text(), ran.stderr);
    assert!(later.is_empty(), "{later}");
}

/// The second model is not requested: it would fail for the same reason.
#[test]
fn no_network_is_told_once() {
    let (world, ..) = outdated_cache();
    world.download(&world.hub.publish(&ModelFixture::new("mlc-ai/other")));
    let ran = world.cli(&["list", "--outdated"]).env("HF_ENDPOINT", "http://nowhere.invalid").run();
    assert_eq!(ran.status, Some(6), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.ends_with("2 models could not be compared with the hub\n"), "{}", ran.stderr);
}

#[test]
fn an_empty_cache_has_nothing_to_update() {
    let world = World::new();
    let ran = world.cli(&["update"]).run();
    assert_eq!((ran.status, ran.text().as_str()), (Some(0), ""));
    assert_eq!(ran.stderr, "there are no models to update in the cache\n");
    assert_eq!(world.cli(&["update", "--quiet"]).run().stderr, "");
}
