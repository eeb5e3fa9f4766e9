//! Metadata over the API, where no git is served; and commits without a name, which git proves where it
//! is served.

mod lists;

use std::sync::Arc;
use std::time::Duration;

use hf_transport::{Error, ErrorKind, HubMetadata, KeepAlive, MetadataSource as _, Proof};
use local_hub::{Access, Fault, FaultTarget, LocalHub, ModelFixture, Route, Times};

use crate::support::{Fetched, ID, PATIENCE, Stage, TOKEN, assert_nothing_secret, chain, listing};

use lists::json;

/// A hub whose first commit no longer has a name, and which serves no commits by id.
fn nameless_commit(hub: LocalHub) -> (Stage, String) {
    let old = ModelFixture::new(ID).plain_file("sub/folder/text #1.txt", "text").plain_file("empty", "");
    let mut stage = Stage::on(hub, &old);
    let commit = stage.model.commit.clone();
    let new = stage.hub.publish(&ModelFixture::new(ID).seed(1));
    // The old commit is expected, whatever follows it.
    stage.model.commit.clone_from(&commit);
    assert_ne!(new.commit, commit);
    (stage, commit)
}

fn usual() -> (Stage, String) {
    nameless_commit(crate::support::hub())
}

/// The same on a hub without git.
fn without_git() -> (Stage, String) {
    let (stage, commit) = usual();
    stage.hub.fault(FaultTarget::info_refs(ID), Fault::status(404), Times::Forever);
    (stage, commit)
}

/// The listing of a commit's files on such a hub.
fn list() -> FaultTarget {
    FaultTarget::api(ID)
}

async fn fetch<'a>(stage: &Stage, revision: impl Into<Option<&'a str>>) -> Result<Fetched, Error> {
    let held = Arc::new(());
    let request = stage.request(revision.into(), Arc::clone(&held) as KeepAlive);
    let (tree, scratch) = (request.export_to.clone(), request.scratch_parent.clone());
    let outcome = HubMetadata::new(stage.client()).fetch(request).await;
    if let Err(error) = &outcome {
        assert_nothing_secret(error);
    }
    assert!(listing(&scratch).is_empty());
    assert_eq!(Arc::strong_count(&held), 1, "a job goes on after the end of the fetch");
    Ok(Fetched { snapshot: outcome?, tree })
}

/// The fetch must return the model as it was in its first commit.
#[track_caller]
fn check_whole(stage: &Stage, fetched: &Fetched) {
    assert_eq!(fetched.snapshot.commit.to_string(), stage.model.commit);
    let mut expected: Vec<_> =
        stage.model.files.iter().map(|file| (file.path.clone(), file.size, file.lfs)).collect();
    expected.sort();
    assert_eq!(fetched.listed(), expected);
    for file in stage.model.files.iter().filter(|file| !file.lfs) {
        assert_eq!(fetched.read(&file.path), file.bytes(), "{}", file.path);
    }
}

#[tokio::test]
async fn a_commit_that_git_does_not_send_alone_is_fetched_with_its_history_and_proven() {
    let (stage, commit) = usual();
    let fetched = fetch(&stage, &*commit).await.unwrap();
    check_whole(&stage, &fetched);
    assert_eq!(fetched.snapshot.proof, Proof::Git);
    let log = stage.hub.log();
    assert_eq!((log.route(Route::UploadPack).count(), log.route(Route::Api).count()), (1, 0), "{log}");
}

/// Whatever the API says.
#[tokio::test]
async fn a_commit_that_is_not_in_the_history_is_not_taken_from_the_api() {
    let (stage, _) = usual();
    let forged = json(
        r#"[{"type":"file","path":"a","oid":"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391","size":0}]"#,
        None,
    );
    stage.hub.fault(FaultTarget::api(ID), forged, Times::Forever);
    stage.hub.fault(
        FaultTarget::resolve("a"),
        Fault::Status { code: 200, headers: Vec::new(), body: String::new() },
        Times::Forever,
    );
    let error = fetch(&stage, "0123456789abcdef0123456789abcdef01234567").await.unwrap_err();
    assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
    assert_eq!(stage.hub.log().route(Route::Api).count(), 0, "{}", stage.hub.log());
}

