//! Maintaining stores: listing, verifying, repairing and copying.

use std::fs;
use std::sync::Arc;

use facade::stores::{
    FileCount, PushOptions, Pushed, PushedName, RepairOutcome, StoreCheck, StoreFinding, StoreMode,
    StorePart, StoreUrl, StoreVerifyOptions,
};
use facade::{DownloaderBuilder, Error, ErrorKind, ModelRef, Request};
use local_hub::{
    Access, Fault, FaultTarget, LocalWebStore, ModelFixture, PublishedModel, Route, Times, WebStoreSettings,
};

use crate::stores::Kind;
use crate::world::{World, files_below};

const ID: &str = "mlc-ai/Tiny";

fn counted(count: Option<FileCount>) -> Option<(u64, u64)> {
    count.map(|count| (count.files, count.bytes))
}

/// A hub with a model, and a store that has it too.
struct Kept {
    world: World,
    model: PublishedModel,
    kind: Kind,
}

impl Kept {
    async fn on(kind: Kind) -> Self {
        let (world, model) = World::with(&ModelFixture::new(ID).shard("params_shard_7.bin", 200_000));
        fs::create_dir(world.beside("store")).unwrap();
        let filled = Self { world, model, kind };
        filled.push(&filled.model.url).await;
        filled
    }

    async fn everywhere() -> [Self; 2] {
        [Self::on(Kind::Web(LocalWebStore::start())).await, Self::on(Kind::Folder).await]
    }

    fn url(&self) -> StoreUrl {
        match &self.kind {
            Kind::Web(server) => format!("{}/models", server.url()).parse().unwrap(),
            Kind::Folder => folder(&self.world, "store"),
        }
    }

    fn builder(&self) -> DownloaderBuilder {
        self.world.builder().home(self.world.beside("keeper")).stores([self.url()])
    }

    async fn push(&self, url: &str) -> Pushed {
        let builder = self.world.builder().home(self.world.beside("pusher")).stores([self.url()]);
        builder.build().unwrap().push(url.parse().unwrap(), PushOptions::default()).await.unwrap()
    }

    async fn verify(&self, models: &[&str], repair: bool) -> StoreCheck {
        let models: Vec<ModelRef> = models.iter().map(|model| model.parse().unwrap()).collect();
        let keeper = self.builder().build().unwrap();
        let mut options = StoreVerifyOptions::default();
        options.repair = repair;
        keeper.verify_store(&models, options, Arc::new(())).await.unwrap()
    }

    /// How often blobs were read from a web server.
    fn reads(&self) -> usize {
        let Kind::Web(server) = &self.kind else { return 0 };
        let is_read = |request: &&local_hub::WebStoreRequest| {
            request.method == "GET" && request.path.contains("/blobs/")
        };
        server.requests().iter().filter(is_read).count()
    }

