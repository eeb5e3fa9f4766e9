use std::cell::RefCell;
use std::fs;
use std::sync::Barrier;

use serde::{Deserialize, Serialize};

use super::*;
use crate::content::ContentName;
use crate::layout::CacheLayout;
use crate::ops::{FileOps as _, RealOps};
use crate::receipt::Receipt;
use crate::run::Run;
use crate::slot::Slot;
use crate::staging::Staging;
use crate::testing;
use url_parse::ErrorKind;

mod killed;
mod refused;
mod script;
mod vanishing;

use script::{Script, System};

fn pooled() -> ContentName {
    ContentName::sha256([1; 32])
}

fn receipt(n: u8) -> Receipt {
    let mut receipt = Receipt::new(url_parse::CommitId::from_bytes([n; 20]), [n; 32]);
    receipt.made_at = std::time::SystemTime::UNIX_EPOCH;
    receipt
}

/// A run with a whole tree made from its pool, and a receipt.
fn ready(layout: &CacheLayout, slot: &Slot, purpose: Purpose, weights: &str) -> Run {
    let run = layout.begin_run(slot, purpose).unwrap();
    fs::write(run.pool_path(&pooled()), weights).unwrap();
    run.place(&pooled(), &"weights".parse().unwrap()).unwrap();
    testing::write(&run.tree().join("config"), "{}");
    testing::write(&run.tree().join("sub/README.md"), "text");
    run.write_receipt(&receipt(2)).unwrap();
    run
}

fn weights(slot: &Slot) -> Option<String> {
    fs::read_to_string(slot.entry().join("weights")).ok()
}

/// What is in the entry's place before publishing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Before {
    Nothing,
    Half,
    Whole,
}

/// Sets up that state with its receipt, and returns what is then visible.
fn make(before: Before, layout: &CacheLayout, slot: &Slot) -> Visible {
    match before {
        Before::Nothing => {}
        Before::Half => testing::write(&slot.entry().join("weights"), "old"),
        Before::Whole => testing::fill(slot.entry(), "old"),
    }
    if before != Before::Nothing {
        testing::write(&slot.receipt_file(), std::str::from_utf8(&receipt(1).to_json()).unwrap());
    }
    visible(layout, slot)
}

type Visible = (std::collections::BTreeMap<String, String>, Option<Receipt>);

fn visible(layout: &CacheLayout, slot: &Slot) -> Visible {
    let mut tree = testing::listing(&layout.home().join("model_weights"));
    tree.retain(|name, _| !name.starts_with(".mlc-weights"));
    (tree, layout.receipt(slot))
}

#[track_caller]
fn check(before: Before, purpose: Purpose, ours: bool) {
    for durability in [Durability::Synced, Durability::Fast] {
        let folder = testing::folder();
        let (layout, slot) = testing::cache(&folder);
        let layout = if durability == Durability::Fast { testing::fast(&layout) } else { layout };
        let run = ready(&layout, &slot, purpose, "new");
        let (_, earlier) = make(before, &layout, &slot);
        let published = run.publish(&testing::inspect).unwrap();
        let (expected, text, latest) = if ours {
            (Published::Ours(slot.entry().into()), "new", Some(receipt(2)))
        } else {
            (Published::SomeoneElse(slot.entry().into()), "old", earlier)
        };
        assert_eq!(published, expected);
        assert_eq!(published.path(), slot.entry());
        assert_eq!(weights(&slot).as_deref(), Some(text));
        assert_eq!(layout.receipt(&slot), latest);
        assert!(!Staging::of(&slot).folder().exists(), "{:?}", testing::listing(Staging::of(&slot).folder()));
    }
}

#[test]
fn a_tree_becomes_the_entry() {
    check(Before::Nothing, Purpose::Fresh, true);
    check(Before::Nothing, Purpose::Redo, true);
}

#[test]
fn an_entry_is_replaced_unless_it_is_as_good() {
    check(Before::Half, Purpose::Fresh, true);
    check(Before::Half, Purpose::Redo, true);
    check(Before::Whole, Purpose::Fresh, false);
    check(Before::Whole, Purpose::Redo, true);
}

