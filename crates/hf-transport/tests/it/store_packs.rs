//! Packs made for a store, and read from one; and resolving names.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hf_transport::{Error, ErrorKind, GitMetadata, MetadataSource as _, PackMetadata, Proof, RepoSnapshot};
use local_hub::{Bomb, Fault, FaultTarget, ModelFixture, Outcome, PackBuilder, Route, Times};
use net::SafeUrl;
use url_parse::CommitId;

use crate::support::{ID, PATIENCE, Stage, assert_nothing_secret, chain, listing};

const LIMIT: u64 = 1 << 30;

fn from() -> SafeUrl {
    SafeUrl::of(&"https://user:s3cret@store.example/packs/x.pack?s3cret".parse().unwrap())
}

/// Makes the pack of a revision from a hub.
async fn pack_of(stage: &Stage, revision: Option<&str>) -> (RepoSnapshot, Bytes) {
    let request = stage.request(revision, Arc::new(()));
    GitMetadata::new(stage.client()).fetch_with_pack(request).await.unwrap()
}

/// Reads a pack, and checks that only the export remains.
async fn read(
    stage: &Stage,
    pack: impl Into<Bytes>,
    commit: CommitId,
) -> Result<(RepoSnapshot, std::path::PathBuf), Error> {
    let held = Arc::new(());
    // The revision has no effect here.
    let request = stage.request(Some("main"), Arc::clone(&held) as hf_transport::KeepAlive);
    let (scratch, tree) = (request.scratch_parent.clone(), request.export_to.clone());
    let log = stage.hub.log().from_now();
    let outcome = PackMetadata::new(pack.into(), commit, from(), LIMIT).fetch(request).await;
    assert_eq!(log.git().count(), 0, "{log}");
    assert!(listing(&scratch).is_empty());
    assert_eq!(Arc::strong_count(&held), 1);
    outcome.inspect_err(assert_nothing_secret).map(|snapshot| (snapshot, tree))
}

#[tokio::test]
async fn what_is_read_from_a_pack_is_what_the_hub_gave() {
    let stage = Stage::usual();
    let fetched = stage.fetch_whole().await;
    let (snapshot, pack) = pack_of(&stage, None).await;
    assert_eq!(snapshot.files, fetched.snapshot.files);
    let (read, tree) = read(&stage, pack, snapshot.commit).await.unwrap();
    assert_eq!((read.commit, read.proof), (snapshot.commit, Proof::Git));
    assert_eq!(read.files, snapshot.files);
    assert_eq!(listing(&tree), listing(&fetched.tree));
}

/// A pack contains exactly one commit, whether that was fetched alone or with a longer history.
#[tokio::test]
async fn a_pack_has_one_commit() {
    let mut stage = Stage::with_file("a.txt", "first");
    let old = stage.model.commit.clone();
    stage.model = stage.hub.publish(&ModelFixture::without_files(ID).plain_file("a.txt", "second"));
    for (revision, content) in [(None, "second"), (Some(old.as_str()), "first")] {
        let (snapshot, pack) = pack_of(&stage, revision).await;
        let objects = u32::from_be_bytes(pack[8..12].try_into().unwrap());
        assert_eq!(objects, 3, "a commit, its tree, its file");
        let (_, tree) = read(&stage, pack.clone(), snapshot.commit).await.unwrap();
        assert_eq!(listing(&tree)["a.txt"], content.as_bytes());
        // git agrees that it is a pack.
        let folder = crate::scratch();
        stage.hub.git().run(folder.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        stage.hub.git().run(folder.path(), &["index-pack", "--stdin"], &pack).unwrap();
    }
}

#[tokio::test]
async fn a_pack_that_no_reader_would_take_is_not_made() {
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()
    });
    let stage = Stage::with_file("a.bin", noise.take((65 << 20) / 8).flatten().collect::<Vec<u8>>());
    let request = stage.request(None, Arc::new(()));
    let error = GitMetadata::new(stage.client()).fetch_with_pack(request).await.unwrap_err();
    assert!(matches!(error, Error::TooMuchMetadata { .. }), "{error:?}");
}

/// After an interruption the hub's pack lacks large plain files, which are fetched by themselves.
#[tokio::test]
async fn a_pack_is_whole_after_an_interruption() {
    let stage = Stage::usual();
    let fetched = stage.fetch_whole().await;
    let kept = crate::scratch();
    let mut request = stage.request(None, Arc::new(()));
    request.keep_in = Some(kept.path().to_owned());
    std::fs::write(kept.path().join(format!("cut-off-{}", stage.model.commit)), "").unwrap();
    let log = stage.hub.log().from_now();
    let (snapshot, pack) = GitMetadata::new(stage.client()).fetch_with_pack(request).await.unwrap();
    assert!(log.resolve().count() > 0, "{log}");
    let (_, tree) = read(&stage, pack, snapshot.commit).await.unwrap();
    assert_eq!(listing(&tree), listing(&fetched.tree));
}