    fn get(&self, key: &str) -> Vec<u8> {
        match &self.kind {
            Kind::Web(server) => server.get(&format!("/models/{key}")).unwrap().to_vec(),
            Kind::Folder => fs::read(self.world.beside("store").join(key)).unwrap(),
        }
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        match &self.kind {
            Kind::Web(server) => server.put(&format!("/models/{key}"), bytes.to_vec()),
            Kind::Folder => {
                let path = self.world.beside("store").join(key);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
    }

    fn remove(&self, key: &str) {
        match &self.kind {
            Kind::Web(server) => server.remove(&format!("/models/{key}")),
            Kind::Folder => fs::remove_file(self.world.beside("store").join(key)).unwrap(),
        }
    }

    fn blob(&self, path: &str) -> String {
        format!("blobs/sha256/{}", self.model.file(path).unwrap().sha256)
    }

    fn pack(&self) -> String {
        format!("packs/{}.pack", self.model.commit)
    }

    fn reference(&self) -> String {
        let host = self.world.hub.endpoint().replace("http://", "").replace(':', "!!3a");
        format!("refs/{host}/mlc-ai/!tiny/!h!e!a!d.json")
    }

    /// Checks that the model can be downloaded from this store alone.
    async fn check_whole(&self, store: StoreUrl) {
        let log = self.world.hub.log().from_now();
        let home = crate::world::temporary_folder();
        let builder = self.world.builder().home(home.path()).stores([store]).store_mode(StoreMode::Only);
        let model = builder.build().unwrap().download(self.model.url.parse().unwrap()).await.unwrap();
        assert_eq!(self.model.differences(&model.path), [""; 0]);
        assert_eq!(log.count(), 0, "{log}");
    }
}

fn folder(world: &World, name: &str) -> StoreUrl {
    url_parse::Url::from_file_path(world.beside(name)).unwrap().as_str().parse().unwrap()
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[track_caller]
fn only(check: &StoreCheck) -> &StoreFinding {
    assert_eq!(check.findings.len(), 1, "{check:?}");
    &check.findings[0]
}

#[tokio::test]
async fn a_stores_models_are_listed() {
    for filled in Kept::everywhere().await {
        filled.push(&format!("{}@main", filled.model.url)).await;
        let newer = filled.world.hub.publish(&ModelFixture::new(ID).seed(1));
        let pinned = filled.push(&format!("HF://{ID}@{}", newer.commit)).await;
        assert_eq!(pinned.name, PushedName::NotAsked);
        filled.put("refs/h/mlc-ai/other/main.json", b"<html>");
        filled.put("blobs/sha256/README", b"hands off");
        filled.put("packs/README", b"hands off");

        let listing = filled.builder().build().unwrap().list_store().await.unwrap();
        let names: Vec<String> = listing
            .models
            .iter()
            .map(|stored| ModelRef::new(stored.model.clone(), stored.revision.clone()).to_string())
            .collect();
        assert_eq!(names, [ID.to_owned(), format!("{ID}@main")]);
        for stored in &listing.models {
            assert_eq!(stored.commit.to_string(), filled.model.commit);
            assert_eq!(stored.bytes, filled.model.files.iter().map(|file| file.size).sum::<u64>());
            assert_eq!(stored.files, filled.model.files.len() as u64);
            assert_eq!(format!("http://{}", stored.hub), filled.world.hub.endpoint());
            assert!(stored.seen_at.elapsed().unwrap() < crate::world::PATIENCE * 10 && stored.has_pack);
        }
        let [unnamed] = listing.unnamed[..] else { panic!("{listing:?}") };
        assert_eq!(unnamed.commit.to_string(), newer.commit);
        let pack = filled.get(&format!("packs/{}.pack", newer.commit));
        assert_eq!(unnamed.pack_bytes, pack.len() as u64);
        let [broken] = &listing.broken[..] else { panic!("{listing:?}") };
        assert!(broken.url.ends_with("/refs/h/mlc-ai/other/main.json"), "{broken:?}");
        assert_eq!(listing.other_files, 1, "blobs are not listed");
    }
}

#[tokio::test]
async fn every_problem_is_named() {
    for filled in Kept::everywhere().await {
        let check = filled.verify(&[], false).await;
        assert!(check.is_sound(), "{check:?}");
        let lfs = filled.model.lfs_files();
        let (blobs, bytes) = lfs.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.size));
        assert_eq!((check.refs, check.packs, check.blobs, check.bytes), (1, 1, blobs, bytes));
        assert_eq!((counted(check.unneeded), counted(check.other_files)), (Some((0, 0)), Some((0, 0))));

        let shard = filled.blob("params_shard_7.bin");
        for (part, key, bytes, words) in [
            (StorePart::Blob, shard.clone(), Some(flipped(filled.get(&shard))), "another SHA-256"),
            (StorePart::Blob, shard.clone(), Some(vec![7; 10]), "it has 10 B of 200.00 kB"),
            (StorePart::Blob, shard, None, "it is missing"),
            (StorePart::Pack, filled.pack(), Some(flipped(filled.get(&filled.pack()))), ""),
            (StorePart::Pack, filled.pack(), Some(b"PACK".to_vec()), ""),
            (StorePart::Pack, filled.pack(), None, "it is missing"),
            (
                StorePart::Ref,
                filled.reference(),
                Some(b"{\"format\":1}".to_vec()),
                "it is not a name for a commit",
            ),
        ] {
            let right = filled.get(&key);
            match &bytes {
                Some(bytes) => filled.put(&key, bytes),
                None => filled.remove(&key),
            }
            for models in [&[][..], &[ID]] {
                let check = filled.verify(models, false).await;
                let finding = only(&check);
                assert_eq!((finding.part, &finding.repair), (part, &RepairOutcome::NotAsked), "{finding:?}");
                assert!(finding.url.ends_with(&key) && finding.problem.contains(words), "{finding:?}");
                assert!(!check.is_sound() && check.failure.is_none());
                if part == StorePart::Blob {
                    assert_eq!(finding.file.as_ref().unwrap().as_str(), "params_shard_7.bin");
                    assert_eq!(finding.model.as_ref().unwrap().to_string(), ID);
                }
            }
            filled.put(&key, &right);
        }
        assert!(filled.verify(&[], false).await.is_sound());
    }
}

/// Another commit's valid pack in place of one, and blobs that nothing needs.
#[tokio::test]
async fn a_valid_pack_of_another_commit_is_reported() {
    let filled = Kept::on(Kind::Folder).await;
    let newer = filled.world.hub.publish(&ModelFixture::new(ID).seed(1));
    filled.push(&format!("HF://{ID}@{}", newer.commit)).await;
    let other = format!("packs/{}.pack", newer.commit);
    let right = filled.get(&other);
    filled.put(&other, &filled.get(&filled.pack()));
    let check = filled.verify(&[], false).await;
    let finding = only(&check);
    assert!(finding.url.ends_with(&other) && finding.part == StorePart::Pack, "{finding:?}");
    filled.remove(&other);
    filled.put("blobs/sha256/x.tmp-0", b"wei");
    let check = filled.verify(&[], false).await;
    let unneeded =
        newer.lfs_files().filter(|file| filled.model.lfs_files().all(|old| old.sha256 != file.sha256));
    let unneeded = unneeded.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.size));
    assert!(check.is_sound() && unneeded.0 > 0);
    assert_eq!((counted(check.unneeded), counted(check.other_files)), (Some(unneeded), Some((1, 3))));
    // A damaged one is reported nevertheless, although it is unknown where to get it.
    let lost = format!("blobs/sha256/{}", newer.file("params_shard_0.bin").unwrap().sha256);
    filled.put(&lost, &flipped(filled.get(&lost)));
    let check = filled.verify(&[], true).await;
    let RepairOutcome::Failed(why) = &only(&check).repair else { panic!("{check:?}") };
    assert!(why.contains("no commit in the store needs it"), "{why}");
    filled.put(&other, &right);
    let check = filled.verify(&[], true).await;
    let RepairOutcome::Failed(why) = &only(&check).repair else { panic!("{check:?}") };
    assert!(why.contains("does not say which model of this hub it belongs to"), "{why}");
    let check = filled.verify(&[&format!("{ID}@{}", newer.commit)], true).await;
    assert_eq!(only(&check).repair, RepairOutcome::Repaired);
}

