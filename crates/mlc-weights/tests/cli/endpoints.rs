//! How the hub is reached: its address, proxies and certificates.

use std::path::Path;

use local_hub::{LocalHub, LocalProxy, ModelFixture, PublishedModel};

use crate::world::{Cli, Ran, World};

fn tiny() -> ModelFixture {
    ModelFixture::new("mlc-ai/tiny")
}

fn with(hub: LocalHub) -> (World, PublishedModel) {
    let world = World::around(hub);
    let model = world.hub.publish(&tiny());
    (world, model)
}

fn with_tls() -> (World, PublishedModel) {
    with(LocalHub::builder().tls().start())
}

fn download(world: &World, model: &PublishedModel) -> Cli {
    world.cli(&["download", &model.url])
}

#[track_caller]
fn check(world: &World, model: &PublishedModel, ran: &Ran) {
    ran.check_path(&world.entry(model));
    assert_eq!(model.differences(&world.entry(model)), [""; 0]);
    let log = world.hub.log();
    assert!(!log.git().is_empty() && !log.resolve().is_empty() && !log.data().is_empty(), "{log}");
}

#[test]
fn a_path_a_port_and_a_slash() {
    let (world, model) = with(LocalHub::builder().path_prefix("/mirror/hf").start());
    let endpoint = format!("{}//", world.hub.endpoint());
    let ran = download(&world, &model).env("HF_ENDPOINT", endpoint).run();
    check(&world, &model, &ran);
    let log = world.hub.log();
    assert!(log.hub().requests().iter().all(|request| request.path.starts_with("/mirror/hf/")), "{log}");
}

#[test]
fn a_url_may_be_the_address_at_the_hub_that_is_set() {
    for prefix in ["", "/mirror/hf"] {
        let (world, model) = with(LocalHub::builder().path_prefix(prefix).start());
        let url = format!("{}/mlc-ai/tiny", world.hub.endpoint());
        let ran = world.cli(&["download", &url]).run();
        check(&world, &model, &ran);
        for command in ["path", "remove"] {
            let ran = world.cli(&[command, &url]).run();
            assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        }
    }
    let (world, _) = World::with_tiny();
    let ran = world.cli(&["download", "https://hf-mirror.example/mlc-ai/tiny"]).run();
    ran.check_failure(2, &["set HF_ENDPOINT=https://hf-mirror.example and write `HF://mlc-ai/tiny`"]);
    let list = world.beside("list");
    std::fs::write(&list, format!("{}/mlc-ai/tiny@main\n", world.hub.endpoint())).unwrap();
    let ran = world.cli(&["download", "--from-file", list.to_str().unwrap()]).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(!world.hub.log().resolve().is_empty());
}

#[test]
fn a_private_authority_in_a_file() {
    let (world, model) = with_tls();
    let ran = download(&world, &model).env("SSL_CERT_FILE", world.ca_file()).run();
    check(&world, &model, &ran);
}

#[test]
fn private_authorities_in_folders() {
    let (world, model) = with_tls();
    let folders = [world.beside("empty"), world.beside("certificates")];
    std::fs::create_dir(&folders[1]).unwrap();
    std::fs::write(folders[1].join("README"), "not a certificate").unwrap();
    std::fs::copy(world.ca_file(), folders[1].join("our own.pem")).unwrap();
    let ran = download(&world, &model).env("SSL_CERT_DIR", &folders[1]).run();
    check(&world, &model, &ran);
    let both = std::env::join_paths(&folders).unwrap();
    let ran = download(&world, &model).arg("--force").env("SSL_CERT_DIR", both).run();
    ran.check_failure(2, &["SSL_CERT_DIR", folders[0].to_str().unwrap(), "No such file"]);
}

#[test]
fn certificates_that_cannot_be_used() {
    let (world, model) = with_tls();
    let file = world.beside("file");
    std::fs::write(&file, "not a certificate").unwrap();
    let broken = world.beside("broken");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    let nowhere = world.beside("nowhere");
    let check = |path: &Path, words: &[&str]| {
        download(&world, &model).env("SSL_CERT_FILE", path).run().check_failure(2, words);
    };
    check(&file, &["SSL_CERT_FILE", file.to_str().unwrap(), "there is no certificate in it"]);
    check(&nowhere, &["SSL_CERT_FILE", nowhere.to_str().unwrap(), "No such file"]);
    check(&broken, &["CA certificates cannot be used"]);
    assert!(world.hub.log().is_empty());
}

