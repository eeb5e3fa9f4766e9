//! The behaviour that every kind of store must have.

use std::time::{Duration, SystemTime};

use local_hub::{LocalWebStore, WebStoreSettings};
use url_parse::CommitId;
use weight_store::{BlobVerdict, Error, LeaseSeen, LeaseTaken, OnRead, Put, RefPut, Store, StoreSettings};

use crate::support::{Stage, again, ago, content, in_folder, open, record};

/// Everything that readers and writers rely on.
pub(crate) async fn keeps_the_contract(stage: &Stage, store: &Store, conditional_put: bool) {
    assert_eq!(store.info().await.unwrap(), None);
    for _ in 0..2 {
        let info = store.init().await.unwrap();
        assert_eq!((info.format, info.conditional_put), (1, conditional_put));
        assert_eq!(store.info().await.unwrap(), Some(info));
    }
    contents(stage, store).await;
    packs(store).await;
    refs(stage, store).await;
    lists(stage, store).await;
    if conditional_put {
        leases(store).await;
    }
}

/// Lists what the previous steps wrote.
async fn lists(stage: &Stage, store: &Store) {
    let blobs = store.list_blobs().await.unwrap();
    let written = [&b"weights"[..], b"", b"wanted by many"];
    let expected = written.map(|bytes| (crate::support::id_of(bytes), bytes.len() as u64));
    assert_eq!((blobs.known, blobs.others), (expected.into(), 0));
    let packs = store.list_packs().await.unwrap();
    assert_eq!(packs.known, [(CommitId::from_bytes([7; 20]), 4)].into());
    let refs = store.list_refs().await.unwrap();
    let [listed] = &refs.known[..] else { panic!("{refs:?}") };
    let name = stage.name();
    assert_eq!((&listed.hub, &listed.model, listed.revision.as_ref()), (name.hub, name.model, name.revision));

    let on_read = OnRead::default();
    let inspect = async |bytes: &[u8], size| {
        store.inspect_blob(&crate::support::id_of(bytes), size, &on_read).await.unwrap()
    };
    assert_eq!(inspect(b"weights", 7).await, BlobVerdict::Right);
    assert_eq!(inspect(b"", 0).await, BlobVerdict::Right);
    assert!(matches!(inspect(b"weights", 8).await, BlobVerdict::Wrong(_)));
    assert!(matches!(inspect(b"weights", 6).await, BlobVerdict::Wrong(_)));
    assert_eq!(inspect(b"nobody wrote this", 17).await, BlobVerdict::Missing);
    for (bytes, size, is_there) in [(&b"weights"[..], 7, true), (b"weights", 8, false), (b"nobody", 6, false)]
    {
        assert_eq!(store.has_blob(&crate::support::id_of(bytes), size).await.unwrap(), is_there);
    }
}

async fn contents(stage: &Stage, store: &Store) {
    for bytes in [&b"weights"[..], b""] {
        let blob = stage.blob(bytes);
        assert_eq!(content(store, &blob.id).await, None);
        assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::Written);
        assert_eq!(store.put_blob(&blob, false).await.unwrap(), Put::WasThere);
        assert_eq!(store.put_blob(&blob, true).await.unwrap(), Put::Written);
        assert_eq!(content(store, &blob.id).await.unwrap(), bytes);
    }
    // Concurrent writers of the same blob.
    let blob = stage.blob(b"wanted by many");
    let put = || again(async || store.put_blob(&blob, false).await);
    tokio::join!(put(), put(), put(), put());
    assert_eq!(content(store, &blob.id).await.unwrap(), b"wanted by many");
    let mistaken = stage.mistaken(b"other weights");
    let error = store.put_blob(&mistaken, false).await.unwrap_err();
    assert!(matches!(error, Error::OtherContent { .. }), "{error:?}");
    assert_eq!(content(store, &mistaken.id).await, None);
}

