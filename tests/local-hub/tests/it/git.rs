//! git's own client against the hub.

use std::path::{Path, PathBuf};

use local_hub::{Access, Fault, FaultTarget, Hold, LocalHub, ModelFixture, Outcome, Route, Times};
use tempfile::TempDir;

use crate::client::{get, request};

const ID: &str = "mlc-ai/tiny";

fn scratch() -> TempDir {
    tempfile::Builder::new().prefix("clone-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Clones with the real git; returns the work tree, or git's messages.
fn clone(hub: &LocalHub, folder: &Path, options: &[&str]) -> Result<PathBuf, String> {
    let url = format!("{}/{ID}", hub.endpoint());
    let arguments = [&["clone", "--quiet"], options, &[url.as_str(), "out"]].concat();
    hub.git().run(folder, &arguments, b"").map_err(|error| format!("{error:#}"))?;
    Ok(folder.join("out"))
}

#[test]
fn a_shallow_clone_has_pointers_and_plain_files() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID).plain_file("odd \"name\"\\ ü.txt", "x"));
    let folder = scratch();
    let tree = clone(&hub, folder.path(), &["--depth", "1"]).unwrap();
    for file in &model.files {
        assert_eq!(std::fs::read(tree.join(&file.path)).unwrap(), file.git_bytes(), "{}", file.path);
    }
    let shard = model.file("params_shard_0.bin").unwrap();
    let pointer = std::fs::read_to_string(tree.join(&shard.path)).unwrap();
    assert!(pointer.starts_with("version https://git-lfs.github.com/spec/v1\noid sha256:"));
    assert!(pointer.ends_with(&format!("{}\nsize 98304\n", shard.sha256)));
    let head = hub.git().run(&tree, &["rev-parse", "HEAD"], b"").unwrap();
    assert_eq!(String::from_utf8(head).unwrap().trim(), model.commit);
    assert_eq!(hub.git().run(&tree, &["status", "--porcelain"], b"").unwrap(), b"");
}

#[test]
fn the_log_has_gits_requests() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let folder = scratch();
    clone(&hub, folder.path(), &["--depth", "1"]).unwrap();
    let git = hub.log().git();
    assert_eq!(git.route(Route::InfoRefs).count(), 1);
    let posts = git.route(Route::UploadPack).requests();
    assert!(!posts.is_empty());
    assert!(posts.iter().all(|post| post.body_received > 0 && post.outcome == Outcome::Complete));
    assert!(posts.iter().all(|post| post.model.as_deref() == Some(ID)));
    assert_eq!(git.count(), hub.log().count());
}

#[test]
fn the_old_protocol_works_too_with_or_without_the_suffix() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    for suffix in ["", ".git"] {
        let url = format!("{}/{ID}{suffix}/info/refs?service=git-upload-pack", hub.endpoint());
        let answer = get(&url);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/x-git-upload-pack-advertisement"));
        let text = answer.text();
        assert!(text.starts_with("001e# service=git-upload-pack\n0000"), "{text}");
        assert!(text.contains(" shallow ") && text.contains("refs/heads/main"), "{text}");
    }
    let folder = scratch();
    let url = format!("{}/{ID}.git", hub.endpoint());
    let arguments = ["-c", "protocol.version=0", "clone", "--quiet", "--depth=1", &url, "out"];
    hub.git().run(folder.path(), &arguments, b"").unwrap();
}

#[test]
fn a_long_history_does_not_affect_shallow_clones() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID).history(40, 2_000_000));
    let folder = scratch();
    clone(&hub, folder.path(), &["--depth", "1"]).unwrap();
    let shallow = hub.log().git().bytes_sent();
    assert!(shallow < 20_000, "{shallow} bytes");

    let log = hub.log().from_now();
    let folder = scratch();
    let tree = clone(&hub, folder.path(), &[]).unwrap();
    assert!(log.bytes_sent() > 2_000_000, "{} bytes: old blobs must not shrink", log.bytes_sent());
    let count = hub.git().run(&tree, &["rev-list", "--count", "HEAD"], b"").unwrap();
    assert_eq!(count, b"41\n");
}

#[test]
fn a_missing_or_private_repository_asks_for_credentials() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID).access(Access::Private(vec!["hf_good".to_owned()])));
    let url = format!("{}/{ID}/info/refs?service=git-upload-pack", hub.endpoint());
    let missing = get(&url.replace("tiny", "missing"));
    for answer in [missing, get(&url)] {
        assert_eq!((answer.status, answer.text().as_str()), (401, "Invalid username or password."));
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Basic realm="), "{challenge}");
    }
    // user:hf_good
    for good in ["Bearer hf_good", "Basic dXNlcjpoZl9nb29k"] {
        assert_eq!(request("GET", &url, &[("Authorization", good)]).unwrap().status, 200, "{good}");
    }
    let folder = scratch();
    let refused = clone(&hub, folder.path(), &[]).unwrap_err();
    assert!(refused.contains("terminal prompts disabled"), "{refused}");
}