/// A history that is too long does not lead to the API either.
#[tokio::test]
async fn a_history_over_the_limit_is_an_error() {
    let (stage, commit) = usual();
    let stage = stage.with(|config| config.max_metadata_bytes = 500);
    let error = fetch(&stage, &*commit).await.unwrap_err();
    assert!(matches!(error, Error::TooMuchMetadata { .. }), "{error:?}");
    assert_eq!(stage.hub.log().route(Route::Api).count(), 0, "{}", stage.hub.log());
}

#[tokio::test]
async fn where_no_git_is_served_a_commit_comes_over_the_api_by_its_word() {
    let (stage, commit) = without_git();
    let fetched = fetch(&stage, &*commit).await.unwrap();
    check_whole(&stage, &fetched);
    assert_eq!(fetched.snapshot.proof, Proof::Word);
    let log = stage.hub.log();
    assert_eq!((log.route(Route::UploadPack).count(), log.route(Route::Api).count()), (0, 1), "{log}");
    let plain = stage.model.files.iter().filter(|file| !file.lfs).count();
    assert_eq!(log.resolve().count(), plain, "one question for each plain file: {log}");
    for request in log.requests() {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()), "{log}");
    }
}

/// Responses to git's first request that show that there is no git.
fn ways_to_serve_no_git(other: &LocalHub, commit: &str) -> Vec<Fault> {
    let coded = Fault::Status {
        code: 404,
        headers: vec![("x-error-code".to_owned(), "RepoNotFound".to_owned())],
        body: String::new(),
    };
    let dumb = format!("{commit}\trefs/heads/main\n");
    let text = |body: &str| Fault::Status { code: 200, headers: Vec::new(), body: body.to_owned() };
    let statuses = [400, 401, 403, 404, 405, 410, 501].map(Fault::status);
    let others = [
        coded,
        Fault::Html,
        json("{}", None),
        text(""),
        text(&dumb),
        Fault::redirect(302, &format!("{}/login?next=/user/model/info/refs", other.endpoint())),
        Fault::redirect(302, "ftp://login.example/"),
        Fault::redirect(307, "refs"),
    ];
    statuses.into_iter().chain(others).collect()
}

#[tokio::test]
async fn where_no_git_is_served_every_revision_comes_over_the_api() {
    let stage = Stage::new(&ModelFixture::new(ID).tag("v1"));
    let old = stage.model.commit.clone();
    let new = stage.hub.publish(&ModelFixture::new(ID).seed(1)).commit;
    let other = crate::support::hub();
    other.fault(FaultTarget::any(""), Fault::Html, Times::Forever);
    let revisions = [
        (None, &new),
        (Some("HEAD"), &new),
        (Some("main"), &new),
        (Some("v1"), &old),
        (Some(&*old), &old),
        (Some(&old[..7]), &old),
    ];
    for way in ways_to_serve_no_git(&other, &new) {
        stage.hub.clear_faults();
        stage.hub.fault(FaultTarget::info_refs(ID), way.clone(), Times::Forever);
        for (revision, commit) in revisions {
            let fetched = fetch(&stage, revision).await;
            assert!(fetched.is_ok(), "{way:?}, {revision:?}: {fetched:?}");
            let snapshot = fetched.unwrap().snapshot;
            assert_eq!((&snapshot.commit.to_string(), snapshot.proof), (commit, Proof::Word));
        }
    }
    assert!(!stage.client().has_served_git());
    assert_eq!(stage.hub.log().route(Route::UploadPack).count(), 0);
}

#[tokio::test]
async fn a_failure_of_git_is_not_its_absence() {
    let quick = |net: &mut net::NetSettings| net.idle_timeout = Duration::from_millis(200);
    for trouble in [
        Fault::status(408),
        Fault::status(429),
        Fault::status(500),
        Fault::status(503),
        Fault::Refuse,
        Fault::NoAnswer,
        Fault::Truncate { after: 10 },
    ] {
        let stage = Stage::usual().with_net(quick);
        stage.hub.fault(FaultTarget::info_refs(ID), trouble.clone(), Times::Forever);
        let error = fetch(&stage, None).await.unwrap_err();
        assert!(error.is_transient(), "{trouble:?}: {error:?}");
        assert_eq!(stage.hub.log().route(Route::Api).count(), 0, "{trouble:?}");
    }
}

