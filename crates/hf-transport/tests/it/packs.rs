//! Packs, and responses around them, that no honest server would send.

use std::time::{Duration, Instant};

use hf_transport::{Error, ErrorKind};
use local_hub::{
    Bomb, Fault, FaultTarget, PackBuilder, Route, Times, copy, delta, insert, object_name, pack_answer,
    packet, reference_list, seal, tree_entry,
};

use crate::support::{ID, Stage, TOKEN, chain};

const CAPABILITIES: &str = "side-band-64k ofs-delta";

/// A hub whose git advertises this tip.
fn stage_with_tip(tip: &str) -> Stage {
    let stage = Stage::usual();
    let list = Fault::git_list(reference_list(tip, CAPABILITIES));
    stage.hub.fault(FaultTarget::info_refs(ID), list, Times::Forever);
    stage
}

/// The error for this response to the request for objects; it must be final.
async fn refusal(tip: &str, answer: Vec<u8>) -> Error {
    let stage = stage_with_tip(tip);
    stage.hub.fault(FaultTarget::upload_pack(ID), Fault::git_answer(answer), Times::Forever);
    let error = stage.fetch_error().await;
    assert!(!error.is_transient(), "{error:?}");
    assert_eq!(stage.hub.log().route(Route::UploadPack).count(), 1);
    error
}

#[tokio::test]
async fn packs_that_expand_enormously_are_refused() {
    for bomb in Bomb::all() {
        let error = refusal(&bomb.tip, pack_answer(&bomb.pack)).await;
        assert!(error.to_string().contains(bomb.words), "{}: {error}", bomb.name);
        let kind = if bomb.is_broken { ErrorKind::Integrity } else { ErrorKind::Refused };
        assert_eq!(error.kind(), kind, "{}: {error:?}", bomb.name);
    }
}

/// A pack with these additions is broken in this way.
async fn check_broken(problem: &str, add: impl FnOnce(&mut PackBuilder)) {
    let mut pack = PackBuilder::default();
    add(&mut pack);
    check_broken_pack(problem, &pack.finish()).await;
}

