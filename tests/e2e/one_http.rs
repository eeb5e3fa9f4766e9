//! Both users of the one HTTP client under the same failures: whatever happens to a request of
//! hf-transport to the hub, and to one of shard-fetch to the data host, has the same meaning. Each row
//! of the table in docs/decisions.md, "One HTTP client", has its test here.

mod proxies;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hf_transport::{GitMetadata, HubClient, HubConfig, MetadataRequest, MetadataSource as _, Token};
use local_hub::{
    Fault, FaultTarget, LocalHub, LocalHubBuilder, LocalProxy, ModelFixture, PublishedModel, Times,
};
use net::{CaCertificates, Client, Hop, NetSettings, Reach, RetryPolicy};
use shard_fetch::{Expected, Fetcher, FileRequest, LocateError, LocateReason, Location, Locator};
use tempfile::TempDir;
use url_parse::{ErrorKind, RepoPath, Url};

use crate::world::PATIENCE;

const ID: &str = "user/model";
const SHARD: &str = "params_shard_0.bin";

/// A user of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    /// hf-transport, which asks the hub for its references.
    Hub,
    /// shard-fetch, which requests a shard from the data host.
    DataHost,
}

impl User {
    /// The header that only this user's server may see.
    fn own_header(self) -> &'static str {
        match self {
            Self::Hub => "authorization",
            Self::DataHost => "x-own",
        }
    }
}

const USERS: [User; 2] = [User::Hub, User::DataHost];

/// A request that failed.
#[derive(Debug)]
struct Failed {
    kind: ErrorKind,
    /// The error and its causes.
    words: String,
    hop: Option<Hop>,
}

struct Stage {
    hub: LocalHub,
    model: PublishedModel,
    settings: NetSettings,
    folder: TempDir,
    /// The hub's token, or the value of the location's header.
    secret: Option<&'static str>,
}

/// The same location for every caller.
struct Fixed(Location);

#[async_trait]
impl Locator for Fixed {
    async fn locate(&self, _: &RepoPath, _: LocateReason) -> Result<Location, LocateError> {
        Ok(self.0.clone())
    }
}

impl Stage {
    fn new() -> Self {
        Self::on(LocalHub::builder())
    }

    fn on(hub: LocalHubBuilder) -> Self {
        let hub = hub.files_in(env!("CARGO_TARGET_TMPDIR")).start();
        let model = hub.publish(&ModelFixture::without_files(ID).shard(SHARD, 1000).plain_file("a.txt", "a"));
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { hub, model, settings: NetSettings::default(), folder, secret: None }
    }

    fn fault(&self, user: User, fault: Fault, times: Times) {
        let target = match user {
            User::Hub => FaultTarget::info_refs(ID),
            User::DataHost => FaultTarget::data(SHARD),
        };
        self.hub.fault(target, fault, times);
    }

    /// How many requests the user has made.
    fn requests(&self, user: User) -> usize {
        match user {
            User::Hub => self.hub.log().git().count(),
            User::DataHost => self.hub.log().data().count(),
        }
    }

    /// Makes one request with a new client; a transient failure is not retried.
    async fn ask(&self, user: User) -> Result<(), Failed> {
        let client = Client::new(self.settings.clone()).unwrap();
        match user {
            User::Hub => self.ask_hub(client).await,
            User::DataHost => self.ask_data_host(client).await,
        }
    }

    fn hub_client(&self, client: Client) -> HubClient {
        let mut config = HubConfig::new(self.hub.endpoint().parse().unwrap());
        config.token = self.secret.map(|secret| Token::new(secret).unwrap());
        HubClient::new(client, config)
    }