#[tokio::test]
async fn problems_are_repaired_with_as_little_traffic_as_needed() {
    for filled in Kept::everywhere().await {
        let (shard, other) = (filled.blob("params_shard_7.bin"), filled.blob("params_shard_0.bin"));
        filled.put(&shard, &flipped(filled.get(&shard)));
        filled.remove(&other);
        filled.put(&filled.pack(), &flipped(filled.get(&filled.pack())));
        filled.put(&filled.reference(), b"<html>");
        // Without the ref, the name no longer tells which model it belongs to.
        let log = filled.world.hub.log().from_now();
        let check = filled.verify(&[], true).await;
        let failed =
            check.findings.iter().filter(|finding| finding.repair != RepairOutcome::Repaired).count();
        assert_eq!((check.findings.len(), failed, log.data().count()), (3, 3, 0), "{check:?}");
        let pinned = format!("{ID}@{}", filled.model.commit);
        let check = filled.verify(&[&pinned, ID], true).await;
        assert!(check.is_sound() && check.findings.len() == 4, "{check:?}");
        assert_eq!(log.data().count(), 2, "{log}");
        assert!(filled.verify(&[], false).await.is_sound());
        filled.check_whole(filled.url()).await;

        // Files in the cache are not fetched.
        let cached = filled.builder().build().unwrap();
        cached.download(filled.model.url.parse().unwrap()).await.unwrap();
        filled.put(&shard, b"rotten");
        let log = filled.world.hub.log().from_now();
        let check = filled.verify(&[], true).await;
        assert_eq!((only(&check).repair.clone(), log.count()), (RepairOutcome::Repaired, 0), "{log}");
        assert_eq!(filled.get(&shard), filled.model.file("params_shard_7.bin").unwrap().bytes());
    }
}

/// A hub that lies, or no longer has the model, repairs nothing.
#[tokio::test]
async fn a_repair_that_fails_says_why() {
    let filled = Kept::on(Kind::Folder).await;
    let shard = filled.blob("params_shard_7.bin");
    filled.put(&shard, b"rotten");
    filled.world.hub.fault(FaultTarget::data("params_shard_7.bin"), Fault::status(403), Times::Forever);
    let check = filled.verify(&[], true).await;
    let RepairOutcome::Failed(why) = &only(&check).repair else { panic!("{check:?}") };
    assert!(why.contains("403"), "{why}");
    assert!(!check.is_sound());
    assert_eq!(filled.get(&shard), b"rotten");
}

