//! Locations from git-lfs's batch API: for models with many files, and for git hosts that have no other
//! way.

use std::num::NonZeroUsize;
use std::time::Duration;

use facade::{Durability, ErrorKind, ProxySettings, Token};
use local_hub::{
    Access, Fault, FaultTarget, Hold, LocalHub, LocalHubBuilder, LocalProxy, ModelFixture, OtherServer,
    PublishedModel, RequestLog, Times,
};
use serde_json::json;

use crate::world::{PATIENCE, World, request, temporary_folder};

const ID: &str = "mlc-ai/many";
const TOKEN: &str = "glpat-secret";

/// More files than the threshold for batches.
fn many() -> ModelFixture {
    ModelFixture::new(ID).shards(70, 1000)
}

/// Named after a group and a project on a git host.
fn few() -> ModelFixture {
    ModelFixture::new("group/project").shards(3, 5000)
}

async fn arrives(world: &World, model: &PublishedModel) {
    let downloaded =
        world.builder().durability(Durability::Fast).build().unwrap().download(request(model)).await;
    assert!(downloaded.is_ok(), "{downloaded:?}\n{}", world.hub.log());
    assert_eq!(model.differences(&world.entry(model)), [""; 0]);
}

fn counts(log: &RequestLog) -> (usize, usize) {
    (log.lfs_batch().count(), log.resolve().count())
}

#[tokio::test]
async fn many_files_are_located_a_hundred_at_a_time() {
    let (world, model) = World::with(&many());
    arrives(&world, &model).await;
    assert_eq!(counts(&world.hub.log()), (1, 0), "{}", world.hub.log());
    assert_eq!(world.hub.log().data().count(), model.lfs_files().count());
}

#[tokio::test]
async fn a_few_files_are_asked_for_one_by_one() {
    let (world, model) = World::with(&few());
    arrives(&world, &model).await;
    assert_eq!(counts(&world.hub.log()), (0, model.lfs_files().count()));
}

/// hf-transport tests which responses are refusals and which are failures.
#[tokio::test]
async fn a_batch_that_is_refused_is_asked_for_once_and_one_that_fails_twice() {
    for (fault, asked) in [(Fault::status(404), 1), (Fault::status(503), 2)] {
        let (world, model) = World::with(&many());
        world.hub.fault(FaultTarget::lfs_batch(ID), fault.clone(), Times::Forever);
        arrives(&world, &model).await;
        assert_eq!(counts(&world.hub.log()), (asked, model.lfs_files().count()), "{fault:?}");
    }
}

#[tokio::test]
async fn a_file_missing_from_a_batch_is_located_alone() {
    let (world, model) = World::with(&many());
    let [first, second, third] =
        ["0", "1", "2"].map(|n| model.file(&format!("params_shard_{n}.bin")).unwrap());
    let gone = json!({"oid": first.sha256, "size": 1000, "error": {"code": 410, "message": "Gone"}});
    let larger =
        json!({"oid": second.sha256, "size": 1001, "actions": {"download": {"href": "http://127.0.0.1:1/"}}});
    let ftp =
        json!({"oid": third.sha256, "size": 1000, "actions": {"download": {"href": "ftp://127.0.0.1/"}}});
    let answer = json!({"objects": [gone, larger, ftp]});
    world.hub.fault(FaultTarget::lfs_batch(ID), Fault::lfs_answer(answer.to_string()), Times::Once);
    arrives(&world, &model).await;
    assert_eq!(counts(&world.hub.log()), (1, model.lfs_files().count()));
}

#[tokio::test]
async fn an_expired_location_is_not_used() {
    let (world, model) = World::around(LocalHub::builder().url_lifetime(Duration::from_secs(2)), &many());
    let slow = Fault::SlowDrip { bytes: 250, every: Duration::from_millis(700) };
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), slow, Times::Once);
    let one = NonZeroUsize::new(1).unwrap();
    let downloader = world.builder().durability(Durability::Fast).build().unwrap();
    downloader.download(request(&model).files_in_flight(one)).await.unwrap();
    let log = world.hub.log();
    assert!(log.lfs_batch().count() > 1 && log.resolve().is_empty(), "{log}");
    assert_eq!(log.data().status(403).count(), 0, "{log}");
}