#[tokio::test]
async fn a_pack_that_is_not_the_commits_is_refused() {
    let stage = Stage::usual();
    let (snapshot, pack) = pack_of(&stage, None).await;
    for at in (0..pack.len()).step_by(pack.len() / 23) {
        let mut wrong = pack.to_vec();
        wrong[at] ^= 1;
        let error = read(&stage, wrong, snapshot.commit).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Refused), "{at}: {error:?}");
        let cut = pack.slice(..at);
        assert!(read(&stage, cut, snapshot.commit).await.is_err(), "{at}");
    }
    let other = Stage::with_file("a.txt", "other");
    let (_, other) = pack_of(&other, None).await;
    let error = read(&stage, other, snapshot.commit).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error:?}");
}

/// The same limits and checks as for a hub's packs.
#[tokio::test]
async fn hostile_packs_are_refused() {
    let stage = Stage::usual();
    for bomb in Bomb::all() {
        let error = read(&stage, bomb.pack, bomb.tip.parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains(bomb.words), "{}: {error}", bomb.name);
        let kind = if bomb.is_broken { ErrorKind::Integrity } else { ErrorKind::Refused };
        assert_eq!(error.kind(), kind, "{}: {error:?}", bomb.name);
    }
    let mut pack = PackBuilder::default();
    pack.lying("blob", 3, &[(b"1234", 1)]);
    let error = read(&stage, pack.finish(), CommitId::from_bytes([1; 20])).await.unwrap_err();
    assert!(chain(&error).contains("https://store.example/packs/x.pack?…"), "{}", chain(&error));
}

#[tokio::test]
async fn a_tag_in_the_place_of_a_commit_is_refused() {
    let stage = Stage::with_file("a.txt", "a");
    let plumbing = stage.plumbing();
    plumbing.run(&["tag", "-a", "v1", "-m", "A tag", "main"], b"");
    let tag = plumbing.run(&["rev-parse", "v1"], b"");
    let pack = stage.hub.git().run(
        &stage.hub.repository(ID).unwrap(),
        &["pack-objects", "--stdout", "--revs"],
        b"v1\n",
    );
    let error = read(&stage, pack.unwrap(), tag.trim().parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn names_stand_for_commits() {
    let first = ModelFixture::without_files(ID).plain_file("a.txt", "first").tag("v1");
    let mut stage = Stage::new(&first);
    let old = stage.model.commit.clone();
    let second = ModelFixture::without_files(ID).plain_file("a.txt", "second").tag("refs/pr/1");
    stage.model = stage.hub.publish(&second);
    let plumbing = stage.plumbing();
    plumbing.run(&["tag", "-a", "annotated", "-m", "A tag", &old], b"");
    plumbing.run(&["tag", "-a", "twice", "-m", "A tag of a tag", "annotated"], b"");
    let new = stage.model.commit.clone();
    for (revision, commit) in [
        (None, &new),
        (Some("main"), &new),
        (Some("refs/pr/1"), &new),
        (Some("v1"), &old),
        (Some("annotated"), &old),
        (Some("refs/tags/twice"), &old),
    ] {
        let log = stage.hub.log().from_now();
        let revision = revision.map(|revision| revision.parse().unwrap());
        let named = stage.client().commit_of(&stage.id(), revision.as_ref()).await.unwrap();
        assert_eq!(named.commit.to_string(), *commit, "{revision:?}");
        let hour = Duration::from_secs(3600);
        let seen_at = named.seen_at.unwrap();
        assert!(seen_at > SystemTime::now() - hour && seen_at < SystemTime::now() + hour);
        assert_eq!((log.git().count(), log.route(Route::InfoRefs).count()), (1, 1), "{log}");
    }
    for missing in ["v9", &old] {
        let error = stage.client().commit_of(&stage.id(), Some(&missing.parse().unwrap())).await.unwrap_err();
        assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
    }
    let empty = Stage::new(&ModelFixture::new(ID).empty_repository());
    let error = empty.client().commit_of(&empty.id(), None).await.unwrap_err();
    assert!(matches!(error, Error::EmptyRepository { .. }), "{error:?}");
}

#[tokio::test]
async fn dropping_the_future_ends_resolving_a_name() {
    let stage = Stage::usual().with_net(|net| net.idle_timeout = 100 * PATIENCE);
    stage.hub.fault(FaultTarget::info_refs(ID), Fault::NoAnswer, Times::Once);
    let (client, id, log) = (stage.client(), stage.id(), stage.hub.log());
    tokio::select! {
        outcome = client.commit_of(&id, None) => panic!("{outcome:?}"),
        is_asked = log.until(PATIENCE, |log| log.in_flight() == 1) => assert!(is_asked, "{log}"),
    }
    assert!(log.until(PATIENCE, |log| log.in_flight() == 0).await, "{log}");
    assert_eq!(log.requests().last().unwrap().outcome, Outcome::ClosedByClient, "{log}");
}
