//! The hub's refusals of git requests.

use std::time::Duration;

use hf_transport::{Error, ErrorKind, Token};
use local_hub::{Access, Fault, FaultTarget, ModelFixture, Times};

use crate::support::{ID, PATIENCE, Stage, TOKEN, chain};

fn stage_with(access: Access) -> Stage {
    Stage::new(&ModelFixture::new(ID).access(access))
}

fn anonymous(stage: Stage) -> Stage {
    stage.with(|config| config.token = None)
}

/// Checks the errors of fetches in which one of the two requests gets this response.
async fn check_each(stage: &mut Stage, fault: Fault, check: impl Fn(&Error)) {
    for target in [FaultTarget::info_refs(ID), FaultTarget::upload_pack(ID)] {
        stage.forget_waits();
        stage.hub.fault(target, fault.clone(), Times::Once);
        let error = stage.fetch_error().await;
        assert_eq!(stage.hub.faults_left(), 0, "{error:?}");
        check(&error);
    }
}

#[tokio::test]
async fn missing_and_private_repositories_need_a_name_or_a_token() {
    let private = || stage_with(Access::Private(vec!["hf_other".to_owned(), TOKEN.to_owned()]));
    private().fetch_whole().await;
    let mut missing = Stage::usual();
    missing.model.url = "HF://user/missing".to_owned();
    let stages = [anonymous(private()), missing];
    let words = ["is missing, private, or needs a token", "is missing, or the access token may not read it"];
    for (stage, words) in stages.into_iter().zip(words) {
        let error = stage.fetch_error().await;
        assert!(matches!(error, Error::MissingOrPrivate { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Refused);
        let message = error.to_string();
        assert!(message.starts_with(&format!("{} {words}", stage.id())), "{message}");
        assert_eq!(stage.hub.log().git().count(), 1, "a refusal is not tried again here");
    }
}

#[tokio::test]
async fn gated_repositories_name_the_page_to_ask_at() {
    let gated = || stage_with(Access::Gated(vec!["hf_member".to_owned()]));
    let member = |stage: Stage| stage.with(|config| config.token = Some(Token::new("hf_member").unwrap()));
    let stranger = |stage: Stage| {
        stage.hub.publish(&ModelFixture::new("user/other").access(Access::Gated(vec![TOKEN.to_owned()])));
        stage
    };
    member(gated()).fetch_whole().await;
    for stage in [anonymous(gated()), stranger(gated())] {
        let error = stage.fetch_error().await;
        assert!(matches!(error, Error::Gated { .. }), "{error:?}");
        let page = format!("its owner grants access at {}/user/model", stage.hub.endpoint());
        assert!(error.to_string().contains(&page), "{error}");
        assert!(
            error.to_string().contains("the hub says: Access to model user/model is restricted"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn bad_tokens_and_disabled_repositories_are_told_apart() {
    let stage = stage_with(Access::Private(vec!["hf_other".to_owned()]));
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::BadToken { .. }), "{error:?}");
    let error = stage_with(Access::Disabled).fetch_error().await;
    assert!(matches!(error, Error::Disabled { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn servers_in_trouble_are_worth_another_try() {
    let mut stage = Stage::usual();
    for code in [408, 500, 502, 503, 504] {
        check_each(&mut stage, Fault::status(code), |error| {
            assert!(matches!(error, Error::Unavailable { status, .. } if *status == code), "{error:?}");
            assert!(error.is_transient());
            assert!(error.to_string().contains(&format!("returned status {code}")), "{error}");
            // The response's text, not only its status.
            assert!(error.to_string().contains("the hub says: the local hub was told"), "{error}");
        })
        .await;
    }
}

#[tokio::test]
async fn limits_say_how_long_to_wait() {
    let mut stage = Stage::usual();
    for (fault, wait) in [
        (Fault::rate_limited(7), Some(Duration::from_secs(7))),
        (Fault::retry_after(429, "3"), Some(Duration::from_secs(3))),
        (Fault::status(429), None),
    ] {
        check_each(&mut stage, fault, |error| {
            assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
            assert_eq!(error.server_wait(), wait);
            assert!(error.is_transient());
        })
        .await;
    }
    check_each(&mut stage, Fault::retry_after(503, "4"), |error| {
        assert_eq!(error.server_wait(), Some(Duration::from_secs(4)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn other_statuses_are_final() {
    let mut stage = Stage::usual();
    for code in [400, 402, 403, 410, 418, 451] {
        check_each(&mut stage, Fault::status(code), |error| {
            assert!(matches!(error, Error::UnexpectedStatus { status, .. } if *status == code), "{error:?}");
            assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Refused, false));
        })
        .await;
    }
    check_each(&mut stage, Fault::status(401), |error| {
        assert!(matches!(error, Error::MissingOrPrivate { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn web_pages_are_not_taken_for_git() {
    let mut stage = Stage::usual();
    check_each(&mut stage, Fault::Html, |error| {
        assert!(matches!(error, Error::NotAHub { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Refused);
        let message = error.to_string();
        assert!(message.contains("returned text/html; charset=utf-8 instead of application/x-git-"));
        let words = "; it says: a web page, \"Sign in\": Please accept the terms of this network.";
        assert!(message.ends_with(words), "{message}");
    })
    .await;
    for (value, shown) in [(Some("text/plain"), "text/plain"), (None, "no content type")] {
        let header = Fault::Header { name: "content-type".to_owned(), value: value.map(str::to_owned) };
        check_each(&mut stage, header, |error| {
            assert!(matches!(error, Error::NotAHub { .. }), "{error:?}");
            assert!(error.to_string().contains(&format!("returned {shown} instead of")), "{error}");
        })
        .await;
    }
    let with_parameter = "application/x-git-upload-pack-advertisement; charset=utf-8".to_owned();
    let header = Fault::Header { name: "content-type".to_owned(), value: Some(with_parameter) };
    stage.hub.fault(FaultTarget::info_refs(ID), header, Times::Once);
    stage.fetch_whole().await;
}

#[tokio::test]
async fn an_answer_of_the_right_type_may_still_be_nonsense() {
    let refs = "application/x-git-upload-pack-advertisement";
    let pack = "application/x-git-upload-pack-result";
    let stage = Stage::usual();
    for (target, content_type, body) in [
        (FaultTarget::info_refs(ID), refs, "<html>"),
        (FaultTarget::info_refs(ID), refs, ""),
        (FaultTarget::info_refs(ID), refs, "001e# service=git-upload-pack\n0000ffff"),
        (FaultTarget::upload_pack(ID), pack, ""),
        (FaultTarget::upload_pack(ID), pack, "0008NAK\n"),
        (FaultTarget::upload_pack(ID), pack, "0000"),
        (FaultTarget::upload_pack(ID), pack, "00000008NAK\nPACK"),
    ] {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        stage.hub.fault(target, Fault::Status { code: 200, headers, body: body.to_owned() }, Times::Once);
        let fetch = tokio::time::timeout(PATIENCE, stage.fetch_error());
        let error = fetch.await.unwrap();
        assert!(matches!(error, Error::Git { .. }), "{body:?}: {error:?}");
        assert!(error.is_transient(), "{body:?}");
    }
}

/// libgit2 quotes the server in its own messages.
#[tokio::test]
async fn text_that_libgit2_quotes_is_made_fit_for_a_message() {
    const WORDS: &str = "\u{1b}]0;title\u{7} \u{9b}2J\nerror: forged gpj.\u{202e}exe hf_s3cret bob:pass@host";
    let stage = Stage::usual();
    let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let format = format!("{} HEAD\0object-format={WORDS}\n", "1".repeat(40));
    let start = packet("# service=git-upload-pack\n") + "0000";
    for list in [packet(&format!("ERR {WORDS}")), packet(&format)] {
        let headers =
            vec![("content-type".to_owned(), "application/x-git-upload-pack-advertisement".to_owned())];
        let fault = Fault::Status { code: 200, headers, body: format!("{start}{list}0000") };
        stage.hub.fault(FaultTarget::info_refs(ID), fault, Times::Once);
        let error = stage.fetch_error().await;
        let shown = format!("{} {error:?}", chain(&error));
        assert!(shown.contains("title"), "the words are to be told: {shown:?}");
        for unfit in ["\u{1b}", "\u{7}", "\u{9b}", "\n", "\u{202e}", TOKEN, "bob:pass"] {
            assert!(!shown.contains(unfit), "{unfit:?} in {shown:?}");
        }
    }
}