#[tokio::test]
async fn a_refused_location_invalidates_its_whole_batch() {
    let (world, model) = World::with(&many());
    let hold = Hold::new();
    world.hub.fault(FaultTarget::data("params_shard_0.bin"), Fault::Hold(hold.clone()), Times::Once);
    let one = NonZeroUsize::new(1).unwrap();
    let log = world.hub.log();
    let expire = async {
        assert!(log.data().until(PATIENCE, |log| log.in_flight() == 1).await);
        world.hub.expire_signed_urls();
        hold.release();
    };
    let downloader = world.builder().durability(Durability::Fast).build().unwrap();
    let (downloaded, ()) = tokio::join!(downloader.download(request(&model).files_in_flight(one)), expire);
    downloaded.unwrap();
    assert_eq!((counts(&log), log.data().status(403).count()), ((2, 0), 1), "{log}");
}

#[tokio::test]
async fn a_refused_location_is_requested_again() {
    let (world, model) = World::with(&many());
    let target = || FaultTarget::data("params_shard_5.bin");
    world.hub.fault(target(), Fault::status(403), Times::Once);
    arrives(&world, &model).await;
    assert_eq!(counts(&world.hub.log()), (2, 0));

    // A data host that refuses locations from batches may accept those from `/resolve/`.
    let (world, model) = World::with(&many());
    world.hub.fault(target(), Fault::status(403), Times::N(2));
    arrives(&world, &model).await;
    assert_eq!(counts(&world.hub.log()), (2, 1));
}

#[tokio::test]
async fn a_host_of_git_and_lfs_is_enough() {
    for fixture in [many(), few().lfs_manifest().lfs_config()] {
        let (world, model) = World::around(LocalHub::builder().git_host(), &fixture);
        arrives(&world, &model).await;
        let log = world.hub.log();
        // The repository under its other name, and missing paths requested by HEAD and by GET, for each
        // of the files requested at first.
        assert_eq!(log.git().status(200).count(), 2, "{log}");
        assert!(log.resolve().count() <= 32, "{log}");
        assert!(log.lfs_batch().count() <= 3, "{log}");
    }
}

#[tokio::test]
async fn a_login_page_at_the_batch_api_is_no_obstacle() {
    let (world, model) = World::with(&few());
    let login = LocalHub::start();
    login.fault(FaultTarget::any(""), Fault::Html, Times::Forever);
    let location = format!("{}/users/sign_in", login.endpoint());
    world.hub.fault(FaultTarget::resolve(""), Fault::redirect(302, &location), Times::Forever);
    arrives(&world, &model).await;
    assert!(world.hub.log().lfs_batch().count() > 0);
}

/// A private model on a git host, whose data host requires separate credentials.
fn private() -> (World, PublishedModel) {
    let hub = LocalHub::builder().git_host().data_login("RemoteAuth for-this-object");
    World::around(hub, &few().access(Access::Private(vec![TOKEN.to_owned()])))
}

#[tokio::test]
async fn a_host_of_git_gets_the_token_as_a_password() {
    let (world, model) = private();
    let downloader = world.builder().token(Token::new(TOKEN).unwrap()).build().unwrap();
    downloader.download(request(&model)).await.unwrap();
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    let log = world.hub.log();
    assert_eq!(log.hub().status(401).count(), 1, "it is learned once: {log}");
    let logins = log.data().requests();
    assert!(logins.iter().all(|asked| asked.header("authorization") == Some("RemoteAuth for-this-object")));
}

