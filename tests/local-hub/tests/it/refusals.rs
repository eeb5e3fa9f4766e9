//! Each form of the hub's refusals.

use std::time::Duration;

use local_hub::{Access, LocalHub, ModelFixture};

use crate::client::{Answer, get, request};

const ID: &str = "mlc-ai/tiny";

fn with_token(url: &str, token: &str) -> Answer {
    request("GET", url, &[("Authorization", &format!("Bearer {token}"))]).unwrap()
}

#[track_caller]
fn check(answer: &Answer, status: u16, code: Option<&str>, message: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("x-error-code"), code);
    assert_eq!(answer.header("x-error-message"), Some(message));
    assert_eq!(answer.text(), message);
}

#[test]
fn missing_repositories_revisions_and_files_are_refused() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID));
    let get = |path: &str| get(&format!("{}/{path}", hub.endpoint()));

    let entry = get("mlc-ai/tiny/resolve/main/nothing.bin");
    check(&entry, 404, Some("EntryNotFound"), "Entry not found");
    assert_eq!(entry.body.len(), 15);
    assert_eq!(entry.header("x-repo-commit"), Some(model.commit.as_str()));
    assert!(entry.header("etag").unwrap().starts_with("W/"));

    let revision = get("mlc-ai/tiny/resolve/nothing/README.md");
    check(&revision, 404, Some("RevisionNotFound"), "Invalid rev id: nothing");

    let repository = get("mlc-ai/nothing/resolve/main/README.md");
    check(&repository, 401, None, "Invalid username or password.");
    assert_eq!(
        repository.header("www-authenticate"),
        Some("Bearer realm=\"Authentication required\", charset=\"UTF-8\"")
    );
    let url = format!("{}/mlc-ai/nothing/resolve/main/README.md", hub.endpoint());
    check(&with_token(&url, "hf_any"), 404, Some("RepoNotFound"), "Repository not found");
}

#[test]
fn gated_private_and_disabled_models() {
    let hub = LocalHub::builder().token("hf_other").start();
    let mine = vec!["hf_mine".to_owned()];
    hub.publish(&ModelFixture::new(ID).access(Access::Gated(mine.clone())));
    let url = format!("{}/{ID}/resolve/main/params_shard_0.bin", hub.endpoint());

    let log_in = "Access to model mlc-ai/tiny is restricted. You must have access to it and be authenticated to \
                  access it. Please log in.";
    check(&get(&url), 401, Some("GatedRepo"), log_in);
    check(&with_token(&url, "garbage"), 401, Some("GatedRepo"), log_in);
    let refused = with_token(&url, "hf_other");
    assert_eq!((refused.status, refused.header("x-error-code")), (403, Some("GatedRepo")));
    assert!(refused.text().contains("not in the authorized list"));
    assert_eq!(with_token(&url, "hf_mine").status, 302);

    hub.set_access(ID, Access::Private(mine));
    check(&get(&url), 401, None, "Invalid username or password.");
    check(&with_token(&url, "hf_other"), 404, Some("RepoNotFound"), "Repository not found");
    check(&with_token(&url, "garbage"), 401, None, "Invalid credentials in Authorization header");
    assert_eq!(with_token(&url, "hf_mine").status, 302);

    hub.set_access(ID, Access::Disabled);
    check(&get(&url), 403, None, "Access to this resource is disabled.");
}

#[test]
fn an_enforced_rate_limit() {
    let hub = LocalHub::builder().rate_limit(2, Duration::from_secs(60)).start();
    hub.publish(&ModelFixture::new(ID));
    let url = format!("{}/{ID}/resolve/main/README.md", hub.endpoint());
    let answers: Vec<Answer> = (0..3).map(|_| get(&url)).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [307, 307, 429]);
    assert!(answers[2].header("ratelimit").unwrap().starts_with("\"resolvers\";r=0;t=5"));
}
