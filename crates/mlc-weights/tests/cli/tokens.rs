//! Which access token is used, and where it is sent.

use std::path::Path;

use local_hub::{Access, LocalHub, LocalProxy, ModelFixture, PublishedModel};

use crate::world::{Cli, Ran, World};

const RIGHT: &str = "hf_right";

/// A local hub that poses as huggingface.co, behind a proxy that leads to it.
struct Impersonated {
    world: World,
    proxy: LocalProxy,
    model: PublishedModel,
}

impl Impersonated {
    fn with(fixture: &ModelFixture) -> Self {
        let hub = LocalHub::builder().tls_for(&["huggingface.co"]).token(RIGHT).start();
        let proxy = LocalProxy::start();
        proxy.lead("huggingface.co:443", &hub.endpoint());
        let world = World::around(hub);
        let model = world.hub.publish(fixture);
        Self { world, proxy, model }
    }

    /// A download from `https://huggingface.co`.
    fn cli(&self) -> Cli {
        self.world
            .cli(&["download", &self.model.url])
            .without_env("HF_ENDPOINT")
            .env("HTTPS_PROXY", self.proxy.url())
            .env("SSL_CERT_FILE", self.world.ca_file())
    }

    #[track_caller]
    fn check(&self, ran: &Ran) {
        ran.check_path(&self.world.entry(&self.model));
    }
}

fn tiny() -> ModelFixture {
    ModelFixture::new("mlc-ai/tiny")
}

fn private() -> ModelFixture {
    tiny().access(Access::Private(vec![RIGHT.to_owned()]))
}

