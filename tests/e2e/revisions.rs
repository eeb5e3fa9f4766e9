//! Revisions: each has its own directory, with its commit.

use facade::{ErrorKind, ModelRef, Request};
use local_hub::{Fault, FaultTarget, ModelFixture, PublishedModel, Route, Times};

use crate::world::{World, is_cached};

const ID: &str = "mlc-ai/tiny";

/// Two commits on `main`: the first has the tag `v1`, the second `refs/pr/1`.
fn two_commits() -> (World, PublishedModel, PublishedModel) {
    let (world, old) = World::with(&ModelFixture::new(ID).tag("v1"));
    let new = world.hub.publish(&ModelFixture::new(ID).seed(1).tag("refs/pr/1"));
    (world, old, new)
}

fn at(revision: &str) -> Request {
    format!("HF://{ID}@{revision}").parse().unwrap()
}

/// Checks the entry's name for a revision and the commit in it, on a miss and a hit.
async fn check(world: &World, revision: &str, entry: &str, expected: &PublishedModel) {
    let model = world.downloader().download(at(revision)).await.unwrap();
    assert_eq!(model.path, world.home().join("model_weights/hf/mlc-ai").join(entry));
    assert_eq!(model.commit.unwrap().to_string(), expected.commit, "{revision}");
    assert_eq!(expected.differences(&model.path), [""; 0], "{revision}");

    let later = world.hub.log().from_now();
    let again = world.downloader().download(at(revision)).await.unwrap();
    assert!(is_cached(again.outcome) && later.is_empty(), "{later}");
    assert_eq!((again.path, again.commit), (model.path, model.commit), "{revision}");
}

#[tokio::test]
async fn each_revision_has_a_directory_of_its_own() {
    let (world, old, new) = two_commits();
    check(&world, "main", "tiny@main", &new).await;
    check(&world, "v1", "tiny@v1", &old).await;
    check(&world, "refs/pr/1", "tiny@refs%2Fpr%2F1", &new).await;
    check(&world, &old.commit, &format!("tiny@{}", old.commit), &old).await;
    let model = world.download(&new).await.unwrap();
    assert_eq!((model.path, model.commit.unwrap().to_string()), (world.entry(&new), new.commit.clone()));
}

#[tokio::test]
async fn a_commit_that_is_no_tip_is_fetched_by_its_full_or_abbreviated_id() {
    let (world, old) = World::with(&ModelFixture::new(ID));
    world.hub.publish(&ModelFixture::new(ID).seed(1));
    check(&world, &old.commit, &format!("tiny@{}", old.commit), &old).await;
    check(&world, &old.commit[..8], &format!("tiny@{}", &old.commit[..8]), &old).await;
    // The API is only asked to resolve the abbreviated commit; git must prove its content.
    assert_eq!(world.hub.log().route(Route::Api).count(), 1, "{}", world.hub.log());

    // The same from a hub that has only git.
    let (world, old) = World::with(&ModelFixture::new(ID));
    world.hub.publish(&ModelFixture::new(ID).seed(1));
    world.hub.fault(FaultTarget::api(ID), Fault::status(404), Times::Forever);
    check(&world, &old.commit, &format!("tiny@{}", old.commit), &old).await;
    let error = world.downloader().download(at(&old.commit[..8])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("does not resolve abbreviated commits"), "{error}");
}

#[tokio::test]
async fn a_branch_stays_until_it_is_forced() {
    let (world, old) = World::with(&ModelFixture::new(ID));
    let first = world.downloader().download(at("main")).await.unwrap();
    let new = world.hub.publish(&ModelFixture::new(ID).seed(1));

    let hit = world.downloader().download(at("main")).await.unwrap();
    assert_eq!(hit.commit.unwrap().to_string(), old.commit);
    let forced = world.downloader().download(at("main").force(true)).await.unwrap();
    assert_eq!((&forced.path, forced.commit.unwrap().to_string()), (&first.path, new.commit.clone()));
    assert_eq!(new.differences(&forced.path), [""; 0]);
}

#[tokio::test]
async fn the_requests_own_revision_wins_over_the_urls() {
    let (world, old, _) = two_commits();
    let request = at("main").revision("v1".parse().unwrap());
    assert_eq!(request.model(), &"mlc-ai/tiny@v1".parse::<ModelRef>().unwrap());
    let model = world.downloader().download(request).await.unwrap();
    assert_eq!(model.commit.unwrap().to_string(), old.commit);
}