    async fn ask_hub(&self, client: Client) -> Result<(), Failed> {
        let scratch = tempfile::tempdir_in(self.folder.path()).unwrap();
        let export = tempfile::tempdir_in(self.folder.path()).unwrap();
        let request = MetadataRequest::new(ID.parse().unwrap(), scratch.path(), export.path());
        let fetched = GitMetadata::new(self.hub_client(client)).fetch(request).await;
        fetched.map(drop).map_err(|error| {
            let hop = if let hf_transport::Error::Net(error) = &error { error.hop() } else { None };
            Failed { kind: error.kind(), words: chain(&error), hop }
        })
    }

    /// The location is requested with a working client.
    async fn ask_data_host(&self, client: Client) -> Result<(), Failed> {
        let mut location = self.location().await;
        if let Some(secret) = self.secret {
            location.headers.insert(User::DataHost.own_header(), secret.parse().unwrap());
        }
        self.fetch_from(location, client).await
    }

    async fn location(&self) -> Location {
        Location::new(self.locate().await.unwrap())
    }

    /// Where the hub says that the shard is.
    async fn locate(&self) -> Result<Url, hf_transport::Error> {
        let mut settings = NetSettings::default();
        settings.ca_certificates = self.trusted();
        let commit = self.model.commit.parse().unwrap();
        let hub = self.hub_client(Client::new(settings).unwrap());
        let found = hub.locate_file(&ID.parse().unwrap(), &commit, &SHARD.parse().unwrap()).await;
        found.map(|found| found.url)
    }

    fn trusted(&self) -> CaCertificates {
        if self.hub.endpoint().starts_with("https") {
            CaCertificates::only(self.hub.ca_certificate())
        } else {
            CaCertificates::system()
        }
    }

