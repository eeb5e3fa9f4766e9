//! Parts, destinations, and disk failures.

use std::fs;
use std::sync::Arc;

use local_hub::{Fault, FaultTarget, Times};
use shard_fetch::{Error, ErrorKind};

use crate::support::{Seen, Stage, chain};

#[tokio::test]
async fn a_disk_without_room_is_found_before_any_request() {
    let stage = Stage::new(&[("a.bin", 10), ("b.bin", 10)]);
    let mut requests = stage.requests();
    requests[1].expected.size = 1 << 60;
    let result = stage.fetch_from(requests, stage.locator.clone(), Arc::new(())).await;
    if cfg!(unix) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        let parts = stage.dir.path().join("parts");
        let start = format!("not enough space at {}: 1152921.50 TB needed, ", parts.display());
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(stage.hub.log().resolve().is_empty() && stage.hub.log().data().is_empty());
        assert_eq!(stage.events.begun(), 0);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made() {
    let stage = Stage::one(10);
    fs::write(stage.dir.path().join("parts"), "in the way").unwrap();
    let error = stage.fetch_error().await;
    assert_eq!(error.kind(), ErrorKind::Disk);
    assert_eq!(error.to_string(), format!("cannot create {}", stage.dir.path().join("parts").display()));
    assert!(stage.hub.log().resolve().is_empty());
}

#[tokio::test]
async fn disk_errors_are_not_tried_again() {
    let stage = Stage::one(10);
    fs::create_dir_all(stage.destination("a.bin").join("in the way")).unwrap();
    let error = stage.fetch().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disk);
    assert!(error.to_string().starts_with("cannot move a finished file to "), "{error}");
    assert_eq!(stage.hub.log().data().count(), 1);

    let stage = Stage::one(1_000_000);
    fs::create_dir_all(stage.part("a.bin")).unwrap();
    let error = stage.fetch().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot create {}", stage.part("a.bin").display()));
    assert!(stage.hub.log().resolve().is_empty());
    assert!(matches!(stage.events.end("a.bin"), Some(Seen::Failed(_))));
}

#[tokio::test]
async fn two_files_in_one_place_are_refused() {
    let stage = Stage::new(&[("a.bin", 10), ("b.bin", 10)]);
    let mut requests = stage.requests();
    requests[1].destination = requests[0].destination.clone();
    let error = stage.fetch_from(requests, stage.locator.clone(), Arc::new(())).await.unwrap_err();
    assert!(matches!(error, Error::SameLocalFile { .. }), "{}", chain(&error));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(stage.hub.log().resolve().is_empty());
}

#[tokio::test]
async fn an_old_part_is_replaced_not_overwritten() {
    let stage = Stage::one(1000);
    fs::create_dir_all(stage.dir.path().join("parts")).unwrap();
    fs::write(stage.part("a.bin"), "old").unwrap();
    fs::hard_link(stage.part("a.bin"), stage.dir.path().join("elsewhere")).unwrap();
    stage.fetch_all().await;
    assert_eq!(fs::read_to_string(stage.dir.path().join("elsewhere")).unwrap(), "old");
}

#[tokio::test]
async fn an_old_destination_is_replaced_in_the_end_only() {
    let stage = Stage::one(1000);
    fs::create_dir_all(stage.dir.path().join("done")).unwrap();
    fs::write(stage.destination("a.bin"), "old").unwrap();
    stage.hub.fault(FaultTarget::data("a.bin"), Fault::status(451), Times::Once);
    stage.fetch().await.unwrap_err();
    assert_eq!(fs::read_to_string(stage.destination("a.bin")).unwrap(), "old");
    let again = Stage { events: Arc::default(), ..stage };
    again.fetch_all().await;
}

#[tokio::test]
async fn files_are_fetched_with_syncing_too() {
    let stage = Stage::new(&[("a.bin", 100_000), ("b.bin", 0)]).with(|builder| builder.synced(true));
    stage.fetch_all().await;
}

#[cfg(unix)]
#[tokio::test]
async fn permissions_follow_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new(&[("a.bin", 1000), ("sub/b.bin", 0)]);
    stage.fetch_all().await;
    let mode = |path| fs::metadata(path).unwrap().permissions().mode();
    fs::write(stage.dir.path().join("usual"), "").unwrap();
    for file in ["a.bin", "sub/b.bin"] {
        assert_eq!(mode(stage.destination(file)), mode(stage.dir.path().join("usual")));
    }
}
