//! The targets, one for each parser.
#![expect(clippy::expect_used, reason = "a target that panics has found something")]

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use cache_layout::{Receipt, fuzzing as cache};
use hf_transport::{HubClient, HubConfig, LfsPointer, fuzzing as hub};
use net::{
    Hop, MAX_WAIT, NetSettings, RateLimit, Reach, Secrets, ServerWords, fit_for_message, parse_retry_after,
};
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use shard_fetch::{ChatConfig, Expected, Manifest, fuzzing as shards, is_pointer_text};
use url_parse::{ModelId, Url};
use weight_store::fuzzing as stores;

use crate::{names, packs};

/// A parser of foreign bytes.
#[derive(Debug)]
pub struct Target {
    /// Its name, which is also that of its folder in the corpus.
    pub name: &'static str,
    /// Panics if a promise is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "names", run: names::check },
    Target { name: "manifest", run: manifest },
    Target { name: "chat_config", run: chat_config },
    Target { name: "lfs_pointer", run: lfs_pointer },
    Target { name: "advertisement", run: advertisement },
    Target { name: "packets", run: packets },
    Target { name: "side_bands", run: side_bands },
    Target { name: "pack", run: packs::sealed },
    Target { name: "pack_objects", run: packs::built },
    Target { name: "listing", run: listing },
    Target { name: "link", run: link },
    Target { name: "lfs_batch", run: lfs_batch },
    Target { name: "receipt", run: receipt },
    Target { name: "holder", run: holder },
    Target { name: "run_note", run: run_note },
    Target { name: "journal", run: journal },
    Target { name: "rate_limit", run: rate_limit },
    Target { name: "redirect", run: redirect },
    Target { name: "gunzip", run: gunzip },
    Target { name: "words", run: words },
    Target { name: "answer", run: answer },
    Target { name: "located", run: located },
    Target { name: "store", run: store },
    Target { name: "store_list", run: store_list },
];