/// The hub's reason is reported, whether git or the API gives it.
#[tokio::test]
async fn missing_and_private_models_are_reported_as_such() {
    let is_missing = |error: &Error| matches!(error, Error::MissingOrPrivate { .. });
    let no_git = || Fault::status(404);
    let mut missing = Stage::usual();
    missing.model.url = "HF://user/missing".to_owned();
    for token in [None, Some(hf_transport::Token::new(TOKEN).unwrap())] {
        missing.set(|config| config.token = token);
        for git in [None, Some(no_git()), Some(Fault::Html)] {
            missing.hub.clear_faults();
            if let Some(git) = git {
                missing.hub.fault(FaultTarget::info_refs(""), git, Times::Once);
            }
            let error = fetch(&missing, None).await.unwrap_err();
            assert!(is_missing(&error), "{error:?}");
        }
    }
    // A pure git server that requires a login.
    let stage = Stage::usual();
    stage.hub.fault(FaultTarget::info_refs(ID), Fault::status(401), Times::Once);
    stage.hub.fault(FaultTarget::api(ID), Fault::status(404), Times::Once);
    let error = fetch(&stage, None).await.unwrap_err();
    assert!(is_missing(&error) && format!("{error:?}").contains("/info/refs"), "{error:?}");

    let gated = Stage::new(&ModelFixture::new(ID).access(Access::Gated(vec!["hf_member".to_owned()])));
    for git in [None, Some(no_git())] {
        if let Some(git) = git {
            gated.hub.fault(FaultTarget::info_refs(""), git, Times::Forever);
        }
        let error = fetch(&gated, None).await.unwrap_err();
        assert!(matches!(error, Error::Gated { .. }), "{error:?}");
    }
    // The first refusal needed no second request.
    assert_eq!(gated.hub.log().route(Route::Api).count(), 1, "{}", gated.hub.log());
}

#[tokio::test]
async fn a_server_of_neither_is_reported_with_both_responses() {
    let stage = Stage::usual();
    let plain = format!("{}\trefs/heads/main\n", stage.model.commit);
    let dumb = Fault::Status { code: 200, headers: Vec::new(), body: plain };
    for (git, api, words) in [
        (
            Fault::status(404),
            Fault::status(403),
            ["over git: http", "api/models/user/model returned status 403"],
        ),
        (Fault::Html, Fault::Html, ["instead of application/x-git", "instead of application/json"]),
        (dumb, Fault::status(501), ["serves git over its older HTTP protocol", "returned status 501"]),
    ] {
        stage.hub.fault(FaultTarget::info_refs(ID), git, Times::Forever);
        stage.hub.fault(FaultTarget::api(ID), api, Times::Forever);
        let error = fetch(&stage, None).await.unwrap_err();
        stage.hub.clear_faults();
        assert!(matches!(error, Error::NoMetadata { .. }), "{error:?}");
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Refused, false));
        let endpoint = stage.hub.endpoint();
        let expected = format!("{endpoint} serves user/model neither over git nor over a hub's API");
        assert!(error.to_string().starts_with(&expected), "{error}");
        let all = chain(&error);
        assert!(words.iter().all(|words| all.contains(words)), "{all}");
    }
}

#[tokio::test]
async fn a_renamed_model_is_requested_by_its_new_name() {
    let (mut stage, commit) = without_git();
    stage.hub.rename(ID, "user/present");
    stage.hub.fault(FaultTarget::info_refs(""), Fault::status(404), Times::Forever);
    for revision in [None, Some(&*commit)] {
        stage.set(|_| ());
        let log = stage.hub.log().from_now();
        fetch(&stage, revision).await.unwrap();
        assert_eq!(stage.client().renamed(&stage.id()).unwrap().to_string(), "user/present");
        // The git requests, the API's first response, and files for which the hub redirects to its
        // cache.
        let moved = log.route(Route::Api).status(307).count() + log.resolve().status(307).count();
        assert_eq!(moved, 1 + log.route(Route::ResolveCache).count(), "{log}");
    }
}

