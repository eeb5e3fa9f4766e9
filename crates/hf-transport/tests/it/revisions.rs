//! Resolving revisions to commits.

use hf_transport::{Error, ErrorKind};
use local_hub::{Fault, FaultTarget, Hold, LocalHub, ModelFixture, Route, Times};

use crate::support::{ID, PATIENCE, Stage, chain};

/// Two commits on `main`; the second is also on a branch and has tags. Returns the first's id.
fn two_commits() -> (Stage, String) {
    let first = ModelFixture::without_files(ID).plain_file("a.txt", "first").tag("v1");
    let mut stage = Stage::new(&first);
    let old = stage.model.commit.clone();
    let second = ModelFixture::without_files(ID).plain_file("a.txt", "second").tag("v2").tag("refs/pr/1");
    stage.model = stage.hub.publish(&second);
    let plumbing = stage.plumbing();
    plumbing.set("refs/heads/feature/x", &old);
    plumbing.run(&["tag", "-a", "v1-annotated", "-m", "The first", &old], b"");
    plumbing.run(&["tag", "-a", "v1-twice", "-m", "A tag of a tag", "v1-annotated"], b"");
    (stage, old)
}

fn allow(hub: &LocalHub, setting: &str) {
    let repository = hub.repository(ID).unwrap();
    hub.git().run(&repository, &["config", setting, "true"], b"").unwrap();
}

#[tokio::test]
async fn names_lead_to_their_commits() {
    let (stage, old) = two_commits();
    let new = &stage.model.commit;
    for (revision, commit, content) in [
        (None, new, "second"),
        (Some("HEAD"), new, "second"),
        (Some("main"), new, "second"),
        (Some("refs/heads/main"), new, "second"),
        (Some("v2"), new, "second"),
        (Some("refs/pr/1"), new, "second"),
        (Some("v1"), &old, "first"),
        (Some("refs/tags/v1"), &old, "first"),
        (Some("feature/x"), &old, "first"),
        (Some("v1-annotated"), &old, "first"),
        (Some("v1-twice"), &old, "first"),
    ] {
        let fetched = stage.fetch_revision(revision).await.unwrap();
        assert_eq!(fetched.snapshot.commit.to_string(), *commit, "{revision:?}");
        assert_eq!(fetched.read("a.txt"), content.as_bytes(), "{revision:?}");
    }
}

#[tokio::test]
async fn a_branch_comes_before_a_tag_and_a_commit_before_a_branch() {
    let (stage, old) = two_commits();
    let new = stage.model.commit.clone();
    let plumbing = stage.plumbing();
    plumbing.set("refs/tags/both", &new);
    plumbing.set("refs/heads/both", &old);
    // A user with push access can give a branch the name of a commit.
    plumbing.set(&format!("refs/heads/{new}"), &old);
    for (revision, commit) in [("both", &old), (&new, &new)] {
        let fetched = stage.fetch_revision(Some(revision)).await.unwrap();
        assert_eq!(fetched.snapshot.commit.to_string(), *commit, "{revision}");
    }
}

#[tokio::test]
async fn a_commit_at_a_tip_is_fetched_alone() {
    let (stage, old) = two_commits();
    for commit in [&stage.model.commit, &old] {
        let log = stage.hub.log().from_now();
        let fetched = stage.fetch_revision(Some(commit)).await.unwrap();
        assert_eq!(fetched.snapshot.commit.to_string(), *commit);
        assert_eq!(log.git().count(), 2, "{log}");
    }
}

/// A stage whose first commit no longer has a name.
fn nameless_commit() -> (Stage, String) {
    let mut stage = Stage::with_file("a.txt", "first");
    let old = stage.model.commit.clone();
    stage.model = stage.hub.publish(&ModelFixture::without_files(ID).plain_file("a.txt", "second"));
    (stage, old)
}

#[tokio::test]
async fn a_commit_without_a_name_is_found_either_way() {
    let (stage, old) = nameless_commit();
    // First from a server that serves no commit by its id, then from one that does.
    for setting in [None, Some("uploadpack.allowReachableSHA1InWant")] {
        if let Some(setting) = setting {
            allow(&stage.hub, setting);
        }
        let log = stage.hub.log().from_now();
        let fetched = stage.fetch_revision(Some(&old)).await.unwrap();
        assert_eq!(fetched.snapshot.commit.to_string(), old, "{setting:?}");
        assert_eq!(fetched.read("a.txt"), b"first", "{setting:?}");
        assert_eq!(log.route(Route::UploadPack).count(), 1, "{setting:?}: {log}");
    }
}

#[tokio::test]
async fn unknown_revisions_are_named() {
    let (stage, _) = two_commits();
    let unknown = "0123456789abcdef0123456789abcdef01234567";
    for allowed in [false, true] {
        if allowed {
            allow(&stage.hub, "uploadpack.allowAnySHA1InWant");
        }
        for revision in ["v3", "refs/heads/v2", "refs/pr/2", "feature", unknown] {
            let error = stage.fetch_revision(Some(revision)).await.unwrap_err();
            assert!(matches!(error, Error::RevisionNotFound { .. }), "{revision}: {error:?}");
            let expected = format!("user/model has no revision `{revision}`");
            assert!(error.to_string().starts_with(&expected), "{error}");
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert!(!error.is_transient());
        }
    }
}

