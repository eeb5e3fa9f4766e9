//! Stores in buckets, and that their secrets are never shown. Where no signature has to be right, a web
//! server that ignores signatures stands in for S3.

use std::path::Path;

use local_hub::{
    FaultProxy, LocalS3, LocalWebStore, ModelFixture, NO_SERVER, PublishedModel, WebStoreSettings,
};

use crate::world::{Cli, Ran, World, entry_in, files_below};

const KEY_ID: &str = "AKIAOBVIOUSLYSECRET";
const SECRET: &str = "VeryDistinctiveSecret";
const SESSION: &str = "SessionDistinctive";
/// `reader:VeryDistinctiveSecret` in base64.
const LOGIN: &str = "cmVhZGVyOlZlcnlEaXN0aW5jdGl2ZVNlY3JldA==";

/// Fills a store on a web server, below the folder `bucket`.
fn fill(world: &World, model: &PublishedModel, server: &LocalWebStore) {
    let store =
        format!("{}/bucket/models", server.url()).replace("http://", &format!("http://reader:{SECRET}@"));
    let cli = world.cli(&["store", "push", &model.url]).env("MLC_LLM_HOME", world.beside("filler"));
    let ran = cli.env("MLC_WEIGHTS_STORE", &store).run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
}

/// Configures a machine to read the same store as a bucket.
fn in_bucket(cli: Cli, url: &str) -> Cli {
    cli.env("MLC_WEIGHTS_STORE", "s3://bucket/models")
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_SESSION_TOKEN", SESSION)
}

fn blob(model: &PublishedModel, path: &str) -> String {
    format!("/bucket/models/blobs/sha256/{}", model.file(path).unwrap().sha256)
}

/// The signature expires midway. The rest is requested with a new one.
#[test]
fn a_signed_url_that_ends_in_the_middle_of_a_file() {
    let (world, model) = World::with(&ModelFixture::new("mlc-ai/tiny").shard("params_shard_7.bin", 200_000));
    let server = LocalWebStore::start();
    fill(&world, &model, &server);
    let proxy = FaultProxy::before(&server.url());
    let key = blob(&model, "params_shard_7.bin");
    proxy.cut(&key, 100_000);
    let log = world.hub.log().from_now();
    let before = server.requests().len();
    let url = format!("{}@{}", model.url, model.commit);
    let cli = world.cli(&["download", "--progress", "json", &url]);
    let running = in_bucket(cli, &proxy.url());
    // The first request is answered, the second one is refused.
    server.refuse_after(&key, 1, 403);
    let ran = running.run();
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(log.count(), 0, "{log}");
    let asked = server.requests().into_iter().skip(before).filter(|request| request.path == key);
    let range =
        |headers: &[(String, String)]| headers.iter().find(|(name, _)| name == "range").unwrap().1.clone();
    let asked: Vec<_> = asked.map(|request| (request.status, range(&request.headers))).collect();
    let rest = "bytes=100000-".to_owned();
    assert_eq!(asked, [(206, "bytes=0-".to_owned()), (403, rest.clone()), (206, rest)]);
    let events = ran.events();
    let done = events.iter().find(|event| event["event"] == "done").unwrap();
    assert_eq!(done["bytes_from_store"], done["bytes_received"]);
}

