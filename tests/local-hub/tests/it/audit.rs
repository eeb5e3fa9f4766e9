//! The hub checks where tokens are sent.

use local_hub::{Access, LocalHub, ModelFixture};

use crate::client::{get, request};

const OURS: (&str, &str) = ("User-Agent", "mlc-weights/0.0.0");
const TOKEN: (&str, &str) = ("Authorization", "Bearer hf_secret");

#[track_caller]
fn check(hub: &LocalHub, url: &str, headers: &[(&str, &str)], complaint: Option<&str>) {
    request("HEAD", url, headers).unwrap();
    let violations = hub.take_violations();
    match complaint {
        None => assert!(violations.is_empty(), "{violations:?}"),
        Some(words) => {
            assert!(violations.len() == 1 && violations[0].starts_with(words), "{violations:?}");
        }
    }
}

#[test]
fn a_token_belongs_in_its_header_to_the_hub() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new("mlc-ai/tiny"));
    let resolve = format!("{}/mlc-ai/tiny/resolve/main/params_shard_0.bin", hub.endpoint());
    let data = get(&resolve).location().to_owned();
    check(&hub, &resolve, &[OURS, TOKEN], None);
    check(&hub, &data, &[OURS], None);
    check(&hub, &data, &[OURS, TOKEN], Some("the data host got the token"));
    check(&hub, &data, &[TOKEN], None);
    for elsewhere in [("Cookie", "token=hf_secret"), ("X-Mine", "hf_secret")] {
        check(&hub, &data, &[OURS, elsewhere], Some("the token is in another place than its header"));
    }
    for url in [format!("{resolve}?token=hf_secret"), format!("{}/hf_secret", hub.endpoint())] {
        check(&hub, &url, &[OURS, TOKEN], Some("the token is in another place than its header"));
    }
    hub.take_no_token();
    check(&hub, &resolve, &[OURS], None);
    check(&hub, &resolve, &[OURS, TOKEN], Some("a hub got the token that is not for it"));
}

/// The complaints about requests over one connection, each with a token or without.
fn over_one_connection(hub: &LocalHub, tokens: &[&str]) -> Vec<String> {
    use std::io::{BufReader, Write as _};
    let address = hub.endpoint().replace("http://", "");
    let mut connection = BufReader::new(std::net::TcpStream::connect(address).unwrap());
    for token in tokens {
        let authorization =
            if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let head = format!(
            "HEAD /mlc-ai/tiny/resolve/main/x HTTP/1.1\r\nHost: hub\r\nUser-Agent: {}\r\n{authorization}\r\n",
            OURS.1
        );
        connection.get_mut().write_all(head.as_bytes()).unwrap();
        crate::client::receive_head(&mut connection).unwrap();
    }
    hub.take_violations()
}

#[test]
fn a_client_with_a_token_always_sends_it() {
    let hub = LocalHub::builder().token("hf_a").start();
    hub.publish(&ModelFixture::new("mlc-ai/tiny").access(Access::Public));
    assert!(over_one_connection(&hub, &["hf_a", "hf_a"]).is_empty());
    assert!(over_one_connection(&hub, &["", ""]).is_empty());
    let [violation] = &over_one_connection(&hub, &["hf_a", ""])[..] else { panic!("one") };
    assert!(violation.starts_with("a client that has a token kept it back"), "{violation}");
    // This one was refused.
    assert!(over_one_connection(&hub, &["hf_wrong", ""]).is_empty());
    assert!(over_one_connection(&hub, &["hf_wrong", "hf_a"]).is_empty());
    let [violation] = &over_one_connection(&hub, &["hf_a", "hf_wrong"])[..] else { panic!("one") };
    assert!(violation.starts_with("a client changed its token"), "{violation}");
}

#[test]
fn a_hub_that_is_dropped_complains() {
    let hub = LocalHub::start();
    hub.take_no_token();
    request("HEAD", &format!("{}/", hub.endpoint()), &[OURS, TOKEN]).unwrap();
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(hub)));
    let words = dropped.unwrap_err().downcast::<String>().unwrap();
    assert!(words.contains("a hub got the token that is not for it"), "{words}");
}