#[tokio::test]
async fn a_tag_of_something_else_is_no_revision() {
    let stage = Stage::usual();
    let plumbing = stage.plumbing();
    let blob = plumbing.blob(b"text");
    plumbing.set("refs/tags/blob", &blob);
    plumbing.set("refs/tags/tree", &plumbing.tree(&[("100644", b"a", &blob)]));
    for revision in ["blob", "tree"] {
        let error = stage.fetch_revision(Some(revision)).await.unwrap_err();
        assert!(matches!(error, Error::BrokenCommit { .. }), "{revision}: {error:?}");
        assert!(chain(&error).contains("the reference leads to no commit"), "{error:?}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn tags_are_not_followed_without_end() {
    let stage = Stage::usual();
    let plumbing = stage.plumbing();
    let tag = |object: &str, kind: &str, message: &str| {
        let text = format!(
            "object {object}\ntype {kind}\ntag t\ntagger Hub <hub@example.invalid> 0 +0000\n\n{message}\n"
        );
        plumbing.run(&["hash-object", "-t", "tag", "-w", "--stdin"], text.as_bytes())
    };
    let nested = |depth: usize| {
        let first = tag(&stage.model.commit, "commit", "");
        (1..depth).fold(first, |below, _| tag(&below, "tag", ""))
    };
    plumbing.set("refs/tags/deep", &nested(8));
    plumbing.set("refs/tags/deeper", &nested(9));
    plumbing.set("refs/tags/long", &tag(&stage.model.commit, "commit", &"long ".repeat(300_000)));
    stage.fetch_revision(Some("deep")).await.unwrap();
    let error = stage.fetch_revision(Some("deeper")).await.unwrap_err();
    assert!(matches!(error, Error::BrokenCommit { .. }), "{error:?}");
    let error = stage.fetch_revision(Some("long")).await.unwrap_err();
    assert!(matches!(error, Error::TooMuchMetadata { .. }), "{error:?}");
}

#[tokio::test]
async fn an_empty_repository_says_so() {
    let stage = Stage::new(&ModelFixture::new(ID).empty_repository());
    for revision in [None, Some("main"), Some("0123456789abcdef0123456789abcdef01234567")] {
        let error = stage.fetch_revision(revision).await.unwrap_err();
        assert!(matches!(error, Error::EmptyRepository { .. }), "{error:?}");
        assert_eq!(error.to_string(), "user/model is an empty repository: there is nothing to download");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}

#[tokio::test]
async fn a_default_branch_that_does_not_exist_is_missed() {
    let stage = Stage::new(&ModelFixture::new(ID).head("trunk"));
    let error = stage.fetch_error().await;
    assert_eq!(error.to_string(), "user/model has no revision `HEAD`");
    assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
    let fetched = stage.fetch_revision(Some("main")).await.unwrap();
    assert_eq!(fetched.snapshot.commit.to_string(), stage.model.commit);
}

#[tokio::test]
async fn names_that_are_not_utf8_do_no_harm() {
    let stage = Stage::usual();
    stage.plumbing().add_packed_reference(b"refs/heads/caf\xe9", &stage.model.commit);
    stage.fetch_whole().await;
    let fetched = stage.fetch_revision(Some(&stage.model.commit)).await.unwrap();
    assert_eq!(fetched.snapshot.commit.to_string(), stage.model.commit);
}

/// Runs a fetch, and changes the branch after it was listed and before its objects are requested.
async fn while_fetching(stage: &Stage, change: impl FnOnce(&LocalHub)) -> Result<String, Error> {
    let hold = Hold::new();
    stage.hub.fault(FaultTarget::upload_pack(ID), Fault::Hold(hold.clone()), Times::Once);
    let meanwhile = async {
        let log = stage.hub.log().route(Route::UploadPack);
        assert!(log.until(PATIENCE, |log| log.count() == 1).await, "{}", stage.hub.log());
        change(&stage.hub);
        hold.release();
    };
    let (fetched, ()) = tokio::join!(stage.fetch(), meanwhile);
    fetched.map(|fetched| fetched.snapshot.commit.to_string())
}

#[tokio::test]
async fn a_branch_that_moves_forward_meanwhile_is_what_it_was() {
    let stage = Stage::usual();
    let next = ModelFixture::new(ID).seed(2);
    let commit = while_fetching(&stage, |hub| drop(hub.publish(&next))).await.unwrap();
    assert_eq!(commit, stage.model.commit);
}

#[tokio::test]
async fn a_branch_that_is_replaced_meanwhile_is_refused() {
    let mut stage = Stage::usual();
    let next = ModelFixture::new(ID).seed(2);
    let error = while_fetching(&stage, |hub| drop(hub.replace(&next))).await.unwrap_err();
    assert!(matches!(error, Error::GitRefused { .. }), "{error:?}");
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Refused, false));
    assert!(
        error.to_string().contains("refuses to send git objects of user/model; the hub says: "),
        "{error}"
    );
    assert!(error.to_string().contains(&stage.model.commit), "{error}");
    stage.model = stage.hub.publish(&next);
    stage.fetch_whole().await;
}

#[tokio::test]
async fn servers_that_know_no_depth_send_the_history() {
    let stage = Stage::new(&ModelFixture::new(ID).history(5, 500_000));
    let hide = Fault::WithoutCapability("shallow".to_owned());
    stage.hub.fault(FaultTarget::info_refs(ID), hide, Times::Forever);
    stage.fetch_whole().await;
    assert!(stage.hub.log().bytes_sent() > 500_000, "{}", stage.hub.log());

    let stage = stage.with(|config| config.max_metadata_bytes = 400_000);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::TooMuchMetadata { .. }), "{error:?}");
}