#[test]
fn a_branch_moves_forward_or_is_replaced() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let second = hub.publish(&ModelFixture::new(ID).seed(2));
    let commits = || {
        let folder = hub.repository(ID).unwrap();
        let list = hub.git().run(&folder, &["rev-list", "main"], b"").unwrap();
        String::from_utf8(list).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((commits().len(), &commits()[0]), (2, &second.commit));
    let third = hub.replace(&ModelFixture::new(ID).seed(3));
    assert_eq!(commits(), [third.commit]);
}

#[test]
fn renamed_models_redirect() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new("old/name"));
    hub.rename("old/name", ID);
    let answer = get(&format!("{}/old/name/info/refs?service=git-upload-pack", hub.endpoint()));
    assert_eq!((answer.status, answer.location()), (307, "/mlc-ai/tiny/info/refs?service=git-upload-pack"));
    let folder = scratch();
    let url = format!("{}/old/name", hub.endpoint());
    hub.git().run(folder.path(), &["clone", "--quiet", &url, "out"], b"").unwrap();
    let wrong_case = get(&format!("{}/MLC-AI/Tiny/resolve/main/README.md", hub.endpoint()));
    assert_eq!((wrong_case.status, wrong_case.location()), (307, "/mlc-ai/tiny/resolve/main/README.md"));
    assert_eq!(wrong_case.header("x-repo-commit"), None);
}

#[test]
fn repositories_without_a_commit_or_a_branch() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID).empty_repository());
    assert_eq!((model.commit.as_str(), model.files.len()), ("", 0));
    let url = format!("{}/{ID}/info/refs?service=git-upload-pack", hub.endpoint());
    let advertisement = get(&url).text();
    assert!(advertisement.contains("capabilities^{}"), "{advertisement}");

    hub.publish(&ModelFixture::new(ID).head("trunk"));
    let advertisement = get(&url).text();
    assert!(advertisement.contains("refs/heads/main") && !advertisement.contains(" HEAD"), "{advertisement}");
}

#[test]
fn a_capability_can_be_hidden() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let hide = Fault::WithoutCapability("shallow".to_owned());
    hub.fault(FaultTarget::info_refs(ID), hide, Times::Once);
    let url = format!("{}/{ID}/info/refs?service=git-upload-pack", hub.endpoint());
    let (hidden, whole) = (get(&url).text(), get(&url).text());
    assert!(!hidden.contains(" shallow ") && hidden.contains(" thin-pack "), "{hidden}");
    assert!(whole.contains(" shallow "));
}

#[test]
fn a_pack_can_be_cut_short() {
    let hub = LocalHub::start();
    hub.publish(&ModelFixture::new(ID));
    let folder = scratch();
    hub.fault(FaultTarget::upload_pack(ID), Fault::Truncate { after: 700 }, Times::Forever);
    let error = clone(&hub, folder.path(), &[]).unwrap_err();
    assert!(error.contains("early EOF") || error.contains("hung up"), "{error}");
    let log = hub.log().route(Route::UploadPack);
    assert_eq!(log.requests().last().unwrap().outcome, Outcome::CutByFault);
}

#[test]
fn a_branch_can_move_inside_a_clone() {
    let patience = std::time::Duration::from_secs(10);
    let is_held = |log: &local_hub::RequestLog| log.route(Route::UploadPack).in_flight() == 1;
    for is_replaced in [false, true] {
        let hub = LocalHub::start();
        let first = hub.publish(&ModelFixture::new(ID));
        let hold = Hold::new();
        hub.fault(FaultTarget::upload_pack(ID), Fault::Hold(hold.clone()), Times::Once);
        let folder = scratch();
        let result = std::thread::scope(|scope| {
            // libgit2 only speaks the old protocol.
            let options = &["--depth", "1", "-c", "protocol.version=0"];
            let cloning = scope.spawn(|| clone(&hub, folder.path(), options));
            assert!(hub.log().wait_until(patience, is_held), "{}", hub.log());
            let second = ModelFixture::new(ID).seed(2);
            if is_replaced {
                hub.replace(&second)
            } else {
                hub.publish(&second)
            };
            hold.release();
            cloning.join().unwrap()
        });
        if is_replaced {
            assert!(result.unwrap_err().contains("not our ref"));
        } else {
            let head = hub.git().run(&result.unwrap(), &["rev-parse", "HEAD"], b"").unwrap();
            assert_eq!(String::from_utf8(head).unwrap().trim(), first.commit);
        }
    }
}
