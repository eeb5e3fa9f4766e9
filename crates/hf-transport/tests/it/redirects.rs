//! Hubs that redirect git, and what is sent along. `tests/e2e/one_http.rs` tests which redirects are followed.

use hf_transport::Error;
use local_hub::{Fault, FaultTarget, LocalHub, ModelFixture, Route, Times};

use crate::support::{ID, Stage, config, hub};

/// `info/refs` of a model at another endpoint.
fn refs_at(endpoint: &str, id: &str) -> String {
    format!("{endpoint}/{id}/info/refs?service=git-upload-pack")
}

/// All requests to a hub have the token, or none has.
fn check_token(hub: &LocalHub, is_sent: bool) {
    let with_token = hub.log().with_header("authorization").count();
    assert_eq!(with_token, if is_sent { hub.log().count() } else { 0 }, "{}", hub.log());
}

#[tokio::test]
async fn a_renamed_repository_is_followed_to_the_end() {
    let mut stage = Stage::usual();
    stage.hub.rename(ID, "user/renamed");
    stage.fetch_whole().await;
    let posts = stage.hub.log().route(Route::UploadPack);
    assert_eq!(posts.count(), 1, "the objects are asked for at the new place");
    assert!(posts.requests().iter().all(|post| post.path == "/user/renamed/git-upload-pack"), "{posts}");
    check_token(&stage.hub, true);

    stage.model.url = "HF://USER/Renamed".to_owned();
    stage.fetch_whole().await;
}

#[tokio::test]
async fn an_endpoint_may_have_a_path() {
    let mut stage = Stage::usual();
    let mirror = LocalHub::builder().files_in(env!("CARGO_TARGET_TMPDIR")).path_prefix("/hf/mirror").start();
    mirror.publish(&ModelFixture::new(ID));
    stage.set(|settings| *settings = config(&mirror));
    stage.fetch_whole().await;
    assert!(mirror.log().requests().iter().all(|request| request.path.starts_with("/hf/mirror/user/model/")));
}

#[tokio::test]
async fn the_token_stays_at_the_endpoint() {
    let stage = Stage::usual();
    let other = hub();
    other.publish(&ModelFixture::new(ID));
    other.take_no_token();
    for code in [301, 302, 307, 308] {
        let redirect = Fault::redirect(code, &refs_at(&other.endpoint(), ID));
        stage.hub.fault(FaultTarget::info_refs(ID), redirect, Times::Once);
        stage.fetch_whole().await;
    }
    assert_eq!((stage.hub.log().count(), other.log().count()), (4, 8), "{}", other.log());
    check_token(&stage.hub, true);
    check_token(&other, false);
}

#[tokio::test]
async fn the_request_for_objects_may_be_redirected_too() {
    let stage = Stage::usual();
    let other = hub();
    other.publish(&ModelFixture::new(ID));
    let elsewhere = format!("{}/{ID}/git-upload-pack", other.endpoint());
    stage.hub.fault(FaultTarget::upload_pack(ID), Fault::redirect(307, &elsewhere), Times::Forever);
    stage.fetch_whole().await;
    check_token(&other, false);
    assert!(other.log().requests().iter().all(|post| post.method == "POST" && post.body_received > 0));
}

#[tokio::test]
async fn a_redirect_must_lead_to_a_repository() {
    let stage = Stage::usual();
    let other = hub();
    let headers = vec![("content-type".to_owned(), "application/x-git-upload-pack-advertisement".to_owned())];
    other.fault(
        FaultTarget::any("/login"),
        Fault::Status { code: 200, headers, body: "0000".to_owned() },
        Times::Once,
    );
    let login = format!("{}/login", other.endpoint());
    stage.hub.fault(FaultTarget::info_refs(ID), Fault::redirect(302, &login), Times::Once);
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::Net(net::Error::BadRedirect { .. })), "{error:?}");
    assert!(error.to_string().contains(&format!("redirects to {login}, which is refused")), "{error}");
}