/// Like Nexus: it describes a model, perhaps without digests, and has no listing.
#[tokio::test]
async fn without_a_list_the_models_description_has_the_files() {
    let hub = || LocalHub::builder().files_in(env!("CARGO_TARGET_TMPDIR"));
    for has_digests in [true, false] {
        for hub in [hub(), hub().serves_files_itself()] {
            let fixture = ModelFixture::new(ID).plain_file("sub/text #1.txt", "text").plain_file("empty", "");
            let stage = Stage::on(hub.start(), &fixture);
            stage.hub.fault(FaultTarget::info_refs(ID), Fault::status(400), Times::Forever);
            stage.hub.fault(list().skip(1), Fault::status(400), Times::Once);
            if !has_digests {
                let names =
                    stage.model.files.iter().map(|file| format!(r#"{{"rfilename":"{}"}}"#, file.path));
                let told = format!(r#"{{"siblings":[{}]}}"#, names.collect::<Vec<_>>().join(","));
                stage.hub.fault(list().skip(1), json(&told, None), Times::Once);
            }
            check_whole(&stage, &fetch(&stage, "main").await.unwrap());
            let asked = stage.hub.log().method("HEAD").count();
            assert_eq!(asked > 0, !has_digests, "{}", stage.hub.log());
        }
    }
}

#[tokio::test]
async fn file_names_in_a_models_description_are_not_trusted() {
    let refused = async |told: String, words: &str| {
        let (stage, commit) = without_git();
        stage.hub.fault(list(), Fault::status(400), Times::Once);
        stage.hub.fault(list(), json(&told, None), Times::Once);
        stage.hub.fault(FaultTarget::resolve("unknown"), json("{}", None), Times::Forever);
        let error = fetch(&stage, &*commit).await.unwrap_err();
        assert!(chain(&error).contains(words), "{}", chain(&error));
        assert!(!error.is_transient(), "{error:?}");
    };
    let file = |name: &str| format!(r#"{{"rfilename":"{name}"}}"#);
    let told = |files: &[String]| format!(r#"{{"siblings":[{}]}}"#, files.join(","));
    refused("{}".to_owned(), "it is not a list of files").await;
    refused(told(&[file("../x")]), "contains the unsafe path `../x`").await;
    refused(told(&[file("README.md"), file("README.md")]), "it is listed twice").await;
    refused(told(&[file("unknown")]), "the hub does not give its digest").await;
    let many: Vec<String> = (0..=100_000).map(|number| file(&number.to_string())).collect();
    refused(told(&many), "it is not a list of files").await;
}

#[tokio::test]
async fn compressed_answers_are_decoded() {
    for (stage, commit) in [usual(), without_git()] {
        stage.hub.fault(FaultTarget::any(""), Fault::Gzip, Times::Forever);
        check_whole(&stage, &fetch(&stage, commit.as_str()).await.unwrap());
    }
}

#[tokio::test]
async fn a_commit_that_git_sends_needs_no_api() {
    let (stage, commit) = usual();
    let repository = stage.hub.repository(ID).unwrap();
    let allow = ["config", "uploadpack.allowReachableSHA1InWant", "true"];
    stage.hub.git().run(&repository, &allow, b"").unwrap();
    check_whole(&stage, &fetch(&stage, &*commit).await.unwrap());
    assert_eq!(stage.hub.log().route(Route::Api).count(), 0, "{}", stage.hub.log());
}

#[tokio::test]
async fn an_unknown_commit_is_an_unknown_revision() {
    let unknown = "0123456789abcdef0123456789abcdef01234567";
    for (stage, _) in [usual(), without_git()] {
        let error = fetch(&stage, unknown).await.unwrap_err();
        assert!(matches!(error, Error::RevisionNotFound { .. }), "{error:?}");
        assert!(error.to_string().starts_with(&format!("{ID} has no revision `{unknown}`")), "{error}");
    }
}

#[tokio::test]
async fn names_take_precedence_over_abbreviated_commits() {
    let (stage, old) = usual();
    let new = stage.plumbing().run(&["rev-parse", "main"], b"");
    for (commit, digits) in [(&old, 7), (&old, 39), (&new, 12)] {
        let fetched = fetch(&stage, &commit[..digits]).await.unwrap();
        assert_eq!(fetched.snapshot.commit.to_string(), *commit);
    }
    // A tag of that name takes precedence, and costs no request.
    stage.plumbing().set(&format!("refs/tags/{}", &old[..7]), &new);
    let log = stage.hub.log().from_now();
    let fetched = fetch(&stage, &old[..7]).await.unwrap();
    assert_eq!(fetched.snapshot.commit.to_string(), new);
    assert_eq!(log.route(Route::Api).count(), 0, "{log}");

    let error = fetch(&stage, "0123456").await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("{ID} has no revision `0123456`")), "{error}");
}

#[tokio::test]
async fn a_hub_without_abbreviated_commits_is_reported_as_such() {
    let (stage, commit) = usual();
    stage.hub.fault(FaultTarget::api(ID), Fault::status(404), Times::Forever);
    let error = fetch(&stage, &commit[..7]).await.unwrap_err();
    assert!(matches!(error, Error::NoShortCommits { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "{ID} has no branch or tag `{}`, and this hub does not resolve abbreviated commits",
            &commit[..7]
        )
    );
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Refused, false));
    // Text that cannot abbreviate a commit is not requested there.
    let log = stage.hub.log().from_now();
    fetch(&stage, "v1").await.unwrap_err();
    assert_eq!(log.route(Route::Api).count(), 0, "{log}");
}

#[tokio::test]
async fn an_abbreviated_commit_is_not_taken_from_an_unexpected_response() {
    let (stage, commit) = usual();
    for (body, problem) in [
        ("{}", "it does not name a commit"),
        ("[]", "it does not name a commit"),
        (r#"{"sha":"main"}"#, "it does not name a commit"),
        (
            r#"{"sha":"0123456789abcdef0123456789abcdef01234567"}"#,
            "it names a commit that begins differently",
        ),
    ] {
        stage.hub.fault(FaultTarget::api(ID), json(body, None), Times::Once);
        let error = fetch(&stage, &commit[..7]).await.unwrap_err();
        assert!(error.to_string().ends_with(&format!("returned an unusable response: {problem}")), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_the_commits_is_refused() {
    for fault in [
        Fault::Corrupt { at: 3 },
        Fault::TooLong { by: 1 },
        Fault::TooShort { by: 1 },
        Fault::NoContentLength,
    ] {
        let (stage, commit) = without_git();
        stage.hub.fault(FaultTarget::resolve_cache("text #1.txt"), fault.clone(), Times::Once);
        let is_harmless = matches!(fault, Fault::NoContentLength);
        match fetch(&stage, &*commit).await {
            Ok(fetched) => {
                assert!(is_harmless, "{fault:?}");
                check_whole(&stage, &fetched);
            }
            Err(error) => {
                assert!(!is_harmless, "{fault:?}: {error}");
                assert!(matches!(error, Error::WrongContent { .. }), "{fault:?}: {error:?}");
                assert_eq!(error.kind(), ErrorKind::Integrity);
                let expected =
                    "`sub/folder/text #1.txt` of user/model is not the file that the commit contains";
                assert!(error.to_string().starts_with(expected), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn temporary_failures_are_transient() {
    for (target, fault) in [
        (list(), Fault::status(503)),
        (list(), Fault::rate_limited(1)),
        (list(), Fault::Truncate { after: 20 }),
        (FaultTarget::resolve("empty"), Fault::status(502)),
        (FaultTarget::resolve_cache("README.md"), Fault::Reset { after: 10 }),
    ] {
        let (stage, commit) = without_git();
        stage.hub.fault(target, fault.clone(), Times::Once);
        let error = fetch(&stage, &*commit).await.unwrap_err();
        assert!(error.is_transient(), "{fault:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_response_that_is_too_slow_is_abandoned() {
    for target in [list(), FaultTarget::resolve_cache("README.md")] {
        let (stage, commit) = without_git();
        let idle = Duration::from_millis(200);
        let stage = stage.with_net(|net| {
            net.idle_timeout = idle;
            net.floor = net::Floor { bytes: 1_000_000, window: idle };
        });
        stage.hub.fault(target, Fault::SlowDrip { bytes: 1, every: idle / 10 }, Times::Forever);
        let error = fetch(&stage, &*commit).await.unwrap_err();
        assert!(matches!(error, Error::Net(net::Error::TooSlow { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn dropping_the_future_ends_the_requests() {
    for target in [list(), FaultTarget::resolve("README.md"), FaultTarget::resolve_cache("README.md")] {
        let (stage, commit) = without_git();
        let stage = stage.with_net(|net| net.idle_timeout = 100 * PATIENCE);
        stage.hub.fault(target, Fault::NoAnswer, Times::Once);
        let held = Arc::new(());
        let request = stage.request(Some(&commit), Arc::clone(&held) as KeepAlive);
        let source = HubMetadata::new(stage.client());
        let log = stage.hub.log();
        // Apart from the refusals of git's request.
        let is_held_up =
            |log: &local_hub::RequestLog| log.requests().iter().filter(|one| one.fault.is_some()).count() > 2;
        tokio::select! {
            outcome = source.fetch(request) => panic!("{outcome:?}"),
            held_up = log.until(PATIENCE, is_held_up) => assert!(held_up, "{log}"),
        }
        assert_eq!(Arc::strong_count(&held), 1, "nothing is left running");
        assert!(log.until(PATIENCE, |log| log.in_flight() == 0).await, "{log}");
    }
}
