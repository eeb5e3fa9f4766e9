//! Other kinds of hubs, and the builder's settings for reaching them.

use std::sync::Arc;

use async_trait::async_trait;
use facade::errors::HubError;
use facade::metadata::{LfsPointer, MetadataRequest, MetadataSource, RepoFile, RepoSnapshot};
use facade::{CaCertificates, CommitId, Error, ErrorKind, Proof, ProxySettings, Token};
use local_hub::{
    Access, Fault, FaultTarget, LocalHub, LocalProxy, ModelFixture, PublishedModel, Route, Server, Times,
};

use crate::world::{Recorded, World, request};

const TOKEN: &str = "hf_member";

fn tiny() -> ModelFixture {
    ModelFixture::new("mlc-ai/tiny")
}

/// A private model on a hub that serves the bytes itself, and requires the token for them.
fn with_own_bytes() -> (World, PublishedModel) {
    let private = tiny().access(Access::Private(vec![TOKEN.to_owned()]));
    World::around(LocalHub::builder().serves_files_itself(), &private)
}

fn token() -> Token {
    Token::new(TOKEN).unwrap()
}

/// Downloads with the token; everything must arrive.
async fn arrives(world: &World, model: &PublishedModel, what: &str) {
    let downloader = world.builder().token(token()).build().unwrap();
    let downloaded = downloader.download(request(model)).await;
    assert!(downloaded.is_ok(), "{what}: {downloaded:?}\n{}", world.hub.log());
    assert_eq!(model.differences(&world.entry(model)), [""; 0], "{what}");
}

fn header(name: &str, value: Option<&str>) -> Fault {
    Fault::Header { name: name.to_owned(), value: value.map(str::to_owned) }
}

#[tokio::test]
async fn a_hub_that_serves_the_bytes_itself_gets_the_token_with_every_request() {
    let (world, model) = with_own_bytes();
    arrives(&world, &model, "its own bytes").await;
    let log = world.hub.log();
    assert!(log.data().is_empty());
    assert!(log.resolve().method("GET").count() >= model.shards().count(), "{log}");
    assert_eq!(log.with_header("authorization").count(), log.count(), "{log}");
}

/// hf-transport tests each header by itself.
#[tokio::test]
async fn unusual_redirects_of_a_hub_are_understood() {
    let (world, model) = World::with(&tiny());
    world.hub.fault(FaultTarget::resolve(""), header("x-repo-commit", None), Times::Forever);
    arrives(&world, &model, "no commit").await;
    let (world, model) = with_own_bytes();
    let quirk = header("etag", None);
    world.hub.fault(FaultTarget::resolve("").method("HEAD"), quirk, Times::Forever);
    arrives(&world, &model, "its own bytes, no etag").await;
}

/// Downloading a model from a hub that sends the bytes itself takes few requests besides those for its files: one for
/// each plain file that does not come over git, and one for the bytes of each shard.
#[tokio::test]
async fn a_model_of_many_shards_costs_few_requests_besides_its_files() {
    for serves_git in [false, true] {
        let (world, model) =
            World::around(LocalHub::builder().serves_files_itself(), &tiny().shards(120, 64));
        if !serves_git {
            world.hub.fault(FaultTarget::info_refs(""), Fault::status(404), Times::Forever);
        }
        world.download(&model).await.unwrap();
        assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
        let log = world.hub.log();
        let files = model.files.iter().filter(|file| file.lfs || !serves_git).count();
        assert!(files >= 120 && log.count() <= files + 40, "{} for {files}: {log}", log.count());
    }
}

/// No git, no `HEAD`, no ranges, and no information about a file but its bytes.
#[tokio::test]
async fn a_minimal_mirror_is_sufficient() {
    let big = tiny().shards(2, 12 << 20);
    let (world, model) = World::around(LocalHub::builder().serves_files_itself(), &big);
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(501), Times::Forever);
    world.hub.fault(FaultTarget::any("").method("HEAD"), Fault::status(405), Times::Forever);
    world.hub.fault(FaultTarget::resolve(".bin"), Fault::IgnoreRange, Times::Forever);
    world.download(&model).await.unwrap();
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}

/// Takes a model's files from the fixture, as if from another API.
struct FromElsewhere(PublishedModel);

#[async_trait]
impl MetadataSource for FromElsewhere {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, HubError> {
        let files = self.0.files.iter().map(|file| {
            let path = file.path.parse().unwrap();
            if file.lfs {
                let digits = |at: usize| u8::from_str_radix(&file.sha256[2 * at..2 * at + 2], 16).unwrap();
                RepoFile::lfs(path, LfsPointer { oid: std::array::from_fn(digits), size: file.size })
            } else {
                std::fs::write(request.export_to.join(&file.path), file.bytes()).unwrap();
                RepoFile::plain(path, file.size)
            }
        });
        let commit: CommitId = self.0.commit.parse().unwrap();
        Ok(RepoSnapshot::new(commit, Proof::Word, files.collect()))
    }
}

