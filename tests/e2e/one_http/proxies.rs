//! Whose fault a failure behind a proxy is.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use local_hub::{Fault, LocalHub, LocalHubBuilder, LocalProxy, Times};
use net::Hop;
use url_parse::ErrorKind;

use super::{Stage, USERS, User};

#[tokio::test]
async fn a_proxy_that_wants_a_login_is_final() {
    for hub in [LocalHub::builder, || LocalHub::builder().tls()] {
        for user in USERS {
            let mut stage = Stage::on(hub());
            let proxy = LocalProxy::with_login();
            stage.settings.ca_certificates = stage.trusted();
            stage.settings.proxy.all = Some(proxy.url().parse().unwrap());
            let failed = stage.ask(user).await.unwrap_err();
            assert!(failed.words.contains(" requires a valid login"), "{failed:?}");
            assert!(failed.words.contains(&format!("the proxy {} requires", proxy.url())), "{failed:?}");
            assert_eq!((failed.kind, failed.hop), (ErrorKind::Refused, Some(Hop::Proxy)));
            assert_eq!(proxy.requests().len(), 1, "{:?}", proxy.requests());
            stage.settings.proxy.all = Some(proxy.url_with_login().parse().unwrap());
            stage.ask(user).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_error_names_the_server_that_failed() {
    for user in USERS {
        let mut stage = Stage::new();
        let server = if user == User::Hub { Hop::Hub } else { Hop::DataHost };
        stage.fault(user, Fault::Refuse, Times::Once);
        let failed = stage.ask(user).await.unwrap_err();
        assert_eq!((failed.kind, failed.hop), (ErrorKind::Network, Some(server)), "{failed:?}");
        // Nothing listens there.
        stage.settings.proxy.http = Some("http://user:s3cret@127.0.0.1:1".parse().unwrap());
        let failed = stage.ask(user).await.unwrap_err();
        assert_eq!((failed.kind, failed.hop), (ErrorKind::Network, Some(Hop::Proxy)), "{failed:?}");
        assert!(failed.words.contains("the proxy http://127.0.0.1:1 cannot be reached"), "{failed:?}");
        assert!(!failed.words.contains("s3cret"), "{failed:?}");
    }
}

/// The message if this proxy is set for everything, in one attempt by each user.
async fn check_proxy(hub: fn() -> LocalHubBuilder, proxy: &str, words: &str) {
    for user in USERS {
        let mut stage = Stage::on(hub());
        stage.settings.ca_certificates = stage.trusted();
        stage.settings.idle_timeout = Duration::from_secs(1);
        stage.settings.proxy.all = Some(proxy.parse().unwrap());
        let failed = stage.ask(user).await.unwrap_err();
        assert!(failed.words.contains(&format!("the proxy {proxy}{words}")), "{user:?}: {failed:?}");
        assert_eq!((failed.kind, stage.requests(user)), (ErrorKind::Network, 0), "{user:?}: {failed:?}");
    }
}

/// A server that accepts connections, sends this, and nothing more.
fn speaker(says: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut connection in listener.incoming().flatten() {
            // The client may have gone.
            let _written = connection.write_all(says);
            open.push(connection);
        }
    });
    address
}

#[tokio::test]
async fn a_failure_of_a_proxy_is_reported_as_the_proxys() {
    let (plain, tls) = (LocalHub::builder, || LocalHub::builder().tls());
    for hub in [plain as fn() -> LocalHubBuilder, tls] {
        for nobody in
            ["http://127.0.0.1:1", "https://127.0.0.1:1", "socks4a://127.0.0.1:1", "socks5://127.0.0.1:1"]
        {
            check_proxy(hub, nobody, " cannot be reached").await;
        }
        check_proxy(hub, "http://proxy.invalid:3128", " cannot be reached").await;
    }
    let banner = speaker(b"SSH-2.0-OpenSSH\r\n");
    check_proxy(plain, &format!("http://{banner}"), " gave an unusable response").await;
    check_proxy(tls, &format!("http://{banner}"), " could not connect to it").await;
    check_proxy(plain, &format!("socks4://{banner}"), " could not connect to it").await;
    check_proxy(plain, &format!("socks5://{banner}"), " could not connect to it").await;
    let refusal = speaker(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
    check_proxy(tls, &format!("http://{refusal}"), " could not connect to it").await;
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_named() {
    let mut stage = Stage::new();
    stage.settings.idle_timeout = Duration::from_millis(400);
    let proxy = format!("http://{}", speaker(b""));
    stage.settings.proxy.http = Some(proxy.parse().unwrap());
    let failed = stage.ask(User::Hub).await.unwrap_err();
    assert!(
        failed.words.contains(&format!(" through the proxy {proxy}: it sent nothing for 0.4 s")),
        "{failed:?}"
    );
}
