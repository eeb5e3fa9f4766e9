//! Repositories that would fill the disk, or keep a machine busy forever.

use hf_transport::{Error, ErrorKind};

use crate::support::{Stage, listing};

async fn check(stage: &Stage, expected: &str) {
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::TooMuchMetadata { .. }), "{error:?}");
    let message = error.to_string();
    assert!(
        message.starts_with(&format!("the git metadata of user/model has more than {expected}: ")),
        "{message}"
    );
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!error.is_transient());
}

fn incompressible(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(bytes)
    .collect()
}

#[tokio::test]
async fn a_pack_that_is_too_large_to_receive_is_refused() {
    let stage = Stage::with_file("large.json", incompressible(500_000));
    let stage = stage.with(|config| config.max_metadata_bytes = 300_000);
    check(&stage, "300.00 kB to receive").await;
    let sent = stage.hub.log().git().bytes_sent();
    stage.with(|config| config.max_metadata_bytes = 600_000 + sent).fetch_whole().await;
}

#[tokio::test]
async fn a_pack_that_is_too_large_to_unpack_is_refused() {
    let stage = Stage::with_file("zeros.json", vec![0; 2_000_000]);
    let stage = stage.with(|config| config.max_metadata_bytes = 1_000_000);
    check(&stage, "1.00 MB to unpack").await;
    assert!(stage.hub.log().bytes_sent() < 100_000, "{}", stage.hub.log());
    // The commit and its tree count too.
    stage.with(|config| config.max_metadata_bytes = 2_001_000).fetch_whole().await;
}

#[tokio::test]
async fn a_commit_or_tree_that_is_too_large_is_refused() {
    let stage = Stage::usual().with(|config| config.max_metadata_bytes = 100_000);
    let plumbing = stage.plumbing();
    let blob = plumbing.blob(b"");
    let small = plumbing.tree(&[("100644", b"a", &blob)]);
    plumbing.set("refs/heads/main", &plumbing.commit(&small, &"long ".repeat(50_000)));
    check(&stage, "100.00 kB to unpack").await;

    let names: Vec<String> = (0..5000).map(|number| format!("{number:05}")).collect();
    let entries: Vec<_> = names.iter().map(|name| ("100644", name.as_bytes(), blob.as_str())).collect();
    plumbing.set_main(&entries);
    check(&stage, "100.00 kB to unpack").await;
}

/// Ten folders, each of which contains the next one ten times: ten to the power of ten in a few hundred
/// bytes.
#[tokio::test]
async fn trees_that_expand_without_end_are_refused() {
    let stage = Stage::usual();
    let plumbing = stage.plumbing();
    let names: Vec<Vec<u8>> = (b'0'..=b'9').map(|digit| vec![digit]).collect();
    let pointer = plumbing.blob(&stage.model.lfs_files().next().unwrap().git_bytes());
    for bottom in [plumbing.tree(&[]), plumbing.tree(&[("100644", b"leaf", &pointer)])] {
        let unfolding = (0..10).fold(bottom, |below, _| {
            let entries: Vec<_> =
                names.iter().map(|name| ("40000", name.as_slice(), below.as_str())).collect();
            plumbing.tree(&entries)
        });
        plumbing.set("refs/heads/main", &plumbing.commit(&unfolding, "bomb"));
        check(&stage, "100000 files and folders").await;
    }
}

#[tokio::test]
async fn folders_are_nested_only_so_deep() {
    let stage = Stage::usual();
    let plumbing = stage.plumbing();
    let leaf = plumbing.tree(&[("100644", b"leaf", &plumbing.blob(b"leaf"))]);
    let nested =
        |depth: usize| (0..depth).fold(leaf.clone(), |below, _| plumbing.tree(&[("40000", b"d", &below)]));

    plumbing.set("refs/heads/main", &plumbing.commit(&nested(32), "deep"));
    let fetched = stage.fetch().await.unwrap();
    assert_eq!(fetched.read(&format!("{}leaf", "d/".repeat(32))), b"leaf");

    plumbing.set("refs/heads/main", &plumbing.commit(&nested(33), "too deep"));
    let error = stage.fetch_error().await;
    assert!(matches!(error, Error::UnusablePath { .. }), "{error:?}");
    assert!(error.to_string().ends_with("it is nested too deeply"), "{error}");
    assert!(listing(&fetched.tree).len() == 33);
}