/// Each store lists only its own models.
#[test]
fn two_stores_in_one_bucket() {
    let (world, ours) = World::with(&ModelFixture::new("mlc-ai/ours"));
    let theirs = world.hub.publish(&ModelFixture::new("mlc-ai/theirs").seed(1));
    let Some(server) = LocalS3::start(Path::new(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let run = |arguments: &[&str], store: &str, home: &str| {
        let cli = world.cli(arguments).env("MLC_LLM_HOME", world.beside(home));
        let cli = server.variables().iter().fold(cli, |cli, (name, value)| cli.env(name, value));
        cli.env("MLC_WEIGHTS_STORE", store).run()
    };
    let stores = ["s3://shared/ours", "s3://shared/theirs"];
    for (store, model) in stores.into_iter().zip([&ours, &theirs]) {
        let ran = run(&["store", "push", &model.url], store, "filler");
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    }
    for (store, model, other) in [(stores[0], &ours, &theirs), (stores[1], &theirs, &ours)] {
        let download =
            |model: &PublishedModel| run(&["download", "--store-mode", "only", &model.url], store, "node");
        download(model).check_path(&entry_in(&world.beside("node/model_weights"), model));
        download(other).check_failure(
            3,
            &[
                "store mode `only`",
                &format!("mlc-weights store push {}", other.url.trim_start_matches("HF://")),
            ],
        );
        std::fs::remove_dir_all(world.beside("node")).unwrap();
    }
}

/// No output, log or file contains a secret.
#[track_caller]
fn check_no_secrets(world: &World, ran: &Ran) {
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
    let secrets = [KEY_ID, SECRET, SESSION, LOGIN, "Signature=", "X-Amz-", "Credential=", "AWS4-HMAC"];
    for secret in secrets {
        assert!(!said.contains(secret), "{secret} in:\n{said}");
        for file in files_below(&world.beside("")).into_iter().filter(|file| file.is_file()) {
            let bytes = std::fs::read(&file).unwrap();
            let is_in = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_in, "{secret} in {}", file.display());
        }
    }
}

#[test]
fn no_secret_is_printed_or_stored() {
    let (world, model) = World::with_tiny();
    let login = format!("Basic {LOGIN}");
    let server = LocalWebStore::start_with(WebStoreSettings { login: Some(login), ..Default::default() });
    fill(&world, &model, &server);
    let open = LocalWebStore::start();
    for path in server.paths() {
        open.put(&path, server.get(&path).unwrap());
    }
    let with_login =
        format!("{}/bucket/models", server.url()).replace("http://", &format!("http://reader:{SECRET}@"));
    for damage in ["none", "blob", "refused", "gone"] {
        for (number, is_bucket) in [true, false].into_iter().enumerate() {
            // A server that is gone is retried, which takes time.
            let modes = if damage == "gone" { &["only"][..] } else { &["first", "only"] };
            for &mode in modes {
                let served = if is_bucket { &open } else { &server };
                let key = blob(&model, "params_shard_1.bin");
                let whole = served.get(&key).unwrap();
                match damage {
                    "blob" => served.put(&key, vec![0; whole.len()]),
                    "refused" => (0..20).for_each(|_| served.refuse("/bucket/", 403)),
                    _ => {}
                }
                let home = world.beside(&format!("home {damage} {number} {mode}"));
                let url = if damage == "gone" { NO_SERVER } else { &served.url() };
                let cli = world.cli(&["download", "--progress", "json", "--store-mode", mode, &model.url]);
                let cli = cli.env("MLC_LLM_HOME", &home).env("RUST_LOG", "trace");
                let cli = if is_bucket {
                    in_bucket(cli, url)
                } else {
                    let store = with_login.replace(&server.url()["http://".len()..], &url["http://".len()..]);
                    cli.env("MLC_WEIGHTS_STORE", store)
                };
                let ran = cli.run();
                assert_eq!(ran.status == Some(0), mode == "first" || damage == "none", "{}", ran.stderr);
                assert!(ran.lines().len() > 10, "RUST_LOG should make it verbose: {}", ran.stderr);
                check_no_secrets(&world, &ran);
                served.put(&key, whole);
                served.forgive();
            }
        }
    }
}

/// Invalid settings are never ignored silently: that would send all traffic to the hub for weeks.
#[test]
fn settings_that_cannot_be_used_name_their_variable() {
    let (world, model) = World::with_tiny();
    let missing = world.beside("missing.json");
    let missing = missing.to_str().unwrap();
    let invalid = world.beside("invalid.json");
    std::fs::write(&invalid, "no JSON, but VeryDistinctiveSecret").unwrap();
    let invalid = invalid.to_str().unwrap();
    let pinned = format!("{}@{}", model.url, model.commit);
    let log = world.hub.log().from_now();
    for (store, variables, named) in [
        ("s3://bucket", &[("AWS_SECRET_ACCESS_KEY", SECRET)][..], "AWS_ACCESS_KEY_ID"),
        ("s3://bucket", &[("AWS_ACCESS_KEY_ID", KEY_ID)], "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket", &[("AWS_ENDPOINT_URL", "no url")], "AWS_ENDPOINT_URL"),
        (
            "s3://bucket",
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", missing), ("AWS_ROLE_ARN", "arn:x")],
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
        ("gs://bucket", &[("GOOGLE_APPLICATION_CREDENTIALS", missing)], "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://bucket", &[("GOOGLE_APPLICATION_CREDENTIALS", invalid)], "GOOGLE_APPLICATION_CREDENTIALS"),
        ("gs://bucket", &[("GOOGLE_SERVICE_ACCOUNT", missing)], "GOOGLE_SERVICE_ACCOUNT"),
        ("gs://bucket", &[("GOOGLE_SERVICE_ACCOUNT_KEY", SECRET)], "GOOGLE_SERVICE_ACCOUNT_KEY"),
        ("az://container", &[], "AZURE_STORAGE_ACCOUNT_NAME"),
        (
            "az://container",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "a"), ("AZURE_STORAGE_ACCOUNT_KEY", "!no base64!")],
            "AZURE_STORAGE_ACCOUNT_KEY",
        ),
    ] {
        for mode in ["first", "only"] {
            let cli = world.cli(&["download", "--store", store, "--store-mode", mode, &pinned]);
            let cli = cli.env("MLC_LLM_HOME", world.beside("another home"));
            let ran = variables.iter().fold(cli, |cli, (name, value)| cli.env(name, value)).run();
            let _ = std::fs::remove_dir_all(world.beside("another home"));
            assert_eq!(ran.status, Some(2), "{store} {variables:?} {mode}: {}", ran.stderr);
            assert!(ran.stderr.contains(named), "{store} {variables:?} {mode}: {}", ran.stderr);
            assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
        }
    }
    assert_eq!(log.count(), 0, "{log}");
}
