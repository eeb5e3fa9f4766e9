//! Redirects that give up encryption. Over TLS, with an authority of the test's own.

use local_hub::{Fault, FaultTarget, LocalHub, ModelFixture, PublishedModel, Times};

use crate::world::{Cli, World};

/// A hub with TLS, and one without it, with the same model.
fn worlds() -> (World, World, PublishedModel) {
    let fixture = ModelFixture::new("mlc-ai/tiny");
    let (encrypted, plain) = (World::around(LocalHub::builder().tls().start()), World::new());
    plain.hub.publish(&fixture);
    let model = encrypted.hub.publish(&fixture);
    std::fs::write(encrypted.beside("ca.pem"), encrypted.hub.ca_certificate()).unwrap();
    (encrypted, plain, model)
}

fn download(world: &World, model: &PublishedModel) -> Cli {
    world.cli(&["download", &model.url]).env("SSL_CERT_FILE", world.beside("ca.pem"))
}

/// The download is refused with these words, and the hub without TLS is never asked; without the redirect
/// it succeeds.
#[track_caller]
fn check(target: FaultTarget, location: fn(&World, &PublishedModel) -> String, words: &str) {
    let (encrypted, plain, model) = worlds();
    let location = location(&plain, &model);
    encrypted.hub.fault(target, Fault::redirect(302, &location), Times::Forever);
    download(&encrypted, &model).run().check_failure(4, &["params_shard_0.bin", words]);
    assert!(plain.hub.log().is_empty(), "{}", plain.hub.log());
    encrypted.hub.clear_faults();
    download(&encrypted, &model).run().check_path(&encrypted.entry(&model));
}

#[test]
fn of_the_data_host() {
    let data =
        |plain: &World, _: &PublishedModel| format!("{}/anything?Signature=x", plain.hub.data_origin());
    check(FaultTarget::data("params_shard_0.bin"), data, "it leads from https to plain http");
}

#[test]
fn of_the_hub() {
    let resolve = |plain: &World, model: &PublishedModel| {
        format!("{}/mlc-ai/tiny/resolve/{}/params_shard_0.bin", plain.hub.endpoint(), model.commit)
    };
    check(FaultTarget::resolve("params_shard_0.bin"), resolve, "https");
}
