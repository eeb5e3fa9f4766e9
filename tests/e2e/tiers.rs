//! Where a model is looked for, and how policy and force decide.

use facade::{CachePolicy, ErrorKind, Outcome, Tier};
use local_hub::{Manifests, ModelFixture};

use crate::world::{Recorded, World, entry_in, files_below, is_cached, lay_out, request};

#[tokio::test]
async fn read_only_tiers_answer_in_their_order_and_before_the_writable_one() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let tiers = ["first", "second"].map(|name| world.beside(name));
    lay_out(&published, &tiers[1]);
    let downloader = world.builder().read_only(&tiers).build().unwrap();

    let model = downloader.download(request(&published)).await.unwrap();
    assert_eq!(model.path, entry_in(&tiers[1], &published));
    assert_eq!(model.tier, Tier::ReadOnly(tiers[1].clone()));

    lay_out(&published, &tiers[0]);
    let model = downloader.download(request(&published)).await.unwrap();
    assert_eq!(model.path, entry_in(&tiers[0], &published));
}

#[tokio::test]
async fn a_tier_with_an_incomplete_model_is_skipped_with_a_warning() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let tier = world.beside("tier");
    let entry = lay_out(&published, &tier);
    std::fs::remove_file(entry.join("params_shard_1.bin")).unwrap();
    let before = files_below(&tier);
    let events = Recorded::default();
    let downloader = world.builder().read_only([&tier]).build().unwrap();

    let model = downloader.download(request(&published).observer(events.clone())).await.unwrap();

    assert_eq!(model.path, world.entry(&published));
    assert_eq!(events.count(&["PassedOver", "params_shard_1.bin"]), 1);
    assert_eq!(files_below(&tier), before, "a read-only tier is never written to");
}

#[tokio::test]
async fn an_old_model_in_a_read_only_tier_is_whole_and_stays_as_it_is() {
    let fixture = ModelFixture::new("mlc-ai/old").manifests(Manifests::NdArrayCache);
    let (world, published) = World::with(&fixture);
    let tier = world.beside("tier");
    let entry = lay_out(&published, &tier);
    let downloader = world.builder().read_only([&tier]).build().unwrap();
    let model = downloader.download(request(&published)).await.unwrap();
    assert_eq!(model.path, entry);
    assert!(!entry.join("tensor-cache.json").exists());
}

#[tokio::test]
async fn an_old_model_in_the_writable_tier_gets_the_newer_name_under_every_policy() {
    for policy in [CachePolicy::On, CachePolicy::Off, CachePolicy::ReadOnly] {
        let fixture = ModelFixture::new("mlc-ai/old").manifests(Manifests::NdArrayCache);
        let (world, published) = World::with(&fixture);
        let entry = lay_out(&published, &world.home().join("model_weights"));
        let model = world.downloader().download(request(&published).policy(policy)).await.unwrap();
        assert!(is_cached(model.outcome));
        let read = |name: &str| std::fs::read(entry.join(name)).unwrap();
        assert_eq!(read("tensor-cache.json"), read("ndarray-cache.json"));
        assert!(world.hub.log().is_empty());
    }
}

#[tokio::test]
async fn the_originals_download_is_found_without_a_request() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    let before = files_below(&world.home());
    let model = world.download(&published).await.unwrap();
    assert_eq!((model.path, model.outcome), (entry, Outcome::Cached));
    assert!(world.hub.log().is_empty());
    assert_eq!(files_below(&world.home()), before, "a hit creates nothing");
}

#[tokio::test]
async fn forbidden_downloads_name_every_place_and_change_nothing() {
    for policy in [CachePolicy::Off, CachePolicy::ReadOnly] {
        let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
        let tier = world.beside("tier");
        let downloader = world.builder().read_only([&tier]).policy(policy).build().unwrap();

        let error = downloader.download(request(&published)).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::NotCached);
        let message = error.to_string();
        for place in [entry_in(&tier, &published), world.entry(&published)] {
            assert!(message.contains(place.to_str().unwrap()), "{message}");
        }
        assert!(!world.home().exists(), "nothing is created");
        assert!(world.hub.log().is_empty());
    }
}