#[test]
fn an_unknown_certificate_is_refused_without_a_retry() {
    let other = LocalHub::builder().tls().start();
    let (world, model) = with_tls();
    let ca_file = world.beside("other.pem");
    std::fs::write(&ca_file, other.ca_certificate()).unwrap();
    let ran = download(&world, &model).env("SSL_CERT_FILE", ca_file).run();
    let endpoint = world.hub.endpoint();
    ran.check_failure(
        4,
        &[
            &format!("cannot list the references of {endpoint}/mlc-ai/tiny: "),
            "the server's certificate is not trusted",
            "SSL_CERT_FILE",
            "because: ",
        ],
    );
    assert!(!ran.stderr.contains("trying again"), "{}", ran.stderr);
    assert!(world.hub.log().is_empty());
    crate::world::until(|| world.hub.failed_handshakes() == 1);
}

#[test]
fn a_proxy_for_https() {
    let (world, model) = with_tls();
    let proxy = LocalProxy::start();
    let ran = download(&world, &model)
        .env("HTTPS_PROXY", proxy.url())
        .env("http_proxy", "http://127.0.0.1:1")
        .env("SSL_CERT_FILE", world.ca_file())
        .run();
    check(&world, &model, &ran);
    check_tunnels(&world, &proxy);
}

/// Every connection to the hub and the data host went through the proxy.
#[track_caller]
fn check_tunnels(world: &World, proxy: &LocalProxy) {
    let tunnels = proxy.requests();
    assert!(tunnels.iter().all(|request| request.method == "CONNECT" && request.refused.is_none()));
    for host in [world.hub.endpoint(), world.hub.data_origin()] {
        let host = host.strip_prefix("https://").unwrap();
        assert!(tunnels.iter().any(|request| request.target == host), "{host}: {tunnels:?}");
    }
    // A connection that was opened in advance may end without a request.
    assert!(tunnels.len() >= world.hub.log().connections(), "{tunnels:?}");
}

/// Without TLS, at an address that only the proxy can reach.
#[test]
fn a_plain_hub_behind_proxies_of_every_kind() {
    for kind in ["http", "https", "socks4a", "socks5", "socks5h"] {
        let (world, model) = World::with_tiny();
        let proxy = if kind == "https" { LocalProxy::with_tls() } else { LocalProxy::start() };
        // Nothing listens on port 1.
        let hub = if kind == "socks4a" { "hub.invalid:1" } else { "[::1]:1" };
        proxy.lead(hub, &world.hub.endpoint());
        let certificates = world.beside("certificates.pem");
        std::fs::write(&certificates, proxy.ca_certificate()).unwrap();
        let cli = download(&world, &model)
            .env("HF_ENDPOINT", format!("http://{hub}"))
            .env("ALL_PROXY", proxy.url_as(kind));
        let cli = if kind == "https" { cli.env("SSL_CERT_FILE", certificates) } else { cli };
        check(&world, &model, &cli.run());
    }
}

/// Checks how the client asks a proxy of this kind for a connection, and whether the proxy resolves names.
#[track_caller]
fn check_kind(kind: &str, method: &str, looks_up: bool) {
    let (world, model) = with_tls();
    let proxy = if kind == "https" { LocalProxy::with_tls() } else { LocalProxy::start() };
    let port = world.hub.endpoint().rsplit_once(':').unwrap().1.to_owned();
    // `localhost` may resolve to that address.
    proxy.lead(&format!("[::1]:{port}"), &world.hub.endpoint());
    let certificates = world.beside("certificates.pem");
    std::fs::write(&certificates, [world.hub.ca_certificate(), proxy.ca_certificate()].concat()).unwrap();
    let ran = download(&world, &model)
        .env("HF_ENDPOINT", format!("https://localhost:{port}"))
        .env("ALL_PROXY", format!("{}/", proxy.url_as(kind)))
        .env("SSL_CERT_FILE", certificates)
        .run();
    check(&world, &model, &ran);
    let tunnels = proxy.requests();
    assert!(tunnels.iter().all(|request| request.method == method), "{kind}: {tunnels:?}");
    let is_named = tunnels.iter().any(|request| request.target == format!("localhost:{port}"));
    assert_eq!(is_named, looks_up, "{kind}: {tunnels:?}");
    assert!(tunnels.len() >= world.hub.log().connections(), "{kind}: {tunnels:?}");
}