    async fn fetch_from(&self, location: Location, client: Client) -> Result<(), Failed> {
        let file = self.model.file(SHARD).unwrap();
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let request = FileRequest {
            path: SHARD.parse().unwrap(),
            expected: Expected { size: file.size, md5: None, sha256: Some(file.sha256.parse().unwrap()) },
            part: folder.path().join("part"),
            destination: folder.path().join("file"),
        };
        let once = RetryPolicy::default().attempts(1);
        let fetcher = Fetcher::builder().retry(once).build(client);
        let fetched = fetcher.fetch(vec![request], Fixed(location), (), Arc::new(())).await;
        fetched.map_err(|error| {
            let hop = match &error {
                shard_fetch::Error::NoAnswer { source, .. } => source.hop(),
                shard_fetch::Error::GaveUp { hop, .. } => *hop,
                _ => None,
            };
            Failed { kind: error.kind(), words: chain(&error), hop }
        })
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Checks each user's request if its server always responds like this.
async fn check(fault: Fault, kind: ErrorKind, words: &str, requests: [usize; 2]) {
    for (user, requests) in USERS.into_iter().zip(requests) {
        let stage = Stage::new();
        stage.fault(user, fault.clone(), Times::Forever);
        let failed = stage.ask(user).await.unwrap_err();
        assert_eq!(failed.kind, kind, "{user:?}: {failed:?}");
        assert!(failed.words.contains(words), "{user:?}: {failed:?}");
        assert!(!failed.words.contains("s3cret"), "{user:?}: {failed:?}");
        assert_eq!(stage.requests(user), requests, "{user:?}: {failed:?}");
    }
}

#[tokio::test]
async fn redirects_are_judged_by_one_rule() {
    for (location, problem) in [
        ("http://user:s3cret@127.0.0.1:1/x", "the location contains a user name or a password"),
        ("http://127.0.0.1:1http://127.0.0.1:1/x?s3cret", "the location is two URLs in one"),
        ("ftp://127.0.0.1/x?s3cret", "only http and https are followed"),
        ("http://[bad?s3cret", "the location is not a URL"),
    ] {
        let once = [1, 1];
        check(Fault::redirect(302, location), ErrorKind::Refused, problem, once).await;
    }
    check(Fault::status(302), ErrorKind::Refused, "it names no location", [1, 1]).await;
}

/// A location in the hub's response is not a redirect that is followed, but the same rule applies.
#[tokio::test]
async fn locations_are_judged_by_that_rule_too() {
    let stage = Stage::on(LocalHub::builder().tls());
    for (location, problem) in [
        ("https://mirror.example:1https://127.0.0.1:1/x?s3cret", "the location is two URLs in one"),
        ("ftp://127.0.0.1/x?s3cret", "only http and https are followed"),
        ("https://user:s3cret@127.0.0.1:1/x", "the location contains a user name or a password"),
        ("http://127.0.0.1:1/x?s3cret", "it leads from https to plain http"),
    ] {
        stage.hub.fault(FaultTarget::resolve(SHARD), Fault::redirect(302, location), Times::Once);
        let error = stage.locate().await.unwrap_err();
        let words = chain(&error);
        assert!(words.contains(problem) && !words.contains("s3cret"), "{words}");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}

#[tokio::test]
async fn a_redirect_leads_no_nearer_than_its_location_may_be() {
    let mut stage = Stage::new();
    let proxy = LocalProxy::start();
    proxy.lead("data.example:80", &stage.hub.data_origin());
    stage.settings.proxy.all = proxy.url().parse().ok();
    let near = stage.location().await.url;
    let mut location = Location::new(near.clone());
    location.url.set_host(Some("data.example")).unwrap();
    location.url.set_port(None).unwrap();
    for (reach, is_followed) in [(Reach::Public, false), (Reach::Loopback, true)] {
        location.reach = reach;
        stage.fault(User::DataHost, Fault::redirect(302, near.as_str()), Times::Once);
        let outcome = stage.fetch_from(location.clone(), Client::new(stage.settings.clone()).unwrap()).await;
        assert_eq!(outcome.is_ok(), is_followed, "{outcome:?}");
        if let Err(failed) = outcome {
            assert!(
                failed.words.contains("it leads into a private network, or to this machine"),
                "{failed:?}"
            );
            assert_eq!(failed.kind, ErrorKind::Refused);
        }
    }
}

#[tokio::test]
async fn five_redirects_are_followed() {
    for user in USERS {
        let stage = Stage::new();
        let to_itself = match user {
            User::Hub => format!("/{ID}/info/refs?service=git-upload-pack"),
            User::DataHost => stage.location().await.url.to_string(),
        };
        stage.fault(user, Fault::redirect(307, &to_itself), Times::N(5));
        stage.ask(user).await.unwrap();
        stage.fault(user, Fault::redirect(307, &to_itself), Times::Forever);
        let before = stage.requests(user);
        let failed = stage.ask(user).await.unwrap_err();
        assert!(failed.words.contains("was redirected more than 5 times"), "{failed:?}");
        assert_eq!((failed.kind, stage.requests(user) - before), (ErrorKind::Refused, 6));
    }
}

#[tokio::test]
async fn no_redirect_leads_from_https_to_http() {
    for user in USERS {
        let mut stage = Stage::on(LocalHub::builder().tls());
        stage.settings.ca_certificates = stage.trusted();
        stage.ask(user).await.unwrap();
        stage.fault(user, Fault::redirect(302, "http://127.0.0.1:1/x"), Times::Once);
        let failed = stage.ask(user).await.unwrap_err();
        assert!(failed.words.contains("it leads from https to plain http"), "{failed:?}");
        assert_eq!(failed.kind, ErrorKind::Refused);
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_final() {
    for user in USERS {
        let stage = Stage::on(LocalHub::builder().tls());
        let before = stage.hub.failed_handshakes();
        let failed = stage.ask(user).await.unwrap_err();
        assert!(failed.words.contains("certificate is not trusted"), "{failed:?}");
        assert_eq!(failed.kind, ErrorKind::Refused);
        // The hub may notice a moment later.
        let counted = async {
            while stage.hub.failed_handshakes() == before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, counted).await.unwrap();
        assert_eq!(stage.hub.failed_handshakes() - before, 1);
    }
}

#[tokio::test]
async fn a_compressed_response_is_refused_and_named() {
    let brotli = Fault::Header { name: "content-encoding".to_owned(), value: Some("br".to_owned()) };
    let words = "the response is compressed (br), which was not requested";
    // The locator is asked for another place three times.
    check(brotli, ErrorKind::Refused, words, [1, 4]).await;
}

#[tokio::test]
async fn gzip_is_decoded_for_git_and_refused_for_a_shard() {
    let stage = Stage::new();
    for user in USERS {
        stage.fault(user, Fault::Gzip, Times::Forever);
    }
    stage.ask(User::Hub).await.unwrap();
    let failed = stage.ask(User::DataHost).await.unwrap_err();
    assert!(
        failed.words.contains("the response is compressed (gzip), which was not requested"),
        "{failed:?}"
    );
    assert_eq!(failed.kind, ErrorKind::Refused);
}

#[tokio::test]
async fn compressed_words_of_a_refusal_are_read() {
    let stage = Stage::new();
    let client = Client::new(stage.settings.clone()).unwrap();
    let words = async || {
        let url = format!("{}/nothing", stage.hub.data_origin()).parse().unwrap();
        let mut request = net::Request::get(url, "read", Hop::Hub);
        // A server's error text is not part of a file.
        request.takes_gzip = false;
        client.send(request, &()).await.unwrap().refusal().await.words.message.unwrap()
    };
    let plain = words().await;
    stage.hub.fault(FaultTarget::any(""), Fault::Gzip, Times::Once);
    assert_eq!(words().await, plain);
    assert_eq!(stage.hub.faults_left(), 0);
}

#[tokio::test]
async fn every_request_asks_for_the_bytes_as_they_are() {
    let stage = Stage::new();
    for user in USERS {
        stage.ask(user).await.unwrap();
    }
    let requests = stage.hub.log().requests();
    assert!(requests.len() >= 4, "{}", stage.hub.log());
    for request in requests {
        assert_eq!(request.header("accept-encoding"), Some("identity"), "{request}");
        assert!(
            request.header("user-agent").is_some_and(|agent| agent.starts_with("mlc-weights/")),
            "{request}"
        );
    }
}

#[tokio::test]
async fn silence_is_cut_after_the_idle_time_out() {
    for fault in [Fault::NoAnswer, Fault::Stall { after: 10 }] {
        for user in USERS {
            let mut stage = Stage::new();
            stage.settings.idle_timeout = Duration::from_millis(400);
            stage.fault(user, fault.clone(), Times::Forever);
            let begun = Instant::now();
            let failed = stage.ask(user).await.unwrap_err();
            assert!((Duration::from_millis(400)..Duration::from_secs(5)).contains(&begun.elapsed()));
            assert!(failed.words.contains("sent nothing for 0.4 s"), "{failed:?}");
            let hop = if user == User::Hub { Hop::Hub } else { Hop::DataHost };
            assert_eq!((failed.kind, failed.hop), (ErrorKind::Network, Some(hop)));
        }
    }
}

#[tokio::test]
async fn a_refusals_words_are_fit_for_a_message() {
    let styles = "a { color: red }\n".repeat(1000);
    let page = format!("<style>{styles}</style><title>Blocked</title><p>Ask IT");
    let body = "no\u{1b}[31m \u{202e}way,\r\nerror: forged; see http://u:s3cret@h/x?s3cret";
    for (content_type, body, words) in [
        ("text/plain", body, "says: no [31m way, error: forged; see http://…@h/x?… (request 7)"),
        ("application/json", r#"{"error":"not you"}"#, "says: not you (request 7)"),
        ("text/html", &page, "says: a web page, \"Blocked\": Ask IT (request 7)"),
        ("application/xml", "<E><Code>Denied</Code></E>", "says: Denied (request 7)"),
    ] {
        let headers = [("content-type", content_type), ("x-request-id", "7")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let fault = Fault::Status { code: 418, headers, body: body.to_owned() };
        check(fault, ErrorKind::Refused, words, [1, 1]).await;
    }
}

#[tokio::test]
async fn a_limit_applies_to_all_clients_that_share_the_gates() {
    for user in USERS {
        let stage = Stage::new();
        stage.fault(user, Fault::retry_after(429, "30"), Times::Once);
        stage.ask(user).await.unwrap_err();
        let server = if user == User::Hub { stage.hub.endpoint() } else { stage.hub.data_origin() };
        let held = stage.settings.gates.for_origin(&server).remaining(Instant::now());
        assert!(held.is_some_and(|wait| wait > Duration::from_secs(20)), "{user:?}: {held:?}");
    }
}

#[tokio::test]
async fn every_answer_says_what_is_left_of_a_limit() {
    for user in USERS {
        let stage = Stage::new();
        let limit = Fault::Header { name: "ratelimit".to_owned(), value: Some("\"x\";r=0;t=30".to_owned()) };
        stage.fault(user, limit, Times::Forever);
        // The hub is asked more than once, and would wait for the next window.
        let asked = tokio::time::timeout(Duration::from_secs(1), stage.ask(user)).await;
        assert_eq!(asked.is_err(), user == User::Hub, "{asked:?}");
        let (server, lane) = match user {
            User::Hub => (stage.hub.endpoint(), "git"),
            User::DataHost => (stage.hub.data_origin(), net::FILES),
        };
        let wait = stage.settings.gates.for_origin(&server).enter(lane, Instant::now());
        assert!(wait.is_some_and(|wait| wait > Duration::from_secs(20)), "{user:?}: {wait:?}");
    }
}

#[tokio::test]
async fn headers_for_one_origin_are_not_sent_to_another() {
    for user in USERS {
        let (mut stage, other) = (Stage::new(), Stage::new());
        stage.secret = Some("s3cret");
        let place = async |stage: &Stage| match user {
            User::Hub => format!("{}/{ID}/info/refs?service=git-upload-pack", stage.hub.endpoint()),
            User::DataHost => stage.location().await.url.to_string(),
        };
        // First to the same origin, then to another one, then back.
        stage.fault(user, Fault::redirect(302, &place(&stage).await), Times::Once);
        stage.fault(user, Fault::redirect(302, &place(&other).await), Times::Once);
        other.fault(user, Fault::redirect(302, &place(&stage).await), Times::Once);
        let before = [&stage, &other].map(|stage| stage.hub.log().from_now());
        stage.ask(user).await.unwrap();
        let [here, there] = before.map(|log| -> Vec<bool> {
            let mut requests = log.requests();
            requests.retain(|request| !request.path.contains("/resolve/"));
            requests.iter().map(|request| request.header(user.own_header()).is_some()).collect()
        });
        // Nor on the way back: another server would then choose what is requested with it.
        assert_eq!((&here[..3], there), (&[true, true, false][..], vec![false]), "{user:?}");
        stage.hub.take_violations();
    }
}

#[tokio::test]
async fn only_http_urls_without_a_user_are_asked() {
    let stage = Stage::new();
    let client = || Client::new(NetSettings::default()).unwrap();
    for (url, problem) in [
        ("ftp://127.0.0.1/x", "the URL is neither http nor https"),
        ("http://user:s3cret@127.0.0.1:1/x", "the URL contains a user name or a password"),
    ] {
        let url: Url = url.parse().unwrap();
        let request = net::Request::get(url.clone(), "read", Hop::Hub);
        let error = client().send(request, &()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let failed = stage.fetch_from(Location::new(url), client()).await.unwrap_err();
        for words in [chain(&error), failed.words] {
            assert!(words.contains(problem) && !words.contains("s3cret"), "{words}");
        }
    }
}
