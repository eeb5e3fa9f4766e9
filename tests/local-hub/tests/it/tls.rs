//! TLS with the hub's own authority, and the proxy.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use local_hub::{LocalHub, LocalProxy, ModelFixture};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

use crate::client::{receive, receive_head};

const PATIENCE: Duration = Duration::from_secs(20);

/// The head of the response to a request over TLS on this connection, from a server with this name.
fn get_over_tls(
    tcp: TcpStream,
    name: &str,
    path: &str,
    ca_certificate: Option<&str>,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    if let Some(certificate) = ca_certificate {
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tls = ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
    let mut tcp = tcp;
    let mut stream = Stream::new(&mut tls, &mut tcp);
    write!(stream, "HEAD {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn address(url: &str) -> String {
    url.split_once("://").unwrap().1.to_owned()
}

/// A connection to the proxy, with its answer to this request.
fn ask(proxy: &LocalProxy, request: &str) -> (std::io::BufReader<TcpStream>, u16) {
    let mut stream = TcpStream::connect(address(&proxy.url())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut stream = std::io::BufReader::new(stream);
    let status = receive_head(&mut stream).unwrap().status;
    (stream, status)
}

#[test]
fn hub_and_data_host_speak_tls() {
    let hub = LocalHub::builder().tls().start();
    let model = hub.publish(&ModelFixture::new("mlc-ai/tiny"));
    assert!(hub.endpoint().starts_with("https://127.0.0.1:"));
    let resolve = format!("/mlc-ai/tiny/resolve/{}/params_shard_0.bin", model.commit);
    let ca = Some(hub.ca_certificate());
    let connect = |url: &str| TcpStream::connect(address(url)).unwrap();
    let answer = get_over_tls(connect(&hub.endpoint()), "127.0.0.1", &resolve, ca).unwrap();
    assert!(answer.contains(&format!("location: {}/xet-bridge-us/", hub.data_origin())), "{answer}");
    let location = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let path = location.strip_prefix(&hub.data_origin()).unwrap();
    let answer = get_over_tls(connect(&hub.data_origin()), "localhost", path, ca).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!((hub.log().count(), hub.failed_handshakes()), (2, 0));
}

#[test]
fn clients_without_the_authority_cannot_connect() {
    let hub = LocalHub::builder().tls().start();
    let stranger = LocalHub::builder().tls().start();
    for ca in [None, Some(stranger.ca_certificate())] {
        let tcp = TcpStream::connect(address(&hub.endpoint())).unwrap();
        get_over_tls(tcp, "127.0.0.1", "/", ca).unwrap_err();
    }
    // The hub notices a moment after the client has gone.
    let deadline = std::time::Instant::now() + PATIENCE;
    while hub.failed_handshakes() < 2 && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!((hub.log().count(), hub.failed_handshakes()), (0, 2));
}

#[test]
fn a_silent_connection_delays_no_other() {
    let hub = LocalHub::builder().tls().start();
    let _silent = TcpStream::connect(address(&hub.endpoint())).unwrap();
    let tcp = TcpStream::connect(address(&hub.endpoint())).unwrap();
    let answer = get_over_tls(tcp, "127.0.0.1", "/", Some(hub.ca_certificate())).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[test]
fn the_proxy_leads_to_a_hub_under_another_name() {
    let hub = LocalHub::builder().tls_for(&["huggingface.co"]).start();
    let proxy = LocalProxy::start();
    proxy.lead("huggingface.co:443", &hub.endpoint());
    let (stream, status) =
        ask(&proxy, "CONNECT huggingface.co:443 HTTP/1.1\r\nHost: huggingface.co:443\r\n\r\n");
    assert_eq!(status, 200);
    let answer =
        get_over_tls(stream.into_inner(), "huggingface.co", "/", Some(hub.ca_certificate())).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let [request] = &proxy.requests()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", "huggingface.co:443"));
    assert_eq!(hub.log().count(), 1);
}

#[test]
fn the_proxy_forwards_plain_requests() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new("mlc-ai/tiny"));
    let proxy = LocalProxy::start();
    let url = format!("{}/mlc-ai/tiny/resolve/{}/nothing", hub.endpoint(), model.commit);
    let mut stream = TcpStream::connect(address(&proxy.url())).unwrap();
    write!(stream, "GET {url} HTTP/1.1\r\nHost: hub\r\nProxy-Authorization: x\r\nX-Mine: y\r\n\r\n").unwrap();
    let answer = receive(&mut std::io::BufReader::new(stream), "GET").unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (404, "Entry not found"));
    assert_eq!(proxy.requests()[0].target, url);
    let [request] = &hub.log().requests()[..] else { panic!("one request") };
    assert_eq!((request.header("x-mine"), request.header("proxy-authorization")), (Some("y"), None));
}

#[test]
fn the_proxy_may_want_a_login() {
    let proxy = LocalProxy::with_login();
    assert!(proxy.url_with_login().contains("//user:secret@"));
    let request = |login: &str| format!("CONNECT {} HTTP/1.1\r\n{login}\r\n", address(&proxy.url()));
    assert_eq!(ask(&proxy, &request("")).1, 407);
    assert_eq!(ask(&proxy, &request("Proxy-Authorization: Basic dXNlcjp3cm9uZw==\r\n")).1, 407);
    assert_eq!(ask(&proxy, &request("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n")).1, 200);
    let refused: Vec<Option<u16>> = proxy.requests().iter().map(|request| request.refused).collect();
    assert_eq!(refused, [Some(407), Some(407), None]);
}

#[test]
fn the_proxy_reports_an_unreachable_host() {
    let proxy = LocalProxy::start();
    assert_eq!(ask(&proxy, "CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n").1, 502);
    assert_eq!(proxy.requests()[0].refused, Some(502));
}