/// A receipt records which files a commit lacks, so the new one also describes an old entry of the same
/// commit that lacks them.
#[test]
fn a_broken_entry_is_replaced_although_the_new_receipt_matches_it() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let inspect = |dir: &Path| match (testing::inspect(dir), layout.receipt(&slot)) {
        (Completeness::Incomplete { .. }, Some(_)) => Completeness::Whole,
        (found, _) => found,
    };
    let run = ready(&layout, &slot, Purpose::Fresh, "new");
    testing::write(&slot.entry().join("weights"), "old");
    assert_eq!(run.publish(&inspect).unwrap(), Published::Ours(slot.entry().into()));
    assert_eq!(weights(&slot).as_deref(), Some("new"));
    assert_eq!(layout.receipt(&slot), Some(receipt(2)));
}

#[test]
fn the_steps_have_an_order() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let script = Script::new(folder.path());
    ready(&layout, &slot, Purpose::Fresh, "new").publish_with(&script, &testing::inspect).unwrap();
    let expected = "\
        sync file RUN/tree/config
        sync file RUN/tree/sub/README.md
        sync dir RUN/tree/sub
        sync file RUN/tree/weights
        sync dir RUN/tree
        create dir WEIGHTS/hf
        create dir WEIGHTS/hf/user
        write RUN/publishing
        sync dir RUN
        sync file PRIVATE/receipts/DRAFT
        rename PRIVATE/receipts/DRAFT -> PRIVATE/receipts/user+repo.json
        rename new RUN/tree -> WEIGHTS/hf/user/repo
        sync dir WEIGHTS/hf/user
        sync dir WEIGHTS/hf
        sync dir WEIGHTS
        sync dir PRIVATE/receipts";
    assert_eq!(script.log(), expected.lines().map(str::trim).collect::<Vec<_>>());

    let script = Script::new(folder.path());
    ready(&layout, &slot, Purpose::Redo, "newer").publish_with(&script, &testing::inspect).unwrap();
    let mut log = script.log();
    // Windows cannot exchange folders; the next test covers that.
    let aside = "rename new WEIGHTS/hf/user/repo -> RUN/displaced";
    if let Some(at) = log.iter().position(|step| cfg!(windows) && step == aside) {
        log.drain(at..at + 2);
    }
    let expected = "\
        write RUN/publishing
        sync dir RUN
        sync file PRIVATE/receipts/DRAFT
        link PRIVATE/receipts/user+repo.json -> RUN/previous-receipt.json
        rename PRIVATE/receipts/DRAFT -> PRIVATE/receipts/user+repo.json
        rename new RUN/tree -> WEIGHTS/hf/user/repo
        exchange RUN/tree -> WEIGHTS/hf/user/repo
        sync dir WEIGHTS/hf/user
        sync dir PRIVATE/receipts";
    assert_eq!(log[5..], expected.lines().map(str::trim).collect::<Vec<_>>());
}

#[test]
fn without_exchange_the_old_entry_is_moved_aside() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    make(Before::Whole, &layout, &slot);
    let script = Script::new(folder.path()).on(System::TwoRenames);
    ready(&layout, &slot, Purpose::Redo, "new").publish_with(&script, &testing::inspect).unwrap();
    let log = script.log();
    let start = log.iter().position(|step| step.starts_with("exchange")).unwrap();
    assert_eq!(
        log[start + 1..start + 3],
        ["rename new WEIGHTS/hf/user/repo -> RUN/displaced", "rename new RUN/tree -> WEIGHTS/hf/user/repo"]
    );
    assert_eq!(weights(&slot).as_deref(), Some("new"));
    assert!(!Staging::of(&slot).folder().exists());
}

