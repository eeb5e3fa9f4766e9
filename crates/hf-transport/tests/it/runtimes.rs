//! Several clients, hubs and runtimes in one process.

use std::sync::Arc;

use hf_transport::{GitMetadata, KeepAlive, MetadataSource, Token};
use local_hub::{Access, ModelFixture};

use crate::support::{Fetched, ID, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_keep_to_their_own_hub_and_token() {
    let stage = |seed: u64, token: &str| {
        let access = Access::Private(vec![token.to_owned()]);
        let stage = Stage::new(&ModelFixture::new(ID).seed(seed).access(access));
        stage.with(|config| config.token = Some(Token::new(token).unwrap()))
    };
    let (one, two) = (stage(1, "hf_s3cret_one"), stage(2, "hf_s3cret_two"));
    assert_ne!(one.model.commit, two.model.commit);
    for _ in 0..3 {
        tokio::join!(one.fetch_whole(), two.fetch_whole(), one.fetch_whole(), two.fetch_whole());
    }
    for (stage, token) in [(&one, "Bearer hf_s3cret_one"), (&two, "Bearer hf_s3cret_two")] {
        let requests = stage.hub.log().requests();
        assert_eq!(requests.len(), 12);
        assert!(requests.iter().all(|request| request.header("authorization") == Some(token)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_serves_several_fetches_at_once() {
    let stage = Stage::usual();
    let source: Arc<dyn MetadataSource> = Arc::new(GitMetadata::new(stage.client()));
    let mut fetches = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let request = stage.request(None, Arc::new(()) as KeepAlive);
        let (source, tree) = (Arc::clone(&source), request.export_to.clone());
        fetches.spawn(async move { Fetched { snapshot: source.fetch(request).await.unwrap(), tree } });
    }
    for fetched in fetches.join_all().await {
        assert_eq!(fetched.snapshot.commit.to_string(), stage.model.commit);
        assert!(!fetched.read("mlc-chat-config.json").is_empty());
    }
}

#[test]
fn successive_runtimes_of_either_kind_work() {
    let mut stage = Stage::usual();
    let current = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let several =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for runtime in [current(), several(), current(), several()] {
        // A client's connections belong to one runtime.
        stage.set(|_| ());
        runtime.block_on(async {
            stage.fetch_whole().await;
            stage.locate("tokenizer.json").await.unwrap();
        });
    }
}