/// Stores a token where the hub's login command stores it.
fn log_in(world: &World, token: &str) {
    write(&world.user().join(".cache").join("huggingface").join("token"), token);
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// All requests to the hub carried this token, or none did; the data host never received one.
#[track_caller]
fn check_tokens(world: &World, token: Option<&str>) {
    let log = world.hub.log();
    assert!(!log.hub().is_empty() && !log.data().is_empty(), "{log}");
    for request in log.requests() {
        let is_hub = request.server == local_hub::Server::Hub;
        let expected = token.filter(|_| is_hub).map(|token| format!("Bearer {token}"));
        assert_eq!(request.header("authorization"), expected.as_deref(), "{request}");
    }
}

#[test]
fn the_sources_in_their_order() {
    let named = "named/token";
    let login = "hf_home/token";
    let all = [("HF_TOKEN", "hf_1"), ("HUGGING_FACE_HUB_TOKEN", "hf_2"), ("HF_TOKEN_PATH", named)];
    for (variables, expected) in [
        (&all[..], Some("hf_1")),
        (&all[1..], Some("hf_2")),
        (&all[2..], Some("hf_3")),
        (&[("HF_TOKEN", " \n"), ("HUGGING_FACE_HUB_TOKEN", ""), ("HF_TOKEN_PATH", named)], Some("hf_3")),
        // A stored login is for huggingface.co, and this is another hub.
        (&[], None),
    ] {
        let (world, model) = World::with_tiny();
        write(&world.beside(named), "\u{feff}hf_3\r\n\n");
        write(&world.beside(login), "hf_4");
        let mut cli = world.cli(&["download", &model.url]).env("HF_HOME", world.beside("hf_home"));
        for (name, value) in variables {
            cli = cli.env(name, value);
        }
        cli.run().check_path(&world.entry(&model));
        check_tokens(&world, expected);
    }
}

#[test]
fn a_configured_token_file_must_exist() {
    let world = World::new();
    for (path, words) in [("$HOME/nowhere", "No such file"), ("~", "directory")] {
        let ran = world.cli(&["download", "HF://mlc-ai/tiny"]).env("HF_TOKEN_PATH", path).run();
        ran.check_failure(2, &["HF_TOKEN_PATH", world.user().to_str().unwrap(), words]);
    }
    write(&world.beside("token"), "hf_se\ncret");
    let ran = world.cli(&["download", "HF://mlc-ai/tiny"]).env("HF_TOKEN_PATH", world.beside("token")).run();
    ran.check_failure(2, &["HF_TOKEN_PATH", "a character that is not allowed in a token"]);
    assert!(!ran.stderr.contains("cret"), "{}", ran.stderr);
    assert!(world.hub.log().is_empty());
}

#[cfg(unix)]
#[test]
fn a_login_token_is_sent_to_huggingface_co_only() {
    let hub = Impersonated::with(&private());
    log_in(&hub.world, "hf_right\n");
    hub.check(&hub.cli().run());
    check_tokens(&hub.world, Some(RIGHT));
    let tunnels = hub.proxy.requests();
    assert!(tunnels.iter().all(|request| request.method == "CONNECT"), "{tunnels:?}");
    let secrets = |request: &local_hub::ProxiedRequest| format!("{:?}", request.headers);
    assert!(tunnels.iter().all(|request| !secrets(request).contains(RIGHT)), "{tunnels:?}");
}

#[cfg(unix)]
#[test]
fn a_login_can_be_left_out() {
    let hub = Impersonated::with(&tiny());
    log_in(&hub.world, RIGHT);
    hub.check(&hub.cli().env("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1").run());
    check_tokens(&hub.world, None);
}

#[cfg(unix)]
#[test]
fn an_expired_login_token_is_dropped_with_one_warning() {
    let hub = Impersonated::with(&tiny());
    log_in(&hub.world, "hf_expired");
    let ran = hub.cli().run();
    hub.check(&ran);
    let warning = "warning: https://huggingface.co does not accept the access token that a login has saved";
    assert_eq!(ran.stderr.matches(warning).count(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("hf_expired"));
    let log = hub.world.hub.log();
    assert_eq!(log.with_header("authorization").count(), 1, "{log}");
    assert_eq!(log.status(401).count(), 1, "{log}");
}

#[cfg(unix)]
#[test]
fn a_configured_token_is_not_dropped() {
    let hub = Impersonated::with(&tiny());
    let ran = hub.cli().env("HF_TOKEN", "hf_expired").run();
    ran.check_failure(4, &["the hub does not accept the token in HF_TOKEN", "renew it or remove it"]);
    assert_eq!(hub.world.hub.log().count(), 1);
}

#[cfg(unix)]
#[test]
fn an_unreadable_login_counts_as_none() {
    let hub = Impersonated::with(&tiny());
    std::fs::create_dir_all(hub.world.user().join(".cache/huggingface/token")).unwrap();
    let ran = hub.cli().env("RUST_LOG", "warn").run();
    hub.check(&ran);
    assert!(ran.stderr.contains("cannot use the token that a login has saved"), "{}", ran.stderr);
    check_tokens(&hub.world, None);
}

#[test]
fn a_token_sent_unencrypted_causes_a_warning() {
    let hub = LocalHub::start();
    let proxy = LocalProxy::start();
    proxy.lead("models.example:80", &hub.endpoint());
    let world = World::around(hub);
    let model = world.hub.publish(&tiny());
    let warning = "warning: the access token is sent to http://models.example unencrypted";
    for (token, warnings) in [(Some(RIGHT), 1), (None, 0)] {
        let mut cli = world
            .cli(&["download", &model.url, "--force"])
            .env("HF_ENDPOINT", "http://models.example/")
            .env("HTTP_PROXY", proxy.url());
        if let Some(token) = token {
            cli = cli.env("HF_TOKEN", token);
        }
        let ran = cli.run();
        ran.check_path(&world.entry(&model));
        assert_eq!(ran.stderr.matches(warning).count(), warnings, "{}", ran.stderr);
    }
    let ran = world.cli(&["download", &model.url, "--force"]).env("HF_TOKEN", RIGHT).run();
    assert!(!ran.stderr.contains("unencrypted"), "{}", ran.stderr);
}