/// A store's name for a model is no reason to write the model there: anyone with write access could
/// have added it.
#[tokio::test]
async fn a_repair_writes_nothing_private_without_permission() {
    const TOKEN: &str = "hf_s3cret_token";
    let access = Access::Private(vec![TOKEN.to_owned()]);
    let (world, model) = World::with(&ModelFixture::new(ID).access(access));
    fs::create_dir(world.beside("store")).unwrap();
    let filled = Kept { world, model, kind: Kind::Folder };
    let keeper = filled.builder().token(facade::Token::new(TOKEN).unwrap()).build().unwrap();
    let mut push = PushOptions::default();
    push.allow_private = true;
    keeper.push(filled.model.url.parse().unwrap(), push).await.unwrap();
    for key in [filled.blob("params_shard_0.bin"), filled.pack()] {
        filled.remove(&key);
        let mut options = StoreVerifyOptions::default();
        options.repair = true;
        let check = keeper.verify_store(&[], options, Arc::new(())).await.unwrap();
        let RepairOutcome::Failed(why) = &only(&check).repair else { panic!("{check:?}") };
        assert!(why.contains("is gated or private"), "{why}");
        options.allow_private = true;
        let check = keeper.verify_store(&[], options, Arc::new(())).await.unwrap();
        assert_eq!(only(&check).repair, RepairOutcome::Repaired);
    }
    filled.check_whole(filled.url()).await;
}

#[tokio::test]
async fn a_store_that_cannot_be_listed_is_verified_model_by_model() {
    let settings = WebStoreSettings { cannot_list: true, ..Default::default() };
    let filled = Kept::on(Kind::Web(LocalWebStore::start_with(settings))).await;
    let keeper = filled.builder().build().unwrap();
    for error in [
        keeper.list_store().await.unwrap_err(),
        keeper.verify_store(&[], StoreVerifyOptions::default(), Arc::new(())).await.unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("cannot be listed")
                && error.to_string().contains("does not answer as WebDAV")
        );
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
    let check = filled.verify(&[ID], false).await;
    assert!(check.is_sound() && check.blobs == 5 && check.unneeded.is_none(), "{check:?}");
    let check = filled.verify(&["mlc-ai/absent"], false).await;
    assert_eq!((only(&check).part, &*only(&check).problem), (StorePart::Ref, "it is missing"));
}

/// What could not be read because of a server's failure is not reported as right, and earlier findings
/// are kept.
#[tokio::test]
async fn a_failure_ends_a_verification_early() {
    let filled = Kept::on(Kind::Web(LocalWebStore::start())).await;
    filled.put(&filled.pack(), b"PACK");
    let Kind::Web(server) = &filled.kind else { panic!() };
    for _ in 0..6 {
        server.refuse(&filled.blob("params_shard_7.bin"), 503);
    }
    let check = filled.verify(&[], false).await;
    assert_eq!(only(&check).part, StorePart::Pack);
    assert_eq!(check.failure.unwrap().kind(), ErrorKind::Network);
}

/// To a site without a network: from a store to a USB stick, and from there to another store.
#[tokio::test]
async fn a_store_is_carried_by_a_stick() {
    for filled in Kept::everywhere().await {
        for name in ["stick", "inside"] {
            fs::create_dir(filled.world.beside(name)).unwrap();
        }
        let newer = filled.world.hub.publish(&ModelFixture::new("mlc-ai/other").seed(1));
        filled.push(&newer.url).await;
        let log = filled.world.hub.log().from_now();
        let (stick, inside) = (folder(&filled.world, "stick"), LocalWebStore::start());
        let inside: StoreUrl = format!("{}/a/models", inside.url()).parse().unwrap();
        let carrier = filled.world.builder().home(filled.world.beside("carrier")).build().unwrap();
        let models = [ID.parse().unwrap()];
        for (again, from, to) in [
            (false, filled.url(), stick.clone()),
            (true, filled.url(), stick.clone()),
            (false, stick.clone(), inside.clone()),
        ] {
            let before = filled.reads();
            let copied = carrier.copy_store(from, to.clone(), &models, Arc::new(())).await.unwrap();
            assert!(!again || filled.reads() == before, "what is there is not read again");
            let [commit] = &copied.commits[..] else { panic!("{copied:?}") };
            assert!(commit.failure.is_none() && copied.broken.is_empty(), "{copied:?}");
            assert_eq!(
                (&*commit.commit.to_string(), &commit.names[..]),
                (&*filled.model.commit, &[ID.to_owned()][..])
            );
            let bytes: u64 = filled.model.lfs_files().map(|file| file.size).sum();
            let (written, there) = if again { (0, bytes) } else { (bytes, 0) };
            assert_eq!((commit.bytes, commit.bytes_there), (written, there));
            filled.check_whole(to).await;
        }
        let left = files_below(&filled.world.beside("carrier"));
        assert!(left.iter().all(|path| !path.to_string_lossy().contains("pool/sha256")), "{left:?}");

        let all = carrier.copy_store(filled.url(), stick.clone(), &[], Arc::new(())).await.unwrap();
        assert_eq!((all.commits.len(), log.count()), (2, 0), "{all:?} {log}");
        let listed = filled.world.builder().stores([stick]).build().unwrap().list_store().await.unwrap();
        let mut names: Vec<String> = listed.models.iter().map(|stored| stored.model.to_string()).collect();
        names.sort();
        assert_eq!(names, [ID, "mlc-ai/other"]);
    }
}

