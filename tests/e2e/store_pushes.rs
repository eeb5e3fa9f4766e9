//! What a push sends, in which order, and what it refuses.

use facade::stores::{PushOptions, PushedName, StoreMode};
use facade::{Error, ErrorKind, Request};
use local_hub::{Access, LocalWebStore, ModelFixture, Route};

use crate::stores::{Filled, ID, Kind};
use crate::world::World;

/// Existing files are not sent again; damaged ones are repaired on request.
#[tokio::test]
async fn a_push_sends_what_is_missing() {
    let filled = Filled::on_the_web().await;
    let file = filled.model.file("params_shard_7.bin").unwrap();
    let rotten = vec![0; usize::try_from(file.size).unwrap()];
    filled.server().put(&filled.key(&file.path), rotten);
    let request = || filled.model.url.parse().unwrap();
    let again = filled.push_with(PushOptions::default(), request()).await.unwrap();
    assert_eq!((again.files, again.bytes_there), (0, filled.bytes()));
    let mut options = PushOptions::default();
    options.replace = true;
    let mended = filled.push_with(options, request()).await.unwrap();
    assert_eq!((mended.bytes, mended.files_there), (filled.bytes(), 0));
    assert_eq!(filled.server().get(&filled.key(&file.path)).unwrap(), file.bytes());
}

/// Blobs, then the pack, then the name: readers find the whole model or nothing, whenever the writer is
/// stopped.
#[tokio::test]
async fn a_push_that_is_stopped_leaves_nothing_that_looks_whole() {
    let (world, model) = World::with(&ModelFixture::new(ID));
    let filled = Filled { world, model, kind: Kind::Web(LocalWebStore::start()) };
    let request = || filled.model.url.parse::<Request>().unwrap();
    let pusher = filled.world.builder().home(filled.world.beside("pusher")).build().unwrap();
    pusher.download(request()).await.unwrap();
    for _ in 0..6 {
        filled.server().refuse("/packs/", 503);
    }
    let error = filled.push_with(PushOptions::default(), request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
    let blobs = filled.server().paths().iter().filter(|path| path.contains("/blobs/")).count();
    assert_eq!(blobs, filled.model.lfs_files().count());
    let (outcome, _) = filled.download(StoreMode::Only, "").await;
    assert!(matches!(outcome.unwrap_err(), Error::NotInStore { .. }));

    let pushed = filled.push_with(PushOptions::default(), request()).await.unwrap();
    assert_eq!((pushed.files, pushed.name), (0, PushedName::Written));
    let (outcome, _) = filled.download(StoreMode::Only, "").await;
    filled.check(outcome, filled.bytes());
}

#[tokio::test]
async fn a_name_that_has_another_commit_by_now_is_not_written() {
    let filled = Filled::on_the_web().await;
    let new = filled.world.hub.publish(&ModelFixture::new(ID).seed(1));
    let pushed = filled.push_with(PushOptions::default(), filled.model.url.parse().unwrap()).await.unwrap();
    assert_eq!(pushed.commit.to_string(), filled.model.commit);
    assert_eq!(pushed.name, PushedName::MovedOn(new.commit.parse().unwrap()));
    let pinned = format!("HF://{ID}@{}", new.commit).parse().unwrap();
    let pushed = filled.push_with(PushOptions::default(), pinned).await.unwrap();
    assert_eq!((pushed.commit.to_string(), pushed.name), (new.commit, PushedName::NotAsked));
}

#[tokio::test]
async fn a_push_resolves_the_name_once_and_gets_the_metadata_once() {
    let (world, model) = World::with(&ModelFixture::new(ID));
    let filled = Filled { world, model, kind: Kind::Web(LocalWebStore::start()) };
    // With the model downloaded first, from the cache, and with the model from the store first. A list of
    // references resolves the name, another one precedes the pack.
    for (home, requests) in [("one", (2, 1)), ("one", (2, 1)), ("other", (1, 0))] {
        let log = filled.world.hub.log().from_now();
        let builder = filled.builder(StoreMode::First).home(filled.world.beside(home));
        let request = filled.model.url.parse().unwrap();
        let pushed = builder.build().unwrap().push(request, PushOptions::default()).await.unwrap();
        assert_eq!(pushed.name, PushedName::Written);
        let asked = (log.route(Route::InfoRefs).count(), log.route(Route::UploadPack).count());
        assert_eq!(asked, requests, "{home}: {log}");
    }
}

/// Everyone who can read the store could read the model.
#[tokio::test]
async fn a_private_model_is_pushed_only_if_that_is_allowed() {
    const TOKEN: &str = "hf_s3cret_token";
    for access in [Access::Private(vec![TOKEN.to_owned()]), Access::Gated(vec![TOKEN.to_owned()])] {
        let (world, model) = World::with(&ModelFixture::new(ID).access(access));
        let filled = Filled { world, model, kind: Kind::Web(LocalWebStore::start()) };
        let push = async |allow_private| {
            let mut options = PushOptions::default();
            options.allow_private = allow_private;
            let builder = filled.builder(StoreMode::First).token(facade::Token::new(TOKEN).unwrap());
            builder.build().unwrap().push(filled.model.url.parse().unwrap(), options).await
        };
        let error = push(false).await.unwrap_err();
        assert!(matches!(error, Error::Private { .. }), "{error:?}");
        let words = format!("{ID} is gated or private, and all readers of the store could read it");
        assert!(error.to_string().starts_with(&words), "{error}");
        assert!(filled.server().requests().iter().all(|request| request.method == "GET"));
        assert_eq!(push(true).await.unwrap().bytes, filled.bytes());
        assert!(
            filled
                .server()
                .requests()
                .iter()
                .all(|request| { request.headers.iter().all(|(_, value)| !value.contains(TOKEN)) })
        );
    }
}

#[tokio::test]
async fn a_push_needs_a_store_and_a_commit() {
    let filled = Filled::on_the_web().await;
    let request = || filled.model.url.parse::<Request>().unwrap();
    let error = filled.world.downloader().push(request(), PushOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::NoStore), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(!filled.world.home().exists());

    // As left by another program.
    crate::world::lay_out(&filled.model, &filled.world.home().join("model_weights"));
    let downloader = filled.builder(StoreMode::First).build().unwrap();
    let error = downloader.push(request(), PushOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unproven { .. }), "{error:?}");
}
