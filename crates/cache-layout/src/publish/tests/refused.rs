//! File systems that only rename within a folder, or do not allow the entry to be moved.

use super::*;

#[test]
fn where_renames_between_folders_are_refused_a_copy_takes_the_entrys_place() {
    for (before, purpose) in SCENES {
        for system in [System::OwnFolderOnly, System::OwnFolderOnlyTwoRenames] {
            let folder = testing::folder();
            let (layout, slot) = testing::cache(&folder);
            let script = Script::new(folder.path()).on(system);
            let run = ready(&layout, &slot, purpose, "new");
            make(before, &layout, &slot);
            let published = run.publish_with(&script, &testing::inspect).unwrap();
            let expected = if matches!(published, Published::Ours(_)) { "new" } else { "old" };
            assert_eq!(weights(&slot).as_deref(), Some(expected));
            assert_eq!(expected == "old", (before, purpose) == (Before::Whole, Purpose::Fresh));
            let beside = testing::listing(slot.entry().parent().unwrap());
            assert!(beside.keys().all(|name| name.starts_with("repo")), "{beside:?}");
            assert!(!Staging::of(&slot).folder().exists());
        }
    }
}

#[test]
fn the_copy_is_synced_before_it_is_seen() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let script = Script::new(folder.path()).on(System::OwnFolderOnly);
    ready(&layout, &slot, Purpose::Fresh, "new").publish_with(&script, &testing::inspect).unwrap();
    let log = script.log();
    let start = log.iter().position(|step| step.starts_with("rename new RUN/tree")).unwrap();
    let expected = "\
        rename new RUN/tree -> WEIGHTS/hf/user/repo
        rename new RUN/tree -> BESIDE
        create dir BESIDE
        copy RUN/tree/config -> BESIDE/config
        create dir BESIDE/sub
        copy RUN/tree/sub/README.md -> BESIDE/sub/README.md
        copy RUN/tree/weights -> BESIDE/weights
        sync file BESIDE/config
        sync file BESIDE/sub/README.md
        sync dir BESIDE/sub
        sync file BESIDE/weights
        sync dir BESIDE
        write RUN/publishing-copy
        sync dir RUN
        rename new BESIDE -> WEIGHTS/hf/user/repo
        sync dir WEIGHTS/hf/user";
    let expected: Vec<_> = expected.lines().map(str::trim).collect();
    assert_eq!(log[start..start + expected.len()], expected);
}

#[test]
fn an_entry_that_cannot_be_moved_stays_and_the_error_says_why() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    for (before, purpose) in [(Before::Half, Purpose::Fresh), (Before::Whole, Purpose::Redo)] {
        let run = ready(&layout, &slot, purpose, "new");
        let earlier = make(before, &layout, &slot);
        let script = Script::new(folder.path()).on(System::FixedEntry);
        let error = run.publish_with(&script, &testing::inspect).unwrap_err();
        let entry = slot.entry().display();
        assert_eq!(
            error.to_string(),
            format!(
                "{entry} cannot be replaced as a whole: its file system does not let it be moved, as in a \
                 lower layer of a container's image"
            )
        );
        assert_eq!(error.kind(), ErrorKind::Disk);
        assert_eq!(visible(&layout, &slot), earlier);
        let again = layout.begin_run(&slot, purpose).unwrap();
        assert_eq!(again.pooled(&pooled()), Some(3), "nothing is downloaded again");
    }
}