/// Damaged files are not copied, and their commit does not look whole in the other store.
#[tokio::test]
async fn damaged_blobs_are_not_copied() {
    for filled in Kept::everywhere().await {
        fs::create_dir(filled.world.beside("stick")).unwrap();
        let carrier = filled.world.builder().home(filled.world.beside("carrier")).build().unwrap();
        let stick = folder(&filled.world, "stick");
        let shard = filled.blob("params_shard_7.bin");
        let copy = async |models: &[ModelRef]| {
            carrier.copy_store(filled.url(), stick.clone(), models, Arc::new(())).await.unwrap()
        };
        for (key, words) in [(shard.clone(), "params_shard_7.bin"), (filled.pack(), "")] {
            let right = filled.get(&key);
            filled.put(&key, &flipped(right.clone()));
            let copied = copy(&[]).await;
            let error = copied.commits[0].failure.as_ref().unwrap();
            let told = facade::causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
            assert!(told.contains(words), "{told}");
            let there = files_below(&filled.world.beside("stick"));
            assert!(
                !there.iter().any(|path| path.starts_with(filled.world.beside("stick/packs"))),
                "{there:?}"
            );
            filled.put(&key, &right);
        }
        let copied = copy(&["mlc-ai/absent".parse().unwrap()]).await;
        assert_eq!((copied.commits.len(), &*copied.broken[0].problem), (0, "it is missing"));
        assert!(copy(&[]).await.commits[0].failure.is_none());
        filled.check_whole(stick).await;
    }
}

/// A name that is later in the other store stays.
#[tokio::test]
async fn a_copy_returns_no_name_to_an_older_commit() {
    let filled = Kept::on(Kind::Folder).await;
    fs::create_dir(filled.world.beside("stick")).unwrap();
    let carrier = filled.world.builder().build().unwrap();
    let stick = folder(&filled.world, "stick");
    let copy = async || carrier.copy_store(filled.url(), stick.clone(), &[], Arc::new(())).await.unwrap();
    _ = copy().await;
    let path = filled.world.beside("stick").join(filled.reference());
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record["seen_at"] = (record["seen_at"].as_u64().unwrap() + 60).into();
    record["commit"] = "1".repeat(40).into();
    fs::write(&path, record.to_string()).unwrap();
    assert_eq!(copy().await.commits[0].later, [ID]);
    assert_eq!(fs::read_to_string(&path).unwrap(), record.to_string());
}

/// A hub without git refuses everyone without a token; that does not make a model private.
#[tokio::test]
async fn a_hub_without_git_is_not_taken_for_one_that_keeps_the_model_private() {
    let (world, model) = World::with(&ModelFixture::new(ID));
    fs::create_dir(world.beside("store")).unwrap();
    world.hub.fault(FaultTarget::route(Route::InfoRefs, ""), Fault::status(404), Times::Forever);
    for token in [None, Some(facade::Token::new("hf_s3cret_token").unwrap())] {
        let mut builder = world.builder().stores([folder(&world, "store")]);
        if let Some(token) = token {
            builder = builder.token(token);
        }
        let request: Request = model.url.parse().unwrap();
        let error = builder.build().unwrap().push(request, PushOptions::default()).await.unwrap_err();
        assert!(matches!(error, Error::Unproven { .. }), "{error:?}");
        assert!(error.to_string().contains("the hub does not serve it over git"), "{error}");
    }
}