#[tokio::test]
async fn a_host_of_git_that_wants_another_login() {
    for token in [None, Some("glpat-wrong")] {
        let (world, model) = private();
        let token = token.map(|token| Token::new(token).unwrap());
        let error =
            world.builder().token(token).build().unwrap().download(request(&model)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(" is missing, "), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_an_lfs_server_lacks_is_named() {
    let (world, model) = World::around(LocalHub::builder().git_host(), &few());
    let shard = model.file("params_shard_1.bin").unwrap();
    let gone =
        json!({"oid": shard.sha256, "size": shard.size, "error": {"code": 404, "message": "Lost in a move"}});
    let answer = Fault::lfs_answer(json!({"objects": [gone]}).to_string());
    world.hub.fault(FaultTarget::lfs_batch(""), answer, Times::Forever);
    let error = world.download(&model).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(error.kind(), ErrorKind::Refused);
    // Whichever file comes first, the response is about that one alone.
    assert!(cause.contains("group/project") && cause.contains("/info/lfs/objects/batch"), "{cause}");
}

#[tokio::test]
async fn temporary_failures_of_a_git_host_are_retried() {
    let (world, model) = World::around(LocalHub::builder().git_host(), &few());
    world.hub.fault(FaultTarget::lfs_batch(""), Fault::status(503), Times::N(4));
    arrives(&world, &model).await;
}

#[tokio::test]
async fn a_repository_does_not_choose_its_lfs_server() {
    let other = LocalHub::start();
    let config = format!("[lfs]\n\turl = {}/group/project.git/info/lfs\n", other.endpoint());
    let fixture = few().plain_file(".lfsconfig", config);
    let (world, model) = World::around(LocalHub::builder().git_host(), &fixture);
    arrives(&world, &model).await;
    assert!(other.log().is_empty(), "{}", other.log());
}

/// A hub under a public name that only the proxy can resolve.
fn public(builder: LocalHubBuilder) -> (World, PublishedModel, LocalProxy) {
    let (world, model) = World::around(builder, &many());
    let proxy = LocalProxy::start();
    proxy.lead("hub.example:80", &world.hub.endpoint());
    proxy.lead("data.example:80", &world.hub.data_origin());
    (world, model, proxy)
}

async fn download_from_public(world: &World, model: &PublishedModel, proxy: &LocalProxy) {
    let proxy = ProxySettings::default().all(proxy.url().parse().unwrap());
    let builder = world.builder().endpoint("http://hub.example".parse().unwrap()).proxy(proxy);
    let downloaded = builder.durability(Durability::Fast).build().unwrap().download(request(model)).await;
    assert!(downloaded.is_ok(), "{downloaded:?}\n{}", world.hub.log());
    assert_eq!(model.differences(&world.entry(model)), [""; 0]);
}

#[tokio::test]
async fn a_public_hub_cannot_send_a_client_into_a_private_network() {
    let (world, model, proxy) = public(LocalHub::builder());
    download_from_public(&world, &model, &proxy).await;
    // The batch named this machine for all of them.
    assert_eq!(counts(&world.hub.log()), (1, model.lfs_files().count()));
}

#[tokio::test]
async fn a_git_server_and_giftless_are_enough() {
    let folder = temporary_folder();
    let Some(giftless) = OtherServer::giftless(folder.path()) else { return };
    let builder = LocalHub::builder().git_host().lfs_server(giftless.endpoint());
    let (world, model) = World::around(builder, &few());
    let storage = folder.path().join("lfs-storage").join(&model.user).join(&model.repo);
    std::fs::create_dir_all(&storage).unwrap();
    for file in model.lfs_files() {
        std::fs::write(storage.join(&file.sha256), file.bytes()).unwrap();
    }
    arrives(&world, &model).await;
    let log = world.hub.log();
    assert_eq!((log.lfs_batch().status(200).count(), log.data().count()), (1, 0), "{log}");

    // Its message about a file that it has lost.
    let lost = model.file("params_shard_1.bin").unwrap();
    std::fs::remove_file(storage.join(&lost.sha256)).unwrap();
    let again = request(&model).force(true);
    let error = world.downloader().download(again).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("404 for `params_shard_1.bin` of group/project"), "{cause}");
    assert!(cause.ends_with("; the hub says: Object does not exist"), "{cause}");
}