#[tokio::test]
async fn an_incomplete_entry_under_a_forbidding_policy_names_what_is_missing() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let entry = lay_out(&published, &world.home().join("model_weights"));
    std::fs::write(entry.join("params_shard_2.bin"), "short").unwrap();
    let error = world.downloader().download(request(&published).policy(CachePolicy::Off)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotCached);
    assert!(error.to_string().contains("params_shard_2.bin: 5 bytes, expected 40962"), "{error}");
}

#[tokio::test]
async fn force_under_a_forbidding_policy_is_an_error_even_on_a_hit() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let before = files_below(&world.home());
    let later = world.hub.log().from_now();
    for policy in [CachePolicy::Off, CachePolicy::ReadOnly] {
        let asked = request(&published).policy(policy).force(true);
        let error = world.downloader().download(asked).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotCached);
        assert!(error.to_string().contains(&policy.to_string()), "{error}");
    }
    assert_eq!(files_below(&world.home()), before);
    assert!(later.is_empty());
}

#[tokio::test]
async fn redo_replaces_the_model_and_fetches_every_shard_again() {
    let (world, old) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&old).await.unwrap();
    std::fs::write(world.entry(&old).join("mine.txt"), "").unwrap();
    let new = world.hub.publish(&ModelFixture::new("mlc-ai/tiny").seed(1));
    let later = world.hub.log().from_now();

    let model = world.downloader().download(request(&new).policy(CachePolicy::Redo)).await.unwrap();

    assert_eq!(new.differences(&model.path), [""; 0]);
    assert_eq!(later.data().count(), new.lfs_files().count());

    // The same bytes are fetched again: that is what REDO means.
    let later = world.hub.log().from_now();
    world.downloader().download(request(&new).force(true)).await.unwrap();
    assert_eq!(later.data().count(), new.lfs_files().count());
}

#[tokio::test]
async fn a_failed_redo_changes_nothing() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let model = world.download(&published).await.unwrap();
    let broken = ModelFixture::new("mlc-ai/tiny").seed(1).wrong_md5(0);
    let new = world.hub.publish(&broken);

    let error = world.downloader().download(request(&new).force(true)).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert!(is_cached(world.download(&published).await.unwrap().outcome));
}

#[tokio::test]
async fn force_false_under_redo_returns_the_hit() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    world.download(&published).await.unwrap();
    let later = world.hub.log().from_now();
    let asked = request(&published).policy(CachePolicy::Redo).force(false);
    assert!(is_cached(world.downloader().download(asked).await.unwrap().outcome));
    assert!(later.is_empty());
}

#[tokio::test]
async fn a_forced_call_answered_by_a_read_only_tier_says_so() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let tier = world.beside("tier");
    lay_out(&published, &tier);
    let downloader = world.builder().read_only([&tier]).build().unwrap();
    let events = Recorded::default();
    let asked = request(&published).force(true).observer(events.clone());
    let model = downloader.download(asked).await.unwrap();
    assert_eq!(model.path, entry_in(&tier, &published));
    assert_eq!(events.count(&["ForceAnsweredByReadOnlyTier", &format!("{tier:?}")]), 1);
    assert!(world.hub.log().is_empty());
}

#[tokio::test]
async fn a_hit_in_a_read_only_tier_does_not_need_a_home() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));
    let tier = world.beside("tier");
    lay_out(&published, &tier);
    // A file in place of the home: even root cannot create anything in it.
    std::fs::write(world.home(), "").unwrap();
    let downloader = world.builder().read_only([&tier]).build().unwrap();
    assert!(is_cached(downloader.download(request(&published)).await.unwrap().outcome));
}