async fn packs(store: &Store) {
    let commit = CommitId::from_bytes([7; 20]);
    assert_eq!(store.find_pack(&commit).await.unwrap(), None);
    for (pack, replace, put) in
        [("PACK", false, Put::Written), ("KCAP", false, Put::WasThere), ("KCAP", true, Put::Written)]
    {
        assert_eq!(store.put_pack(&commit, pack.into(), replace).await.unwrap(), put);
        let expected = if put == Put::Written { pack } else { "PACK" };
        assert_eq!(store.find_pack(&commit).await.unwrap().unwrap(), expected);
        assert_eq!(store.find_pack_past_caches(&commit).await.unwrap().unwrap(), expected);
    }
    let error = store.put_pack(&commit, vec![0; (64 << 20) + 1].into(), false).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

async fn refs(stage: &Stage, store: &Store) {
    let name = stage.name();
    assert_eq!(store.find_ref(&name).await.unwrap(), None);
    let put = async |commit, seen_at| store.put_ref(&name, &record(commit, seen_at)).await.unwrap();
    let first = ago(60);
    assert_eq!(put(1, first).await, RefPut::Written);
    assert_eq!(put(2, ago(90)).await, RefPut::Later(record(1, first)));
    assert_eq!(store.find_ref(&name).await.unwrap().unwrap().commit, record(1, ago(0)).commit);
    assert_eq!(put(3, ago(30)).await, RefPut::Written);
    // An implausible time does not keep other writers out.
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(253_370_764_800);
    assert_eq!(put(4, far).await, RefPut::Written);
    let read = store.find_ref(&name).await.unwrap().unwrap();
    let now = ago(0);
    assert!(read.seen_at < now + Duration::from_secs(60) && read.commit == record(4, now).commit, "{read:?}");
    assert_eq!(put(5, ago(20)).await, RefPut::Written);
    assert_eq!(store.find_ref(&name).await.unwrap().unwrap().commit, record(5, ago(0)).commit);
}

async fn leases(store: &Store) {
    let commit = CommitId::from_bytes([8; 20]);
    let take =
        async |holder, dead: Option<&LeaseSeen>| store.take_lease(&commit, holder, dead).await.unwrap();
    assert!(matches!(take("first", None).await, LeaseTaken::Ours(_)), "it is free");
    // A holder whose response was lost asks again.
    let LeaseTaken::Ours(mut first) = take("first", None).await else { panic!("it is its own") };
    let LeaseTaken::Theirs(seen) = take("second", None).await else { panic!("it is held") };
    assert_eq!((seen.holder(), seen.of()), ("first", 0));
    assert!(first.renew(1, 9).await.unwrap());
    // A lease that makes progress is not dead.
    let LeaseTaken::Theirs(seen) = take("second", Some(&seen)).await else { panic!("it gets on") };
    assert_eq!(seen.of(), 9);
    // Of several that find it dead one gets it, and the first holder learns that it has lost it.
    let LeaseTaken::Ours(second) = take("second", Some(&seen)).await else { panic!("it is dead") };
    assert!(matches!(take("third", Some(&seen)).await, LeaseTaken::Theirs(_)));
    assert!(!first.renew(2, 9).await.unwrap());
    first.release().await.unwrap();
    assert!(matches!(take("fourth", None).await, LeaseTaken::Theirs(_)), "who is no holder releases nothing");
    second.release().await.unwrap();
    assert!(matches!(take("fourth", None).await, LeaseTaken::Ours(_)));
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let stage = Stage::new();
    let root = stage.folder.path().join("store");
    std::fs::create_dir(&root).unwrap();
    keeps_the_contract(&stage, &in_folder(&root), false).await;
}

#[tokio::test]
async fn web_servers_keep_the_contract() {
    for (knows_conditions, wants_folders, writes_in_place) in
        [(false, false, false), (true, true, false), (false, true, true), (true, false, true)]
    {
        let server = LocalWebStore::start_with(WebStoreSettings {
            knows_conditions,
            wants_folders,
            knows_no_move: writes_in_place,
            login: Some("Basic dXNlcjpzM2NyZXQ=".to_owned()),
            ..Default::default()
        });
        let mut settings = StoreSettings::default();
        settings.writes_in_place = writes_in_place;
        let url = server.url().replace("http://", "http://user:s3cret@") + "/a/models";
        let stage = Stage::new();
        keeps_the_contract(&stage, &open(&url, &settings), knows_conditions).await;
        let drafts: Vec<String> = server.paths().into_iter().filter(|path| path.contains(".tmp-")).collect();
        assert!(drafts.is_empty(), "{drafts:?}");
    }
}

/// Machines that start together get the same result, and an unfinished set-up of another machine is not
/// trusted.
#[tokio::test]
async fn several_machines_may_set_a_store_up_at_once() {
    let settings = WebStoreSettings { knows_conditions: true, ..Default::default() };
    let server = LocalWebStore::start_with(settings);
    let open = |name: &str| open(&format!("{}/{name}", server.url()), &StoreSettings::default());
    let store = open("together");
    let init = || async { store.init().await.unwrap().conditional_put };
    assert_eq!(tokio::join!(init(), init(), init(), init()), (true, true, true, true));
    server.put("/left/mlc-weights-store.json", r#"{"format":1,"conditional_put":false}"#);
    assert!(open("left").init().await.unwrap().conditional_put);
}
