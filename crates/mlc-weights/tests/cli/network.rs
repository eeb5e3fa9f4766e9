//! Exit status 6: the network, after retries. These tests take as long as the delays between the retries.

use local_hub::{Fault, FaultTarget, Times};

use crate::world::World;

/// One line says what is wrong, without the libraries' own messages.
#[test]
fn a_name_that_cannot_be_found() {
    let (world, model) = World::with_tiny();
    let ran = world.cli(&["download", &model.url]).env("HF_ENDPOINT", "https://hub.invalid").run();
    let cause = "  because: cannot reach hub.invalid: its name cannot be found\n  are you online? ";
    ran.check_failure(6, &[cause]);
    assert_eq!(ran.stderr.matches("because").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("asking the hub for").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_server_without_tls() {
    let (world, model) = World::with_tiny();
    let endpoint = world.hub.endpoint().replace("http://", "https://");
    let ran = world.cli(&["download", &model.url]).env("HF_ENDPOINT", endpoint).run();
    ran.check_failure(
        6,
        &["it does not speak https\n", "  if it serves plain http, write its address with http://"],
    );
    assert!(!ran.stderr.contains("InvalidContentType"), "{}", ran.stderr);
}

#[test]
fn an_unreachable_proxy_is_named_as_the_cause() {
    let (world, model) = World::with_tiny();
    let ran =
        world.cli(&["download", &model.url]).env("ALL_PROXY", "socks5://me:hf_secret@127.0.0.1:1").run();
    ran.check_failure(
        6,
        &[
            "cannot list the references of",
            "the proxy socks5://127.0.0.1:1 (set by ALL_PROXY) cannot be reached",
            "check that the proxy is running and its address is right",
        ],
    );
    assert!(!ran.stderr.contains("hf_secret"), "{}", ran.stderr);
    assert!(world.hub.log().is_empty());
}

/// The retry and its reason are reported once for all attempts, and once more at the end.
#[test]
fn a_hub_under_maintenance_is_quoted() {
    let (world, model) = World::with_tiny();
    let maintenance = Fault::Status {
        code: 503,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: r#"{"error":"The hub is down for maintenance."}"#.to_owned(),
    };
    world.hub.fault(FaultTarget::info_refs(""), maintenance, Times::Forever);
    let ran = world.cli(&["download", &model.url]).run();
    for words in [
        "error: gave up on the metadata of mlc-ai/tiny after 6 attempts in ",
        "returned status 503: the hub is temporarily unavailable",
        "the hub says: The hub is down for maintenance.",
        "\n  to resume, run the same command again; to use a proxy, set HTTP_PROXY;",
    ] {
        ran.check_failure(6, &[words]);
    }
    assert_eq!(ran.stderr.matches("; trying again in ").count(), 1, "{}", ran.stderr);
    assert_eq!(world.hub.log().count(), 6);
    world.check_untouched();
}

#[test]
fn a_rate_limited_hub_is_not_asked_again_and_is_named() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(429), Times::Forever);
    let advice = "wait a while, then run the same command again";
    let raise = "an access token (HF_TOKEN) raises the limit";
    let ran = world.cli(&["download", &model.url]).run();
    ran.check_failure(6, &["reports too many requests", advice, raise]);
    let ran = world.cli(&["download", &model.url]).env("HF_TOKEN", "hf_mine").run();
    ran.check_failure(6, &[advice]);
    assert!(!ran.stderr.contains(raise), "{}", ran.stderr);
}

#[test]
fn transient_trouble_is_no_failure() {
    let (world, model) = World::with_tiny();
    world.hub.fault(FaultTarget::info_refs(""), Fault::status(503), Times::Once);
    world.hub.fault(FaultTarget::resolve("params_shard_0.bin"), Fault::status(502), Times::Once);
    world.hub.fault(FaultTarget::data("params_shard_1.bin"), Fault::Reset { after: 10_000 }, Times::Once);
    let ran = world.download(&model);
    let said = |words| ran.stderr.matches(words).count();
    // A connection that breaks midway is replaced without a delay.
    assert_eq!((said("; trying again in "), said("; trying again\n")), (2, 1), "{}", ran.stderr);
    assert_eq!(model.differences(&world.entry(&model)), [""; 0]);
}