async fn check_broken_pack(problem: &str, pack: &[u8]) {
    let error = refusal(&object_name("commit", b""), pack_answer(pack)).await;
    assert!(matches!(error, Error::BrokenPack { .. }), "{problem}: {error:?}");
    assert!(
        error.to_string().ends_with(&format!(" sent damaged git objects of user/model: {problem}")),
        "{problem}: {error}"
    );
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn objects_must_have_their_stated_size() {
    check_broken("an object is longer than it says", |pack| {
        pack.lying("blob", 3, &[(b"1234", 1)]);
    })
    .await;
    check_broken("an object is shorter than it says", |pack| {
        pack.lying("tree", 5, &[(b"1234", 1)]);
    })
    .await;
    check_broken("an object is of an unknown kind", |pack| {
        pack.lying("rope", 5, &[(b"12345", 1)]);
    })
    .await;
}

#[tokio::test]
async fn deltas_must_match_their_header() {
    let missing = object_name("blob", b"elsewhere");
    for (problem, delta) in [
        ("a delta is for a base of another size", delta(5, 2, &[insert(b"ab")])),
        ("a delta unfolds to more than it says", delta(4, 1, &[insert(b"ab")])),
        ("a delta unfolds to less than it says", delta(4, 3, &[insert(b"ab")])),
        ("a delta reaches behind the end of its base", delta(4, 2, &[copy(3, 2)])),
        ("a delta has an unknown instruction", delta(4, 2, &[vec![0], insert(b"ab")])),
        ("a delta is cut short", delta(4, 2, &[vec![2, b'a']])),
        ("a delta is cut short", delta(4, 0, &[])),
        ("a size has too many digits", vec![0xff; 12]),
    ] {
        check_broken(problem, |pack| {
            let base = pack.whole("blob", b"1234");
            pack.delta_at(base, &delta);
        })
        .await;
    }
    let two = delta(4, 2, &[insert(b"ab")]);
    check_broken("a delta is for no earlier object", |pack| {
        let base = pack.whole("blob", b"1234");
        pack.delta_at(base + 1, &two);
    })
    .await;
    check_broken("a delta is for an object that is not in it", |pack| {
        pack.whole("blob", b"1234");
        pack.delta_of(&missing, &two);
    })
    .await;
    // Two deltas of each other cannot be made; one of itself has no base in the pack either.
    check_broken("a delta is for no earlier object", |pack| {
        pack.delta_at(12, &two);
    })
    .await;
}

#[tokio::test]
async fn bytes_after_a_pack_are_refused() {
    let mut pack = PackBuilder::default();
    pack.whole("blob", b"1234");
    let whole = pack.finish();
    check_broken_pack("bytes follow its end", &[&*whole, b"x"].concat()).await;
    check_broken_pack("bytes follow its end", &seal(whole.clone())).await;
    let (objects, _) = whole.split_at(whole.len() - 20);
    let problem = "its checksum does not follow its last object";
    check_broken_pack(problem, &seal([objects, b"x"].concat())).await;
    let answer = [pack_answer(&pack.finish()), b"x".to_vec()].concat();
    let stage = stage_with_tip(&object_name("commit", b""));
    stage.hub.fault(FaultTarget::upload_pack(ID), Fault::git_answer(answer), Times::Forever);
    assert!(matches!(stage.fetch_error().await, Error::Git { .. }));
}

/// A pack damaged in transit may arrive intact the next time.
#[tokio::test]
async fn a_wrong_checksum_is_transient() {
    let mut pack = PackBuilder::default();
    pack.whole("blob", b"1234");
    let whole = pack.finish();
    for at in [0, 4, 11, 12, 14, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let stage = stage_with_tip(&object_name("commit", b""));
        let answer = Fault::git_answer(pack_answer(&damaged));
        stage.hub.fault(FaultTarget::upload_pack(ID), answer, Times::Forever);
        let error = stage.fetch_error().await;
        assert!(chain(&error).ends_with("the pack was damaged on its way"), "{at}: {error:?}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn deltas_of_either_kind_are_unfolded() {
    let commit =
        |tree: &str| format!("tree {tree}\nauthor A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n");
    let text = b"one two three four";
    let unfolded: [&[u8]; 3] = [b"one two three four!", b"one two three four!?", b"two"];
    let lines = [b"a", b"b", b"c"].iter().zip(unfolded);
    let lines = lines.flat_map(|(name, content)| tree_entry("100644", *name, &object_name("blob", content)));
    let tree: Vec<u8> = lines.collect();
    let commit = commit(&object_name("tree", &tree));
    let mut pack = PackBuilder::default();
    // A base identified by its id may come after its deltas, and be a delta itself.
    pack.delta_of(&object_name("blob", unfolded[0]), &delta(19, 20, &[copy(0, 19), insert(b"?")]));
    pack.delta_of(&object_name("blob", text), &delta(18, 19, &[copy(0, 18), insert(b"!")]));
    let base = pack.whole("blob", text);
    pack.delta_at(base, &delta(18, 3, &[copy(4, 3)]));
    pack.whole("tree", &tree);
    pack.whole("commit", commit.as_bytes());
    let stage = stage_with_tip(&object_name("commit", commit.as_bytes()));
    let answer = Fault::git_answer(pack_answer(&pack.finish()));
    stage.hub.fault(FaultTarget::upload_pack(ID), answer, Times::Forever);
    let fetched = stage.fetch().await.unwrap();
    assert_eq!(["a", "b", "c"].map(|name| fetched.read(name)), unfolded);
}

/// A server's message that would do harm on a terminal, or reveal a secret.
const EVIL: &str =
    "no\u{1b}]0;title\u{7}\nerror: forged \u{9b}31m\u{202e}hf_s3cret https://bob:pw@host/x?sig=1";
const FIT: &str = "the hub says: no ]0;title error: forged 31m… https://…@host/x?…";

#[tokio::test]
async fn err_is_a_refusal_anywhere() {
    let tip = object_name("commit", b"");
    let err = packet(format!("ERR {EVIL}").as_bytes());
    let band = packet(format!("\x03{EVIL}").as_bytes());
    let nak = packet(b"NAK\n");
    let list = reference_list(&tip, CAPABILITIES);
    let cut_list = list.strip_suffix(b"0000").unwrap();
    assert!(TOKEN.contains("s3cret"));
    for list in
        [err.clone(), [b"001e# service=git-upload-pack\n0000", &*err].concat(), [cut_list, &*err].concat()]
    {
        let stage = Stage::usual();
        stage.hub.fault(FaultTarget::info_refs(ID), Fault::git_list(list), Times::Forever);
        check_refused(&stage.fetch_error().await);
    }
    let piece = packet(b"\x01PACK");
    for answer in [
        err.clone(),
        [&*nak, &*err].concat(),
        [&*nak, &*band].concat(),
        [&*nak, &*piece, &*err].concat(),
        [&*nak, &*piece, &*band, b"0000"].concat(),
    ] {
        check_refused(&refusal(&tip, answer).await);
    }
    // In the first of the two responses to a fetch without history.
    let stage = Stage::usual();
    stage.hub.fault(FaultTarget::upload_pack(ID), Fault::git_answer(err), Times::Forever);
    check_refused(&stage.fetch_error().await);
}

#[track_caller]
fn check_refused(error: &Error) {
    assert!(matches!(error, Error::GitRefused { .. }), "{error:?}");
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Refused, false));
    assert!(error.to_string().ends_with(FIT), "{:?}", error.to_string());
}

#[tokio::test]
async fn other_object_formats_are_refused_before_any_request() {
    let stage = Stage::usual();
    let capabilities = "side-band-64k object-format=sha256\u{1b}[31m";
    let list = reference_list(&"0".repeat(64), capabilities);
    stage.hub.fault(FaultTarget::info_refs(ID), Fault::git_list(list), Times::Forever);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::ObjectFormat { .. }), "{error:?}");
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Refused, false));
    let message = error.to_string();
    assert!(message.starts_with("user/model uses the git object format `sha256 [31m`"), "{message}");
    assert_eq!(stage.hub.log().count(), 1);
}

