//! A git host that is not a model hub.

use local_hub::{Access, LocalHub, ModelFixture};
use serde_json::{Value, json};

use crate::client::{get, post, request};

const ID: &str = "group/project";
/// `user:secret`
const LOGIN: (&str, &str) = ("Authorization", "Basic dXNlcjpzZWNyZXQ=");
const LIST: &str = "info/refs?service=git-upload-pack";

#[test]
fn a_git_host_serves_only_git() {
    let hub = LocalHub::builder().git_host().start();
    hub.publish(&ModelFixture::new(ID));
    assert_eq!(get(&format!("{}/{ID}.git/{LIST}", hub.endpoint())).status, 200);
    for path in [format!("{ID}/{LIST}"), format!("{ID}/resolve/main/README.md"), format!("api/models/{ID}")] {
        let answer = get(&format!("{}/{path}", hub.endpoint()));
        assert_eq!((answer.status, answer.header("x-error-code")), (404, None), "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("text/html"));
    }
}

#[test]
fn a_token_is_accepted_as_a_password_only() {
    let hub = LocalHub::builder().git_host().start();
    hub.publish(&ModelFixture::new(ID).access(Access::Private(vec!["secret".to_owned()])));
    let list = format!("{}/{ID}.git/{LIST}", hub.endpoint());
    for headers in [&[][..], &[("Authorization", "Bearer secret")]] {
        let answer = request("GET", &list, headers).unwrap();
        assert_eq!((answer.status, answer.header("x-error-message")), (401, None));
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"git host\""));
    }
    assert_eq!(request("GET", &list, &[LOGIN]).unwrap().status, 200);
}

#[test]
fn the_data_host_may_want_what_a_batch_names() {
    let hub = LocalHub::builder().data_login("RemoteAuth x").start();
    let model = hub.publish(&ModelFixture::new(ID));
    let shard = model.file("params_shard_0.bin").unwrap();
    let url = format!("{}/{ID}.git/info/lfs/objects/batch", hub.endpoint());
    let wanted = json!({"operation": "download", "objects": [{"oid": shard.sha256, "size": shard.size}]});
    let answer = post(&url, &wanted.to_string());
    let found: Value = serde_json::from_slice(&answer.body).unwrap();
    let download = &found["objects"][0]["actions"]["download"];
    assert_eq!(download["header"], json!({"Authorization": "RemoteAuth x"}));
    let href = download["href"].as_str().unwrap();
    for (headers, status) in [
        (&[][..], 401),
        (&[("Authorization", "Bearer hf_token")], 400),
        (&[("Authorization", "RemoteAuth x")], 200),
    ] {
        assert_eq!(request("GET", href, headers).unwrap().status, status);
    }
}
