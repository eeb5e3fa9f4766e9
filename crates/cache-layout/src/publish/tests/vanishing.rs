//! What others remove or publish meanwhile.

use super::*;

/// Removing a user's last model also removes the folder above it, even one created a moment ago.
#[test]
fn a_folder_that_vanishes_is_created_again() {
    for (system, steps) in [
        (System::Exchange, &["rename new RUN/tree -> WEIGHTS"][..]),
        (
            System::OwnFolderOnly,
            &["rename new RUN/tree -> WEIGHTS", "rename new RUN/tree -> BESIDE", "create dir BESIDE"],
        ),
    ] {
        for step in steps {
            let folder = testing::folder();
            let (layout, slot) = testing::cache(&folder);
            let users_folder = slot.entry().parent().unwrap().to_owned();
            let script = Script::new(folder.path()).on(system);
            let script = script.meanwhile(step, 1, move || fs::remove_dir(users_folder).unwrap());
            let run = ready(&layout, &slot, Purpose::Fresh, "new");
            let published = run.publish_with(&script, &testing::inspect).unwrap();
            assert_eq!(published, Published::Ours(slot.entry().into()), "{step}");
            assert_eq!(weights(&slot).as_deref(), Some("new"), "{step}");
            let log = script.log();
            let created = log.iter().filter(|step| *step == "create dir WEIGHTS/hf/user").count();
            assert_eq!(created, 2, "{log:?}");
        }
    }
}

/// Where locks do nothing, and two folders cannot be exchanged in one step.
#[test]
fn another_run_that_publishes_between_the_two_renames_is_replaced_too() {
    for system in [System::TwoRenames, System::OwnFolderOnlyTwoRenames] {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        make(Before::Whole, &layout, &slot);
        let entry = slot.entry().to_owned();
        let tree = if system == System::TwoRenames { "RUN/tree" } else { "BESIDE" };
        let step = format!("rename new {tree} -> WEIGHTS");
        let script = Script::new(folder.path()).on(system);
        let script = script.meanwhile(&step, 2, move || testing::fill(&entry, "another's"));
        let run = ready(&layout, &slot, Purpose::Redo, "new");
        let published = run.publish_with(&script, &testing::inspect).unwrap();
        assert_eq!(published, Published::Ours(slot.entry().into()), "{system:?}");
        assert_eq!(weights(&slot).as_deref(), Some("new"), "{system:?}");
        assert!(!Staging::of(&slot).folder().exists(), "{system:?}: {:?}", script.log());
    }
}