#[test]
fn without_durability_nothing_is_synced() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let layout = testing::fast(&layout);
    let script = Script::new(folder.path());
    ready(&layout, &slot, Purpose::Fresh, "new").publish_with(&script, &testing::inspect).unwrap();
    let log = script.log();
    assert!(log.iter().all(|step| !step.starts_with("sync")), "{log:?}");
    assert!(log.iter().any(|step| step.starts_with("rename new")), "{log:?}");
}

const SCENES: [(Before, Purpose); 4] = [
    (Before::Nothing, Purpose::Fresh),
    (Before::Half, Purpose::Fresh),
    (Before::Whole, Purpose::Redo),
    (Before::Whole, Purpose::Fresh),
];

/// With and without syncing. Without it, fewer of the same steps are taken; Wine, where each is slow, does them once.
const SYNCED: &[bool] = if cfg!(windows) { &[true] } else { &[true, false] };

/// Calls `check(script, scene)` with a script that fails at each step in turn.
fn at_every_step(check: impl Fn(&CacheLayout, &Slot, Script, (Before, Purpose)) -> bool) {
    for scene in SCENES {
        for &system in System::ALL {
            for &synced in SYNCED {
                let mut step = 0;
                loop {
                    let folder = testing::folder();
                    let (layout, slot) = testing::cache(&folder);
                    let layout = if synced { layout } else { testing::fast(&layout) };
                    let script = Script::new(folder.path()).on(system).stumbling_at(step);
                    if !check(&layout, &slot, script, scene) {
                        break;
                    }
                    step += 1;
                }
                assert!(step > 4, "{scene:?} {system:?}: {step} steps");
            }
        }
    }
}

#[test]
fn a_failure_of_any_step_leaves_nothing_visible() {
    at_every_step(|layout, slot, script, (before, purpose)| {
        let run = ready(layout, slot, purpose, "new");
        let earlier = make(before, layout, slot);
        let outcome = run.publish_with(&script, &testing::inspect);
        let Some(step) = script.stumbled() else {
            outcome.unwrap();
            return false;
        };
        match outcome {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NoSpace, "{step}: {error}");
                assert_eq!(visible(layout, slot), earlier, "{step}");
                let again = layout.begin_run(slot, purpose).unwrap();
                assert_eq!(again.pooled(&pooled()), Some(3), "{step}: the pool is kept");
                drop(again);
            }
            // Once the tree is in place, or another run's is, later failures are only logged.
            Ok(Published::Ours(_)) => {
                assert!(step.starts_with("sync dir"), "{step}");
                assert_eq!(weights(slot).as_deref(), Some("new"));
            }
            Ok(Published::SomeoneElse(_)) => assert_eq!(weights(slot).as_deref(), Some("old")),
        }
        assert_eq!(testing::listing(&Staging::of(slot).runs_folder()).len(), 0, "{step}");
        ready(&testing::fast(layout), slot, Purpose::Redo, "newest").publish(&testing::inspect).unwrap();
        assert_eq!(weights(slot).as_deref(), Some("newest"));
        true
    });
}

#[test]
fn an_entry_that_cannot_be_moved_back_at_once_is_not_lost() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = ready(&layout, &slot, Purpose::Redo, "new");
    let earlier = make(Before::Whole, &layout, &slot);
    // The second rename and every later step fail.
    let script = Script::new(folder.path()).on(System::TwoRenames).failing_from("rename new RUN/tree", 2);
    let error = run.publish_with(&script, &testing::inspect).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(script.log().iter().any(|step| step.starts_with("rename new RUN/displaced")));
    assert_eq!(visible(&layout, &slot).0, earlier.0, "the run brought it back when it was dropped");
}

