//! Stores in buckets.

use local_hub::{LocalProxy, LocalWebStore};
use net::{Client, NetSettings, ProxySettings};
use url_parse::{CommitId, ErrorKind};
use weight_store::{BlobPlace, Error, Store, StoreSettings};

use crate::support::{Stage, chain, client, id_of, open, settings_of};

#[tokio::test]
async fn each_cloud_has_its_own_blob_urls() {
    let id = id_of(b"weights");
    let key = format!("pre/blobs/sha256/{id}");
    for (url, variables, expected, header) in [
        (
            "s3://bucket/pre",
            &[("AWS_REGION", "eu-west-3"), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "s3cret")]
                [..],
            format!("https://s3.eu-west-3.amazonaws.com/bucket/{key}?X-Amz-"),
            None,
        ),
        (
            "s3://bucket/pre",
            &[("AWS_SKIP_SIGNATURE", "true"), ("AWS_ENDPOINT_URL", "http://host:9")],
            format!("http://host:9/bucket/{key}"),
            None,
        ),
        (
            "gs://bucket/pre",
            &[("GOOGLE_SKIP_SIGNATURE", "true")],
            format!("https://storage.googleapis.com/bucket/{key}"),
            None,
        ),
        (
            "az://box/pre",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_ACCOUNT_KEY", "czNjcmV0")],
            format!("https://me.blob.core.windows.net/box/{key}?s"),
            None,
        ),
        (
            "az://box/pre",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_SAS_KEY", "sv=1&sig=s3cret")],
            format!("https://me.blob.core.windows.net/box/{key}?sv=1&sig=s3cret"),
            None,
        ),
        (
            "az://box/pre",
            &[("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_TOKEN", "s3cret")],
            format!("https://me.blob.core.windows.net/box/{key}"),
            Some("Bearer s3cret"),
        ),
    ] {
        let place = open(url, &settings_of(variables.iter().copied())).locate(&id).await.unwrap();
        assert!(!format!("{place:?}").contains("s3cret"), "{place:?}");
        let BlobPlace::Url { url, headers, expires_at, .. } = place else { panic!() };
        let start = url.as_str().get(..expected.len());
        let is_whole =
            expected.len() == url.as_str().len() || expected.ends_with("?X-Amz-") || expected.ends_with("?s");
        assert!(start == Some(&*expected) && is_whole, "{url}");
        let is_signed = url.query().is_some_and(|query| query.contains("ignature") || query.contains("se="));
        assert_eq!(expires_at.is_some(), is_signed, "{url}");
        assert_eq!(headers.get("authorization").map(|value| value.to_str().unwrap()), header);
    }
}

#[test]
fn settings_that_do_not_fit_are_refused_without_showing_secrets() {
    for (url, variables) in [
        ("s3://bucket/a", &[("AWS_SECRET_ACCESS_KEY", "s3cret-value")][..]),
        ("s3://bucket/a", &[("AWS_ENDPOINT_URL", "no URL")]),
        ("gs://bucket/a", &[("GOOGLE_SERVICE_ACCOUNT_KEY", "s3cret-value")]),
        ("az://box/a", &[("AZURE_STORAGE_ACCOUNT_KEY", "s3cret-value")]),
    ] {
        let error = Store::open(url.parse().unwrap(), &settings_of(variables.iter().copied()), &client())
            .unwrap_err();
        assert!(matches!(error, Error::Settings { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(chain(&error).starts_with(&format!("{url} cannot be used")), "{}", chain(&error));
    }
}

/// Credentials from a service on this machine must not pass through a proxy, even if the bucket is
/// reached through it.
#[tokio::test]
async fn credentials_bypass_proxies_and_follow_no_redirect() {
    let stage = Stage::new();
    let (bucket, near, proxy) = (LocalWebStore::start(), LocalWebStore::start(), LocalProxy::start());
    let token = stage.folder.path().join("token");
    std::fs::write(&token, "s3cret").unwrap();
    near.put(
        "/credentials",
        r#"{"AccessKeyId":"key","SecretAccessKey":"s3cret","Token":"s3cret","Expiration":"2099-01-01T00:00:00Z"}"#,
    );
    near.redirect("/elsewhere", &format!("{}/credentials", bucket.url()));
    let mut net = NetSettings::default();
    net.proxy = ProxySettings::default().http(proxy.url().parse().unwrap());
    let open = |path: &str| {
        let variables = [
            ("AWS_ENDPOINT_URL", bucket.url()),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{path}", near.url())),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap().to_owned()),
        ];
        let mut settings = StoreSettings::default();
        settings.variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let client = Client::new(net.clone()).unwrap();
        Store::open("s3://models".parse().unwrap(), &settings, &client).unwrap()
    };
    let commit = CommitId::from_bytes([1; 20]);
    assert_eq!(open("/credentials").find_pack(&commit).await.unwrap(), None);
    let by_proxy: Vec<String> = proxy.requests().into_iter().map(|request| request.target).collect();
    assert!(by_proxy.iter().all(|target| target.starts_with(&bucket.url())), "{by_proxy:?}");
    assert_eq!((by_proxy.len(), bucket.requests().len(), near.requests().len()), (1, 1, 1));

    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "no-url"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap()),
    ];
    let store = crate::support::open("s3://models", &settings_of(variables));
    let error = store.find_pack(&commit).await.unwrap_err();
    assert!(chain(&error).contains("s3://models"), "{}", chain(&error));

    let error = open("/elsewhere").find_pack(&commit).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 302, .. }), "{}", chain(&error));
    assert_eq!((proxy.requests().len(), bucket.requests().len(), near.requests().len()), (1, 1, 2));
}

