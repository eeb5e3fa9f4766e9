//! Proofs: git proves that files belong to a commit; otherwise it is only an endpoint's claim.

use facade::{Error, ErrorKind, Model, Proof, Request};
use local_hub::{Fault, FaultTarget, ModelFixture, PublishedModel, Times};

use crate::world::{Recorded, World, entry_in, is_cached, lay_out};

const ID: &str = "mlc-ai/tiny";

/// A commit that no name points at any more.
fn nameless() -> (World, PublishedModel) {
    let (world, old) = World::with(&ModelFixture::new(ID));
    world.hub.publish(&ModelFixture::new(ID).seed(1));
    (world, old)
}

fn at(revision: &str) -> Request {
    format!("HF://{ID}@{revision}").parse().unwrap()
}

fn stop_serving_git(world: &World) {
    world.hub.fault(FaultTarget::info_refs(ID), Fault::status(404), Times::Forever);
}

async fn required(world: &World, request: Request) -> Result<Model, Error> {
    world.builder().require_proof(true).build().unwrap().download(request).await
}

fn proof_listed(world: &World) -> Option<Proof> {
    world.downloader().cache().list().unwrap().models[0].proof
}

#[track_caller]
fn unproven<T: std::fmt::Debug>(outcome: Result<T, Error>, words: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Unproven { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_forged_listing_is_not_published_under_a_pinned_commit() {
    let (world, model) = World::with(&ModelFixture::new(ID));
    // The API and /resolve/ serve the same files under any id; git does not.
    let forged = "0123456789abcdef0123456789abcdef01234567";
    let leads = |target: FaultTarget, path: &str| {
        let location = format!("{}/{path}", world.hub.endpoint());
        world.hub.fault(target, Fault::redirect(302, &location), Times::Once);
    };
    leads(FaultTarget::api(ID), &format!("api/models/{ID}/tree/{}?recursive=true", model.commit));
    for file in &model.files {
        leads(FaultTarget::resolve(&file.path), &format!("{ID}/resolve/{}/{}", model.commit, file.path));
    }
    let error = world.downloader().download(at(forged)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().starts_with(&format!("{ID} has no revision `{forged}`")), "{error}");
    assert!(world.visible_files().is_empty());
}

#[tokio::test]
async fn where_git_is_served_everything_is_proven() {
    let (world, old) = nameless();
    for request in [at("main"), at(&old.commit)] {
        let events = Recorded::default();
        required(&world, request.clone().observer(events.clone())).await.unwrap();
        assert_eq!(events.count(&["Unproven"]), 0);
        assert_eq!(proof_listed(&world), Some(Proof::Git));
        assert!(is_cached(required(&world, request).await.unwrap().outcome), "the receipt is enough");
    }
}

#[tokio::test]
async fn where_no_git_is_served_a_pinned_commit_is_the_hubs_word_and_said_to_be() {
    let (world, old) = nameless();
    stop_serving_git(&world);
    unproven(required(&world, at(&old.commit)).await, "does not serve git");
    assert!(world.visible_files().is_empty());

    let events = Recorded::default();
    let model = world.downloader().download(at(&old.commit).observer(events.clone())).await.unwrap();
    assert_eq!(old.differences(&model.path), [""; 0]);
    assert_eq!(events.count(&["Unproven"]), 1);
    assert_eq!(proof_listed(&world), Some(Proof::Word));
    let cache = world.downloader().cache();
    let reports = cache.verify(at(&old.commit).model(), |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!((reports[0].proof, reports[0].is_sound()), (Some(Proof::Word), true));

    // Served from the cache, except if proof is required.
    assert!(is_cached(world.downloader().download(at(&old.commit)).await.unwrap().outcome));
    unproven(required(&world, at(&old.commit)).await, "does not serve git");
    let downloader = world.builder().require_proof(true).build().unwrap();
    unproven(downloader.cached(&at(&old.commit)), "does not serve git");
    // Once git is served again, it can be proven.
    world.hub.clear_faults();
    required(&world, at(&old.commit).force(true)).await.unwrap();
    assert_eq!(proof_listed(&world), Some(Proof::Git));
}

#[tokio::test]
async fn where_no_git_is_served_a_name_is_the_hubs_word_too() {
    let (world, _) = World::with(&ModelFixture::new(ID));
    stop_serving_git(&world);
    let names: [Request; 2] = [at("main"), format!("HF://{ID}").parse().unwrap()];
    for name in names {
        unproven(required(&world, name.clone()).await, "does not serve git");
        let events = Recorded::default();
        world.downloader().download(name.clone().observer(events.clone())).await.unwrap();
        assert_eq!((events.count(&["Unproven"]), proof_listed(&world)), (1, Some(Proof::Word)));
        _ = world.downloader().cache().remove(name.model()).unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_that_has_served_git_is_not_believed_without() {
    // In an earlier run, even of another model.
    let (world, old) = nameless();
    let other = world.hub.publish(&ModelFixture::new("mlc-ai/other"));
    world.download(&other).await.unwrap();
    stop_serving_git(&world);
    for revision in [&old.commit, "main"] {
        unproven(world.downloader().download(at(revision)).await, "served git before");
    }

    // In this run: the second attempt finds no git.
    let (world, old) = nameless();
    world.hub.fault(FaultTarget::upload_pack(ID), Fault::status(503), Times::Once);
    world.hub.fault(FaultTarget::info_refs(ID).skip(1), Fault::status(404), Times::Forever);
    unproven(world.downloader().download(at(&old.commit)).await, "served git before");
    assert!(world.visible_files().is_empty());
}

#[tokio::test]
async fn a_history_over_the_limit_is_an_error() {
    let (world, old) = nameless();
    let downloader = world.builder().max_metadata_bytes(500).build().unwrap();
    let error = downloader.download(at(&old.commit)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("more than 500 B"), "{error}");
}

#[tokio::test]
async fn a_directory_without_a_receipt_proves_nothing() {
    let (world, model) = World::with(&ModelFixture::new(ID));
    lay_out(&model, &world.home().join("model_weights"));
    assert!(is_cached(world.download(&model).await.unwrap().outcome));
    let asked = || crate::world::request(&model);
    unproven(required(&world, asked()).await, "no receipt");
    required(&world, asked().force(true)).await.unwrap();
    required(&world, asked()).await.unwrap();

    // The same in a read-only tier, which a forced download does not change.
    let tier = world.beside("tier");
    lay_out(&model, &tier);
    let downloader = world.builder().read_only([&tier]).require_proof(true).build().unwrap();
    unproven(downloader.download(asked()).await, "no receipt");
    // A tier that is a cache itself has the receipt.
    let own = world.builder().home(world.beside("other")).read_only([world.home().join("model_weights")]);
    let hit = own.require_proof(true).build().unwrap().download(asked()).await.unwrap();
    assert_eq!(hit.path, entry_in(&world.home().join("model_weights"), &model));
}

/// A receipt of an earlier version does not record the proof.
#[tokio::test]
async fn a_receipt_of_an_earlier_version_proves_nothing() {
    let (world, model) = World::with(&ModelFixture::new(ID));
    world.download(&model).await.unwrap();
    let receipt = world.private_files().into_iter().find(|path| path.ends_with("mlc-ai+tiny.json")).unwrap();
    let text = std::fs::read_to_string(&receipt).unwrap().replace("\"proof\": \"git\",", "");
    std::fs::write(&receipt, text).unwrap();
    assert_eq!(proof_listed(&world), None);
    unproven(required(&world, crate::world::request(&model)).await, "of an earlier version");
}