#[test]
fn a_link_or_a_file_in_the_entrys_place_is_refused() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = ready(&layout, &slot, Purpose::Redo, "new");
    testing::write(slot.entry(), "a file");
    let error = run.publish(&testing::inspect).unwrap_err();
    assert!(matches!(error, Error::EntryIsNotADirectory { .. }), "{error}");
    assert_eq!(fs::read_to_string(slot.entry()).unwrap(), "a file");

    #[cfg(unix)]
    for purpose in [Purpose::Fresh, Purpose::Redo] {
        let _ = fs::remove_file(slot.entry());
        let run = ready(&layout, &slot, purpose, "new");
        let own = folder.path().join("own");
        testing::write(&own.join("config"), "{}");
        std::os::unix::fs::symlink(&own, slot.entry()).unwrap();
        let error = run.publish(&testing::inspect).unwrap_err();
        assert!(matches!(error, Error::EntryIsLink { .. }), "{error}");
        assert_eq!(fs::read_link(slot.entry()).unwrap(), own);
        assert_eq!(testing::listing(&own).into_keys().collect::<Vec<_>>(), ["config"]);
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_whole_model_that_appears_meanwhile_is_accepted() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let run = ready(&layout, &slot, Purpose::Fresh, "new");
    testing::fill(&folder.path().join("own"), "own");
    fs::create_dir_all(slot.entry().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(folder.path().join("own"), slot.entry()).unwrap();
    let published = run.publish(&testing::inspect).unwrap();
    assert_eq!(published, Published::SomeoneElse(slot.entry().into()));
    assert_eq!(weights(&slot).as_deref(), Some("own"));
}

#[cfg(unix)]
#[test]
fn a_published_tree_has_the_modes_of_the_umask() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    ready(&layout, &slot, Purpose::Fresh, "new").publish(&testing::inspect).unwrap();
    let (file, dir) = testing::umask_modes(&folder);
    assert_eq!(testing::mode(&slot.receipt_file()), file);
    let weights = layout.home().join("model_weights");
    let listing = testing::listing(&weights);
    assert!(listing.len() > 6, "{listing:?}");
    for (name, kind) in listing {
        let expected = if kind == "dir" { dir } else { file };
        assert_eq!(testing::mode(&weights.join(&name)), expected, "{name}");
    }
}

#[test]
fn two_publications_at_once_both_succeed_and_leave_one_tree() {
    for (purpose, winners) in [(Purpose::Fresh, 1), (Purpose::Redo, 2)] {
        for _ in 0..20 {
            let folder = testing::folder();
            let (layout, slot) = testing::cache(&folder);
            let layout = testing::fast(&layout);
            let together = Barrier::new(2);
            let runs = ["one", "two"].map(|text| {
                let run = layout.begin_run(&slot, purpose).unwrap();
                testing::fill(run.tree(), text);
                run
            });
            let publish = |run: Run| {
                together.wait();
                run.publish(&testing::inspect).unwrap()
            };
            let outcomes = std::thread::scope(|scope| {
                runs.map(|run| scope.spawn(|| publish(run))).map(|thread| thread.join().unwrap())
            });
            let ours = outcomes.iter().filter(|outcome| matches!(outcome, Published::Ours(_))).count();
            assert_eq!(ours, winners, "{outcomes:?}");
            assert_eq!(testing::inspect(slot.entry()), Completeness::Whole);
            assert_eq!(testing::listing(slot.entry()).len(), 2);
        }
    }
}

#[test]
fn a_reader_sees_the_old_model_or_the_new_one() {
    let folder = testing::folder();
    let (layout, slot) = testing::cache(&folder);
    let layout = testing::fast(&layout);
    make(Before::Whole, &layout, &slot);
    if RealOps
        .exchange(slot.entry_place(), slot.entry_place())
        .is_err_and(|e| e.kind() == io::ErrorKind::Unsupported)
    {
        println!("skipped: this file system exchanges no folders");
        return;
    }
    let publish = || {
        for _ in 0..20 {
            ready(&layout, &slot, Purpose::Redo, "new").publish(&testing::inspect).unwrap();
        }
    };
    std::thread::scope(|scope| {
        let publisher = scope.spawn(publish);
        let mut looks = 0;
        while !publisher.is_finished() {
            assert!(["old", "new"].contains(&weights(&slot).unwrap().as_str()));
            looks += 1;
        }
        publisher.join().unwrap();
        assert!(looks > 0);
    });
}