#[test]
fn proxies_of_every_kind() {
    check_kind("http", "CONNECT", true);
    check_kind("https", "CONNECT", true);
    check_kind("socks4", "SOCKS4", false);
    check_kind("socks4a", "SOCKS4", true);
    check_kind("socks5", "SOCKS5", false);
    check_kind("socks5h", "SOCKS5", true);
    check_kind("socks", "SOCKS5", true);
}

#[test]
fn a_proxy_for_http() {
    let (world, model) = World::with_tiny();
    let proxy = LocalProxy::start();
    let ran = download(&world, &model).env("HTTP_PROXY", proxy.url()).run();
    check(&world, &model, &ran);
    let forwarded = proxy.requests();
    assert_eq!(forwarded.len(), world.hub.log().count());
    for host in [world.hub.endpoint(), world.hub.data_origin()] {
        assert!(forwarded.iter().any(|request| request.target.starts_with(&host)), "{host}: {forwarded:?}");
    }
}

#[test]
fn hosts_that_are_reached_directly() {
    let (world, model) = World::with_tiny();
    let proxy = LocalProxy::start();
    let [hub, data_host] = [world.hub.endpoint(), world.hub.data_origin()];
    let exceptions = format!("{hub},{data_host}").replace("http://", "");
    let ran = download(&world, &model).env("ALL_PROXY", proxy.url()).env("NO_PROXY", &exceptions).run();
    check(&world, &model, &ran);
    assert!(proxy.requests().is_empty(), "{exceptions}");
}

#[test]
fn a_proxy_with_a_login() {
    let (world, model) = with_tls();
    let proxy = LocalProxy::with_login();
    let cli = || download(&world, &model).env("SSL_CERT_FILE", world.ca_file());
    let ran = cli().env("HTTPS_PROXY", proxy.url_with_login()).env("RUST_LOG", "trace").run();
    check(&world, &model, &ran);
    check_tunnels(&world, &proxy);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
}

#[test]
fn a_proxy_with_an_unknown_certificate_is_not_trusted() {
    let (world, model) = with_tls();
    let proxy = LocalProxy::with_tls();
    let ran =
        download(&world, &model).env("HTTPS_PROXY", proxy.url()).env("SSL_CERT_FILE", world.ca_file()).run();
    let words = format!("the certificate of the proxy {} (set by HTTPS_PROXY) is not trusted", proxy.url());
    ran.check_failure(4, &[&words, "SSL_CERT_FILE"]);
    assert!(world.hub.log().is_empty());
}

#[test]
fn a_proxy_that_wants_a_login_says_so_once() {
    for (variable, kind, refusals) in [("HTTP_PROXY", "http", [407, 407]), ("ALL_PROXY", "socks5", [255, 1])]
    {
        let (world, model) = World::with_tiny();
        let proxy = LocalProxy::with_login();
        let url = proxy.url_as(kind);
        let wrong = url.replace("://", "://user:distinctive@");
        let words = format!("the proxy {url} (set by {variable}) requires a valid login");
        for url in [url, wrong] {
            let ran = download(&world, &model).env(variable, url).env("RUST_LOG", "trace").run();
            let advice = "  write user and password into the proxy's address";
            ran.check_failure(4, &["cannot list the references of", &words, advice]);
            assert!(!ran.stderr.contains("distinctive"), "{}", ran.stderr);
        }
        let refused: Vec<_> = proxy.requests().iter().filter_map(|request| request.refused).collect();
        assert_eq!(refused, refusals);
        assert!(world.hub.log().is_empty());
    }
}
