//! The list of a commit's files: followed to its end, and refused where it is hostile.

use local_hub::{Fault, FaultTarget, LocalHub, Route, Server, Times};

use super::{check_whole, fetch, list, nameless_commit, without_git};
use crate::support::{ID, chain};

#[track_caller]
pub(super) fn json(body: &str, link: Option<&str>) -> Fault {
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let link = link.map(|link| ("link".to_owned(), link.to_owned()));
    Fault::Status { code: 200, headers: std::iter::once(json).chain(link).collect(), body: body.to_owned() }
}

#[tokio::test]
async fn a_long_list_is_followed_on_our_own_endpoint() {
    let hub =
        LocalHub::builder().files_in(env!("CARGO_TARGET_TMPDIR")).path_prefix("/mirror").tree_page(2).start();
    let (stage, commit) = nameless_commit(hub);
    stage.hub.fault(FaultTarget::info_refs(ID), Fault::status(404), Times::Forever);
    let fetched = fetch(&stage, &*commit).await.unwrap();
    check_whole(&stage, &fetched);
    // Including two folders.
    let pages = (stage.model.files.len() + 2).div_ceil(2);
    assert_eq!(stage.hub.log().route(Route::Api).count(), pages, "{}", stage.hub.log());
}

/// A listing with this single entry is refused with this message.
async fn check_entry(entry: &str, expected: &str) {
    let (stage, commit) = without_git();
    stage.hub.fault(list(), json(&format!("[{entry}]"), None), Times::Once);
    let error = fetch(&stage, &*commit).await.unwrap_err();
    assert!(chain(&error).contains(expected), "{entry}: {}", chain(&error));
    assert!(!error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn hostile_entries_of_a_listing_are_refused() {
    let oid = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let entry = |kind: &str, path: &str, more: &str| {
        format!(r#"{{"type":"{kind}","path":"{path}","oid":"{oid}"{more}}}"#)
    };
    check_entry(&entry("file", "../x", ""), "contains the unsafe path `../x`").await;
    check_entry(&entry("file", "/etc/passwd", ""), "contains the unsafe path `/etc/passwd`").await;
    check_entry(&entry("directory", "a/../b", ""), "contains the unsafe path `a/../b`").await;
    check_entry(&entry("symlink", "a", ""), "contains an entry of unknown kind at `a`").await;
    check_entry(
        &[entry("file", "a", ""), entry("file", "a", "")].join(","),
        "`a`, which is refused: it is listed twice",
    )
    .await;
    check_entry(r#"{"type":"file","path":"a","oid":"abc"}"#, "its git object has no usable name").await;
    let lfs = r#","lfs":{"oid":"abc","size":1}"#;
    check_entry(&entry("file", "a", lfs), "its LFS digest is not a SHA-256").await;
    check_entry(&entry("file", "a", r#","size":99999999999"#), "more than 1.07 GB to receive").await;
    check_entry(&entry("file", "a", r#","size":99999999"#), "more than 67.11 MB in one plain file").await;
}

#[tokio::test]
async fn an_endless_list_is_cut_off() {
    let (stage, commit) = without_git();
    let endless = json("[]", Some("<https://elsewhere/api?cursor=1>; rel=\"next\""));
    stage.hub.fault(FaultTarget::api(ID), endless, Times::Forever);
    let error = fetch(&stage, &*commit).await.unwrap_err();
    assert!(error.to_string().contains("more than 1000 pages in the list of its files"), "{error}");
    assert!(stage.hub.log().requests().iter().all(|request| request.server == Server::Hub));

    let (stage, commit) = without_git();
    let long = json(&format!("[{}]", " ".repeat(17 << 20)), None);
    stage.hub.fault(list(), long, Times::Forever);
    let error = fetch(&stage, &*commit).await.unwrap_err();
    assert!(error.to_string().contains("more than 16.78 MB in an answer of the API"), "{error}");
}

#[tokio::test]
async fn a_list_of_too_many_or_too_long_names_is_refused() {
    let folder = |path: String| format!(r#"{{"type":"directory","path":"{path}","oid":""}}"#);
    let page =
        |paths: Vec<String>| format!("[{}]", paths.into_iter().map(folder).collect::<Vec<_>>().join(","));

    let (stage, commit) = without_git();
    // Nothing after the last allowed entry is parsed.
    let many = page((0..=100_000).map(|number| number.to_string()).collect()).replace(']', ", nonsense");
    stage.hub.fault(list(), json(&many, None), Times::Once);
    let error = fetch(&stage, &*commit).await.unwrap_err();
    assert!(error.to_string().contains("more than 100000 files and folders"), "{error}");

    let (stage, commit) = without_git();
    for start in [b'a', b'b'] {
        let long = "/long".repeat(800);
        let names = (0..2_500).map(|number| format!("{}{number}{long}", char::from(start))).collect();
        let more = Some("<https://elsewhere/api?cursor=1>; rel=\"next\"");
        stage.hub.fault(list(), json(&page(names), more), Times::Once);
    }
    let error = fetch(&stage, &*commit).await.unwrap_err();
    assert!(error.to_string().contains("more than 16.78 MB in names of files"), "{error}");
}
