//! Locating many large files in one request.

use std::time::{Duration, SystemTime};

use hf_transport::{Error, ErrorKind, HubClient, LfsPointer, LocatedObject, Reach};
use local_hub::{Access, Fault, FaultTarget, LocalHub, ModelFixture, Route, Times};
use serde_json::{Value, json};
use url_parse::RepoPath;

use crate::support::{ID, Stage, TOKEN, assert_nothing_secret};

/// The large files of the stage's model.
fn objects(stage: &Stage) -> Vec<(RepoPath, LfsPointer)> {
    let digits = |sha256: &str, at: usize| u8::from_str_radix(&sha256[2 * at..2 * at + 2], 16).unwrap();
    let files = stage.model.files.iter().filter(|file| file.lfs);
    let object = files.map(|file| {
        let oid = std::array::from_fn(|at| digits(&file.sha256, at));
        (file.path.parse().unwrap(), LfsPointer { oid, size: file.size })
    });
    object.collect()
}

async fn locate_with(client: &HubClient, stage: &Stage) -> Result<Vec<Result<LocatedObject, Error>>, Error> {
    let outcome = client.locate_objects(&stage.id(), &objects(stage)).await;
    if let Err(error) = &outcome {
        assert_nothing_secret(error);
    }
    outcome
}

async fn locate(stage: &Stage) -> Result<Vec<Result<LocatedObject, Error>>, Error> {
    locate_with(&stage.client(), stage).await
}

/// A response with this for the first object, and nothing for the others.
fn answer(stage: &Stage, object: &Value) -> Fault {
    let mut object = object.clone();
    let shard = stage.model.files.iter().find(|file| file.lfs).unwrap();
    object["oid"] = shard.sha256.as_str().into();
    object["size"] = shard.size.into();
    Fault::lfs_answer(json!({"transfer": "basic", "objects": [object]}).to_string())
}

/// The result for the first object with this response.
async fn first(stage: &Stage, object: &Value) -> Result<LocatedObject, Error> {
    stage.hub.fault(FaultTarget::lfs_batch(ID), answer(stage, object), Times::Once);
    locate(stage).await.unwrap().swap_remove(0)
}

#[tokio::test]
async fn all_are_on_the_data_host() {
    let stage = Stage::usual();
    let located = locate(&stage).await.unwrap();
    assert!(located.len() > 3);
    for ((path, _), located) in objects(&stage).iter().zip(located) {
        let located = located.unwrap();
        assert!(located.url.as_str().starts_with(&format!("{}/xet-bridge-us/", stage.hub.data_origin())));
        assert!(located.url.query().unwrap().contains(path.as_str()), "each in its place");
        assert!(located.headers.is_empty(), "the data host has no business with the token");
        let left = located.expires_at.unwrap().duration_since(SystemTime::now()).unwrap();
        assert!((Duration::from_secs(3500)..=Duration::from_secs(3600)).contains(&left), "{left:?}");
        assert_eq!(located.reach, Reach::Loopback, "as near as the hub");
        assert!(!format!("{located:?}").contains("Signature"), "{located:?}");
    }
    let [request] = &stage.hub.log().requests()[..] else { panic!("one") };
    assert_eq!((request.method.as_str(), request.route), ("POST", Route::LfsBatch));
    assert_eq!(request.path, format!("/{ID}.git/info/lfs/objects/batch"));
    for name in ["accept", "content-type"] {
        assert_eq!(request.header(name), Some("application/vnd.git-lfs+json"));
    }
    assert_eq!(request.header("authorization"), Some("Bearer hf_s3cret"));
}

#[tokio::test]
async fn the_hubs_own_origin_gets_the_token_unless_the_answer_has_something_else() {
    let stage = Stage::usual();
    let own = format!("{}/{ID}/objects/1", stage.hub.endpoint());
    let action = |header: Value| json!({"actions": {"download": {"href": own, "header": header}}});
    let located = first(&stage, &action(Value::Null)).await.unwrap();
    assert_eq!(located.headers["authorization"], format!("Bearer {TOKEN}"));
    let located = first(&stage, &action(json!({"Authorization": "RemoteAuth x"}))).await.unwrap();
    assert_eq!(located.headers["authorization"], "RemoteAuth x");
    let mut whole = action(json!({"X-Amz-Date": "x"}));
    whole["authenticated"] = true.into();
    let located = first(&stage, &whole).await.unwrap();
    assert_eq!(located.headers.keys().collect::<Vec<_>>(), ["x-amz-date"]);
}

#[tokio::test]
async fn one_object_may_be_refused() {
    let stage = Stage::usual();
    for (code, kind) in [(404, ErrorKind::Refused), (422, ErrorKind::Refused), (503, ErrorKind::Network)] {
        let words = format!("No\u{1b}[31m such {TOKEN} object");
        let error = first(&stage, &json!({"error": {"code": code, "message": words}})).await.unwrap_err();
        assert_nothing_secret(&error);
        assert_eq!(error.kind(), kind);
        let words = error.to_string();
        assert!(
            words.contains(&format!("returned status {code} for `params_shard_0.bin` of {ID}")),
            "{words}"
        );
        assert!(words.contains("the hub says: No [31m such … object"), "{words}");
    }
    let error =
        first(&stage, &json!({"actions": {"download": {"href": "ftp://host/s3cret"}}})).await.unwrap_err();
    assert!(matches!(&error, Error::UnusableObject { .. }), "{error:?}");
    assert_nothing_secret(&error);
    assert!(!stage.client().has_refused_batches());
}

#[tokio::test]
async fn refusals_are_remembered_but_not_failures() {
    let mut stage = Stage::usual();
    let long = Fault::lfs_answer(vec![b' '; (4 << 20) + 1]);
    for (fault, is_final) in [
        (Fault::status(404), true),
        (Fault::status(403), true),
        (Fault::status(501), true),
        (Fault::Html, true),
        (Fault::redirect(302, "http://127.0.0.1:1/"), true),
        (Fault::lfs_answer("{}"), true),
        (long, true),
        (Fault::status(500), false),
        (Fault::rate_limited(1), false),
        (Fault::Truncate { after: 10 }, false),
    ] {
        stage.hub.fault(FaultTarget::lfs_batch(ID), fault.clone(), Times::N(2));
        let client = stage.client();
        let error = locate_with(&client, &stage).await.unwrap_err();
        stage.hub.clear_faults();
        assert_eq!((error.is_transient(), client.has_refused_batches()), (!is_final, is_final), "{error:?}");
        stage.set(|_| ());
        stage.set_net(|net| net.gates = net::Gates::default());
    }
}

#[tokio::test]
async fn a_host_that_refuses_the_token_as_bearer_gets_it_as_a_password() {
    let private = ModelFixture::new(ID).access(Access::Private(vec![TOKEN.to_owned()]));
    let hub = LocalHub::builder().git_host().files_in(env!("CARGO_TARGET_TMPDIR")).start();
    let stage = Stage::on(hub, &private);
    for _ in 0..2 {
        assert!(locate(&stage).await.unwrap().iter().all(Result::is_ok));
    }
    let asked = stage.hub.log().requests();
    let sent: Vec<_> =
        asked.iter().filter_map(|asked| asked.header("authorization")?.split(' ').next()).collect();
    assert_eq!(sent, ["Bearer", "Basic", "Basic"]);
    assert!(stage.client().has_served_lfs());
}

#[tokio::test]
async fn a_renamed_model_is_found() {
    let stage = Stage::usual();
    stage.hub.rename(ID, "user/renamed");
    assert!(locate(&stage).await.unwrap().iter().all(Result::is_ok));
}