#[tokio::test]
async fn metadata_may_come_from_another_source_than_git() {
    let (world, model) = World::with(&tiny());
    world.hub.fault(FaultTarget::any("mlc-ai/tiny"), Fault::status(404), Times::Forever);
    let error = world.download(&model).await.unwrap_err();
    assert!(error.to_string().contains("neither over git nor over a hub's API"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Refused);

    let before = world.hub.log().from_now();
    let source = Arc::new(FromElsewhere(model.clone()));
    let downloader = world.builder().metadata_source(source).build().unwrap();
    downloader.download(request(&model)).await.unwrap();
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert!(before.git().is_empty() && !before.resolve().is_empty(), "{before}");
}

/// Fails as long as it is told to.
struct Failing {
    is_transient: bool,
}

#[async_trait]
impl MetadataSource for Failing {
    async fn fetch(&self, request: MetadataRequest) -> Result<RepoSnapshot, HubError> {
        Err(HubError::own_source(request.model, self.is_transient, "the archive is closed"))
    }
}

#[tokio::test]
async fn another_source_decides_whether_to_retry() {
    for (is_transient, kind) in [(true, ErrorKind::Network), (false, ErrorKind::Refused)] {
        let (world, model) = World::with(&tiny());
        let downloader = world.builder().metadata_source(Arc::new(Failing { is_transient })).build().unwrap();
        let error = downloader.download(request(&model)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(matches!(error, Error::MetadataGaveUp { .. }), is_transient, "{error:?}");
        assert!(world.hub.log().is_empty());
    }
}

#[tokio::test]
async fn the_builder_has_every_setting_of_the_environment() {
    let gated = tiny().access(Access::Gated(vec![TOKEN.to_owned()]));
    let (world, model) = World::around(LocalHub::builder().tls().path_prefix("/hf"), &gated);
    let proxy = LocalProxy::with_login();
    let builder = world.builder().token(token());
    let https = proxy.url_with_login().parse().unwrap();

    let untrusted = builder.clone().build().unwrap().download(request(&model)).await.unwrap_err();
    assert!(untrusted.to_string().contains("certificate is not trusted"), "{untrusted}");
    assert_eq!((untrusted.kind(), untrusted.is_transient()), (ErrorKind::Refused, false));

    let downloader = builder
        .ca_certificates(CaCertificates::system().and(world.hub.ca_certificate()))
        .proxy(ProxySettings::default().https(https))
        .application("my-app/1.2")
        .build()
        .unwrap();
    downloader.download(request(&model)).await.unwrap();
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
    assert!(!proxy.requests().is_empty());
    assert_eq!(world.hub.failed_handshakes(), 1, "what is not trusted is not tried again");
}

#[tokio::test]
async fn no_event_contains_a_secret() {
    let private = tiny().access(Access::Private(vec![TOKEN.to_owned()]));
    let (world, model) = World::with(&private);
    let data = |name: &str| FaultTarget::data(name);
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(503), Times::Once);
    world.hub.fault(FaultTarget::resolve("params_shard_0.bin"), Fault::status(502), Times::Once);
    world.hub.fault(data("params_shard_0.bin"), Fault::status(403), Times::Once);
    world.hub.fault(data("params_shard_1.bin"), Fault::Reset { after: 1000 }, Times::Once);
    world.hub.fault(data("params_shard_2.bin"), Fault::Corrupt { at: 7 }, Times::Once);
    let told = Recorded::default();
    let downloader = world.builder().token(token()).build().unwrap();
    downloader.download(request(&model).observer(told.clone())).await.unwrap();
    assert!(told.count(&["RetryingMetadata"]) == 1 && told.count(&["Retrying"]) > 2);
    for secret in [TOKEN, "Bearer", "Signature", "Key-Pair-Id", "Expires="] {
        assert_eq!(told.count(&[secret]), 0, "{secret}");
    }
}

#[tokio::test]
async fn every_request_has_a_user_agent_and_goes_to_a_known_host() {
    let (world, model) = World::with(&tiny());
    let proxy = LocalProxy::start();
    let all = ProxySettings::default().all(proxy.url().parse().unwrap());
    let downloader = world.builder().proxy(all).application("my-app/1.2").build().unwrap();
    downloader.download(request(&model)).await.unwrap();
    // Everything that leaves the process goes through the proxy.
    let known = [world.hub.endpoint(), world.hub.data_origin()];
    for forwarded in proxy.requests() {
        assert!(known.iter().any(|origin| forwarded.target.starts_with(origin)), "{forwarded:?}");
    }
    let log = world.hub.log();
    assert_eq!(proxy.requests().len(), log.count());
    let version = env!("CARGO_PKG_VERSION");
    for asked in log.requests() {
        let agent = asked.header("user-agent");
        assert_eq!(agent, Some(&*format!("mlc-weights/{version}; my-app/1.2")), "{asked}");
        let is_expected = match asked.server {
            Server::Hub => matches!(asked.route, Route::InfoRefs | Route::UploadPack | Route::Resolve),
            Server::Data => asked.route == Route::Data,
        };
        assert!(is_expected, "{asked}");
    }
}
