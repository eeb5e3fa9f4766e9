//! Pushes a model into stores on third-party servers, and downloads it from them. `store_buckets.rs` and
//! `store_keeping.rs` do so with SeaweedFS.

use local_hub::{
    AzureAccess, DebianServer, LocalAzure, LocalGcs, LocalProxy, LocalWebStore, ModelFixture, OtherServer,
    PublishedModel,
};

use crate::world::{World, entry_in};

/// Files of this size are read from stores in ranges.
const LARGE: u64 = 72 << 20;

type Variables<'a> = &'a [(String, String)];

fn owned<const N: usize>(variables: [(&str, &str); N]) -> Vec<(String, String)> {
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// One machine fills the store, another downloads from it without the hub. Neither credentials nor
/// signatures are in the log, even at its most verbose.
#[track_caller]
fn fill_and_start(world: &World, model: &PublishedModel, store: &str, variables: Variables<'_>) {
    let run = |arguments: &[&str], home: &str| {
        let cli = world.cli(arguments).env("MLC_LLM_HOME", world.beside(home));
        let cli = variables.iter().fold(cli, |cli, (name, value)| cli.env(name, value));
        let ran = cli.env("MLC_WEIGHTS_STORE", store).run();
        for secret in ["s3cret", "Signature", "X-Amz", "AWS4-HMAC", "sig=", "Bearer", "PRIVATE"] {
            assert!(!ran.stderr.contains(secret), "{secret}: {}", ran.stderr);
        }
        ran
    };
    let ran = run(&["-vv", "store", "push", &model.url], "filler");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let log = world.hub.log().from_now();
    let ran = run(&["-vv", "download", "--store-mode", "only", &model.url], "node");
    ran.check_path(&entry_in(&world.beside("node").join("model_weights"), model));
    assert_eq!(log.count(), 0, "{log}");
}

/// It answers ranges with status 200.
#[test]
fn rclone_the_bad_example() {
    let fixture = ModelFixture::new("mlc-ai/tiny").shard("params_shard_7.bin", LARGE);
    let (world, model) = World::with(&fixture);
    let Some(server) = OtherServer::rclone(&world.beside("rclone")) else { return };
    let variables = owned([
        ("AWS_ENDPOINT_URL", server.endpoint()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test-key"),
        ("AWS_SECRET_ACCESS_KEY", "test-s3cret"),
    ]);
    fill_and_start(&world, &model, "s3://models/mlc", &variables);
}

#[test]
fn azurite_with_a_key_and_with_a_signature() {
    let (world, model) = World::with_tiny();
    let Some(server) = LocalAzure::start(&world.beside("azurite")) else { return };
    for access in [AzureAccess::Key, AzureAccess::Write] {
        fill_and_start(&world, &model, "az://models/mlc", &server.variables(access));
        for home in ["filler", "node"] {
            std::fs::remove_dir_all(world.beside(home)).unwrap();
        }
    }
}

#[test]
fn nginx_and_apache() {
    for server in [DebianServer::nginx_dav(), DebianServer::apache_dav()].into_iter().flatten() {
        let (world, model) = World::with_tiny();
        fill_and_start(&world, &model, &format!("{}/mlc", server.url()), &[]);
    }
}

#[test]
fn google_as_a_stand_in_with_the_key_of_an_account() {
    let ((world, model), server) = (World::with_tiny(), LocalGcs::start());
    fill_and_start(&world, &model, "gs://models/mlc", &server.variables(&world.user()));
}

/// A machine of Google's asks the metadata service for its identity, bypassing the proxy.
#[test]
fn google_as_a_stand_in_with_the_identity_of_a_machine() {
    let ((world, model), proxy) = (World::with_tiny(), LocalProxy::start());
    let (server, beside) = (LocalGcs::start(), LocalGcs::start());
    let mut variables = owned([
        ("GOOGLE_BASE_URL", &server.url()),
        ("GCE_METADATA_HOST", &beside.host()),
        ("HTTP_PROXY", &proxy.url()),
    ]);
    fill_and_start(&world, &model, "gs://models/mlc", &variables);
    let asked: Vec<String> = proxy.requests().into_iter().map(|request| request.target).collect();
    assert!(asked.iter().any(|target| target.contains("/models/mlc")), "{asked:?}");
    assert!(!asked.iter().any(|target| target.contains("computeMetadata")), "{asked:?}");
    assert!(beside.requests().iter().all(|line| line.contains("computeMetadata")));

    // If there is no such service, the message says that there are no credentials.
    let machine = LocalWebStore::start();
    variables.push(("GCE_METADATA_HOST".to_owned(), machine.url().replace("http://", "")));
    variables.push(("GCE_METADATA_IP".to_owned(), "127.0.0.1:9".to_owned()));
    let cli = world.cli(&["download", "--store", "gs://models/mlc", &model.url]);
    let ran = variables.iter().fold(cli, |cli, (name, value)| cli.env(name, value)).run();
    ran.check_failure(2, &["gs://models/mlc", "GOOGLE_APPLICATION_CREDENTIALS"]);
}

/// Missing settings are an error even if the hub could be used instead: otherwise they could go unnoticed
/// for weeks.
#[test]
fn missing_credentials_are_never_ignored() {
    let ((world, model), machine) = (World::with_tiny(), LocalWebStore::start());
    for arguments in [&["download"][..], &["store", "push"], &["store", "init"]] {
        let cli = world.cli(arguments).env("MLC_WEIGHTS_STORE", "s3://models/mlc");
        let cli = cli.env("AWS_METADATA_ENDPOINT", machine.url()).env("AWS_REGION", "us-east-1");
        let cli = if arguments.contains(&"init") { cli } else { cli.arg(&model.url) };
        cli.run().check_failure(2, &["s3://models/mlc", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    }
}