/// The target with this name.
pub fn of_name(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// How a body is split does not change its content, and no decoded piece is large.
fn gunzip(data: &[u8]) {
    const LIMIT: usize = 4 << 20;
    let Some((at, body)) = data.split_first() else { return };
    let Some((first, second)) = body.split_at_checked(usize::from(*at)) else { return };
    let whole = net::fuzzing::gunzip(&[body], LIMIT);
    let in_two = net::fuzzing::gunzip(&[first, second], LIMIT);
    // If a body is both too long and damaged, either may be noticed first.
    assert_eq!(whole.as_ref().map(|(all, _)| all).ok(), in_two.as_ref().map(|(all, _)| all).ok());
    if let Ok((_, longest)) = whole {
        assert!(longest <= 64 << 10);
    }
}

fn manifest(data: &[u8]) {
    let Ok(manifest) = Manifest::parse(data, "tensor-cache.json") else { return };
    let sum = manifest.records().iter().map(|record| u128::from(record.size)).sum::<u128>();
    assert_eq!(u128::from(manifest.total_bytes()), sum.min(u128::from(u64::MAX)));
}

fn chat_config(data: &[u8]) {
    if let Ok(config) = ChatConfig::parse(data) {
        assert!(config.tokenizer_files().len() <= data.len());
    }
}

/// The two crates that know pointers agree about the same bytes, apart from leading white space, which
/// git-lfs ignores.
fn lfs_pointer(data: &[u8]) {
    if hub::lfs_pointer(data).is_some() {
        let text = std::str::from_utf8(data).map_or(data, |text| text.trim_start().as_bytes());
        assert!(is_pointer_text(text));
    }
}

fn advertisement(data: &[u8]) {
    if let Some(references) = hub::advertisement(data) {
        assert!(references <= data.len() / 40);
    }
}

fn packets(data: &[u8]) {
    let total: usize = hub::packets(data).iter().map(Vec::len).sum();
    assert!(total <= data.len());
}

/// How the response is split makes no difference, and the pack is a part of it.
fn side_bands(data: &[u8]) {
    let pack = hub::side_bands([data]);
    let (first, second) = data.split_at(data.len() / 3);
    assert_eq!(hub::side_bands([first, second]), pack);
    assert_eq!(hub::side_bands(data.chunks(1)), pack);
    // Each line takes four bytes for its length, and one for its band.
    assert!(pack.is_none_or(|pack| pack.is_empty() || pack.len() + 9 <= data.len()));
}

fn listing(data: &[u8]) {
    static HUB: OnceLock<HubClient> = OnceLock::new();
    let hub = HUB.get_or_init(|| {
        let endpoint = "https://hub.example".parse().expect("an endpoint");
        let client = net::Client::new(NetSettings::default()).expect("a client");
        HubClient::new(client, HubConfig::new(endpoint))
    });
    let model = ModelId::new("user", "repo").expect("a name");
    for files in [hub::listing(hub, &model, data), hub::told(hub, &model, data)].into_iter().flatten() {
        assert!(files <= data.len());
    }
}

fn link(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(query) = hub::next_page(text) {
        assert!(!query.is_empty() && !query.contains('#'));
    }
}

/// Each requested object has its answer; none leads to plain http, to this machine or to a private
/// network, or adds headers other than credentials.
fn lfs_batch(data: &[u8]) {
    let url = "https://hub.example/user/repo.git/info/lfs/objects/batch".parse().expect("a URL");
    let asked = [1, 2].map(|byte| LfsPointer { oid: [byte; 32], size: 10 });
    let Some(places) = hub::lfs_batch(&url, &asked, data) else { return };
    assert_eq!(places.len(), asked.len());
    for (url, headers) in places.into_iter().flatten() {
        assert_eq!(url.scheme(), "https");
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        assert_eq!(Reach::of_host(&url), Reach::Public, "{url}");
        assert!(headers.len() <= 16);
        let is_credential = |name: &HeaderName| {
            let prefixes = ["x-amz-", "x-ms-", "x-goog-"];
            *name == AUTHORIZATION || prefixes.iter().any(|prefix| name.as_str().starts_with(prefix))
        };
        assert!(headers.keys().all(is_credential), "{:?}", headers.keys());
        assert!(headers.values().map(HeaderValue::len).sum::<usize>() <= 8 << 10);
    }
}

fn receipt(data: &[u8]) {
    let Ok(receipt) = serde_json::from_slice::<Receipt>(data) else { return };
    let again = serde_json::to_vec(&receipt).expect("a receipt can be written");
    assert_eq!(serde_json::from_slice::<Receipt>(&again).ok(), Some(receipt));
}

/// Whoever writes beside a lock chooses what others see while they wait.
fn store(data: &[u8]) {
    let url = "https://store.example/refs/x.json".parse().expect("a URL");
    match stores::reference(data, &url) {
        Ok((record, again)) => {
            let again = stores::reference(&again, &url).map(|(record, _)| record);
            assert_eq!(again.ok(), Some(record));
        }
        Err(error) => check_secret(&error.to_string()),
    }
    if let Err(error) = stores::info(data, &url) {
        check_secret(&error.to_string());
    }
}

fn holder(data: &[u8]) {
    if let Some(holder) = cache::holder(data) {
        check_fit(&holder.to_string());
    }
}

/// As the note of a run, and as the record of its scratch folder, which is deleted later: it must have
/// the run's name.
fn run_note(data: &[u8]) {
    if let Some(note) = cache::run_note(data) {
        assert_eq!(cache::run_note(&note), Some(note));
    }
    let name = ".mlc-weights-scratch-1-b";
    if let Some(folder) = cache::scratch(data, name) {
        assert!(folder.file_name().is_some_and(|last| last == name), "{}", folder.display());
    }
}

/// As it is, and as a journal with correct checksums over meaningless ranges.
fn journal(data: &[u8]) {
    let expected = Expected { size: 1 << 40, md5: Some([7; 16].into()), sha256: None };
    let _ = shards::journal(data, &expected);
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    let (pairs, _) = data.as_chunks::<16>();
    let ranges: Vec<_> = pairs
        .iter()
        .map(|pair| {
            let (start, end) = pair.split_at(8);
            number(start)..number(end)
        })
        .collect();
    let written = shards::written(&expected, &ranges);
    let _ = shards::journal(&written, &expected);
}

fn rate_limit(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(limit) = text.parse::<RateLimit>() {
        assert!(limit.reset <= MAX_WAIT, "{limit:?}");
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    if let Some(wait) = parse_retry_after(text, now) {
        assert!(wait <= MAX_WAIT, "{wait:?}");
    }
}

/// Only http and https are followed, never from https to http, and no message shows a password.
fn redirect(data: &[u8]) {
    let from: Url = "https://hub.example/user/repo/resolve/main/a?token=s3cretword".parse().expect("a URL");
    match net::fuzzing::redirect(&from, data) {
        Ok(url) => {
            assert_eq!(url.scheme(), "https");
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        }
        Err(message) => check_fit(&message),
    }
}

/// The first line is a content type, the rest a body.
fn words(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let kind = parts.next().and_then(|kind| std::str::from_utf8(kind).ok()).unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let url = "https://hub.example/a?X-Amz-Signature=s3cretword".parse().expect("a URL");
    let secrets = Secrets::of(&url, ["Bearer hf_s3crettoken"]);
    let header = |name: &str| (name == "content-type").then_some(kind);
    let words = ServerWords::read(Hop::Hub, header, body, &secrets);
    check_secret(&words.to_string());
    if let Some(line) = fit_for_message(&String::from_utf8_lossy(body), &secrets) {
        check_secret(line.as_str());
    }
}

/// A line as below, without the request's secrets. Without a request they are unknown.
fn check_secret(line: &str) {
    check_fit(line);
    assert!(!line.contains("s3cretword") && !line.contains("hf_s3crettoken"), "{line:?}");
}

/// One line of limited length, without hidden or control characters.
fn check_fit(line: &str) {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!line.contains(is_odd), "{line:?}");
    assert!(line.chars().count() < 2000, "{line:?}");
}

/// Lines `name: value`.
fn headers(data: &[u8]) -> HeaderMap {
    let lines = data.split(|byte| *byte == b'\n');
    let pairs = lines.filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(at)?;
        let value = value.get(1..)?.trim_ascii();
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    pairs.collect()
}

/// Two bytes for the status, then headers. An accepted range is within the file and starts where it was
/// requested.
fn answer(data: &[u8]) {
    let Some((status, rest)) = data.split_first_chunk::<2>() else { return };
    let Ok(status) = StatusCode::from_u16(u16::from_le_bytes(*status)) else { return };
    let headers = headers(rest);
    for (from, until) in [(0, 1000), (0, 100), (100, 200), (900, 1000)] {
        if let Some(bytes) = shards::answered(status, &headers, (from, until, 1000)) {
            assert!(bytes.start < bytes.end && bytes.end <= 1000, "{bytes:?}");
        }
    }
}

/// The URL's query, then headers.
fn located(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let query = parts.next().and_then(|query| std::str::from_utf8(query).ok());
    let mut url: Url = "https://data.example/a".parse().expect("a URL");
    url.set_query(query);
    hub::located(&url, &headers(parts.next().unwrap_or_default()));
}

fn store_list(data: &[u8]) {
    let url = "https://store.example/models/packs/".parse().expect("a URL");
    match stores::folder(data, &url) {
        Ok(names) => {
            for name in names {
                assert!(!name.is_empty() && !name.contains('/') && name != "..", "{name:?}");
            }
        }
        Err(problem) => assert!(!problem.is_empty()),
    }
}