/// The other services that issue credentials over plain http.
#[tokio::test]
async fn other_credentials_bypass_proxies_too() {
    let stage = Stage::new();
    let (near, proxy) = (LocalWebStore::start(), LocalProxy::start());
    let token = stage.folder.path().join("token");
    std::fs::write(&token, "s3cret").unwrap();
    let (token, near_url) = (token.to_str().unwrap(), near.url());
    let mut net = NetSettings::default();
    net.proxy = ProxySettings::default().http(proxy.url().parse().unwrap());
    let client = Client::new(net).unwrap();
    for (url, variables) in [
        ("s3://models", &[("AWS_METADATA_ENDPOINT", near_url.as_str())][..]),
        (
            "s3://models",
            &[
                ("AWS_ENDPOINT_URL_STS", &near_url),
                ("AWS_ROLE_ARN", "arn:aws:iam::1:role/reader"),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
            ],
        ),
        ("az://models", &[("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("IDENTITY_ENDPOINT", &near_url)]),
    ] {
        let before = near.requests().len();
        let settings = settings_of(variables.iter().copied());
        let store = Store::open(url.parse().unwrap(), &settings, &client).unwrap();
        chain(&store.find_pack(&CommitId::from_bytes([1; 20])).await.unwrap_err());
        assert!(near.requests().len() > before, "{variables:?}");
    }
    assert!(proxy.requests().is_empty());
}

/// If nothing provides credentials, the machine's identity is asked for, and a failure says what is
/// missing.
#[tokio::test]
async fn missing_credentials_are_reported() {
    let machine = LocalWebStore::start();
    let nowhere = "http://127.0.0.1:9";
    for (url, variable, value, words) in [
        (
            "s3://models/a",
            "AWS_METADATA_ENDPOINT",
            machine.url(),
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        ("s3://models/a", "AWS_METADATA_ENDPOINT", nowhere.to_owned(), "AWS_ACCESS_KEY_ID"),
        (
            "az://models/a",
            "IDENTITY_ENDPOINT",
            format!("{}/identity", machine.url()),
            "AZURE_STORAGE_ACCOUNT_KEY or",
        ),
        ("az://models/a", "IDENTITY_ENDPOINT", nowhere.to_owned(), "AZURE_STORAGE_ACCOUNT_KEY or"),
    ] {
        let variables = [(variable, value.as_str()), ("AZURE_STORAGE_ACCOUNT_NAME", "me")];
        let store = open(url, &settings_of(variables));
        let error = store.find_pack(&CommitId::from_bytes([1; 20])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
        let said = chain(&error);
        let start =
            format!("{url} cannot be used without credentials: this machine has no identity, and {words}");
        assert!(said.starts_with(&start), "{said}");
        let told = said.matches("127.0.0.1").count();
        assert_eq!(told, 1, "what came of it is told once: {said}");
    }
    // A service with a temporary failure may provide an identity later.
    machine.refuse("/latest/meta-data", 503);
    let url = machine.url();
    let store = open("s3://models/a", &settings_of([("AWS_METADATA_ENDPOINT", url.as_str())]));
    let error = store.find_pack(&CommitId::from_bytes([1; 20])).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}