#[tokio::test]
async fn the_list_of_references_is_limited() {
    let line = packet(format!("{} refs/heads/{}\n", "1".repeat(40), "x".repeat(60_000)).as_bytes());
    let list = reference_list(&"1".repeat(40), CAPABILITIES);
    let long = [list.strip_suffix(b"0000").unwrap(), &line.repeat((16 << 20) / line.len() + 1)].concat();
    let stage = Stage::usual();
    stage.hub.fault(FaultTarget::info_refs(ID), Fault::git_list(long), Times::Forever);
    let error = stage.fetch_error().await;
    assert!(error.to_string().contains("more than 16.78 MB of references"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

/// libgit2 inflates two gigabytes for this one after it was scanned; dropping the future ends that.
#[tokio::test]
async fn a_dropped_fetch_ends_while_its_pack_is_unpacked() {
    let mut pack = PackBuilder::default();
    let size = 30 << 20;
    let base = pack.lying("blob", size, &[(&vec![0; 1 << 20], 30)]);
    for number in 0..70_u32 {
        pack.delta_at(base, &delta(size, 4, &[insert(&number.to_le_bytes())]));
    }
    pack.lying("blob", 200 << 20, &[(&vec![0; 1 << 20], 200)]);
    let stage = stage_with_tip(&object_name("commit", b""));
    let answer = Fault::git_answer(pack_answer(&pack.finish()));
    stage.hub.fault(FaultTarget::upload_pack(ID), answer, Times::Forever);
    let (held, mut released) = crate::cancelling::held();
    let request = stage.request(None, held);
    let log = stage.hub.log();
    let received = async {
        let is_sent = |log: &local_hub::RequestLog| log.requests().len() == 2 && log.in_flight() == 0;
        assert!(log.until(crate::support::PATIENCE, is_sent).await, "{log}");
    };
    let source = hf_transport::GitMetadata::new(stage.client());
    tokio::select! {
        outcome = hf_transport::MetadataSource::fetch(&source, request) => panic!("{outcome:?}"),
        () = received => {}
    }
    let began = Instant::now();
    tokio::time::timeout(crate::support::PATIENCE, &mut released).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
