//! Random faults at random moments on files of random sizes: a file at its destination is right, and
//! once the host works again, everything arrives.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use local_hub::{Fault, FaultTarget, Times};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::cancelling::held;
use crate::support::{PATIENCE, Stage, chain, quick};

const SIZES: [u64; 7] = [0, 1, 1_000, 65_536, 65_537, 200_000, 1_100_000];

/// One fetch with its faults.
#[derive(Clone, Debug)]
struct Trial {
    faults: Vec<(usize, Fault, Times, bool)>,
    split_above: u64,
    connections: usize,
    /// The future is dropped after this many bytes.
    dropped_at: Option<u64>,
    /// What is left is damaged: a file, a position in it, and whether it is truncated there.
    damage: Option<(bool, usize, u64, bool)>,
}

fn faults() -> impl Strategy<Value = Fault> {
    let gzip = Fault::Header { name: "content-encoding".to_owned(), value: Some("gzip".to_owned()) };
    let after = || 0_u64..400_000;
    prop_oneof![
        after().prop_map(|after| Fault::Truncate { after }),
        after().prop_map(|after| Fault::Reset { after }),
        after().prop_map(|after| Fault::Stall { after }),
        after().prop_map(|at| Fault::Corrupt { at }),
        (1_u64..5000).prop_map(|by| Fault::TooLong { by }),
        (1_u64..5000).prop_map(|by| Fault::TooShort { by }),
        proptest::sample::select(vec![403_u16, 404, 416, 418, 429, 500, 503]).prop_map(Fault::status),
        Just(Fault::NoAnswer),
        Just(Fault::Refuse),
        Just(Fault::IgnoreRange),
        Just(Fault::WrongContentRange),
        Just(Fault::NoContentLength),
        Just(Fault::Html),
        Just(gzip),
    ]
}

fn trials() -> impl Strategy<Value = Trial> {
    let times =
        prop_oneof![3 => Just(Times::Once), 2 => (2_usize..6).prop_map(Times::N), 1 => Just(Times::Forever)];
    let fault = (0..SIZES.len(), faults(), times, any::<bool>());
    (
        proptest::collection::vec(fault, 0..5),
        proptest::sample::select(vec![4_000_u64, 65_536, 500_000, 8 << 20]),
        1_usize..7,
        proptest::option::of(0_u64..2_000_000),
        proptest::option::of((any::<bool>(), 0..SIZES.len(), 0_u64..1_000_000, any::<bool>())),
    )
        .prop_map(|(faults, split_above, connections, dropped_at, damage)| Trial {
            faults,
            split_above,
            connections,
            dropped_at,
            damage,
        })
}

fn names() -> Vec<String> {
    (0..SIZES.len()).map(|place| format!("{place}.bin")).collect()
}

/// The fetch with faults; it may fail.
async fn go_wrong(stage: &Stage, trial: &Trial) {
    for (file, fault, times, resumed) in &trial.faults {
        let target = FaultTarget::data(&format!("{file}.bin"));
        stage.hub.fault(if *resumed { target.resumed() } else { target }, fault.clone(), *times);
    }
    let soon = Duration::from_millis(80);
    let mut net = stage.net.clone();
    net.idle_timeout = soon;
    let fetcher = stage.builder.clone().build(shard_fetch::Client::new(net).unwrap());
    let (keep_alive, released) = held();
    let fetch = fetcher.fetch(stage.requests(), stage.locator.clone(), stage.events.clone(), keep_alive);
    let dropped = async {
        match trial.dropped_at {
            None => std::future::pending().await,
            Some(bytes) => {
                while names().iter().map(|name| stage.events.received(name)).sum::<u64>() < bytes {
                    tokio::task::yield_now().await;
                }
            }
        }
    };
    tokio::select! {
        // Whether it succeeds depends on the faults.
        _ = fetch => {}
        () = dropped => {}
    }
    tokio::time::timeout(PATIENCE, released).await.unwrap().unwrap();
    stage.events.check_contract();
    stage.hub.clear_faults();
}

fn damage(stage: &Stage, (is_journal, file, at, cut): (bool, usize, u64, bool)) {
    let suffix = if is_journal { ".journal" } else { "" };
    let path = stage.part(&format!("{file}.bin{suffix}"));
    let Ok(mut bytes) = std::fs::read(&path) else { return };
    let at = usize::try_from(at).unwrap() % bytes.len().max(1);
    match bytes.get_mut(at) {
        Some(_) if cut => bytes.truncate(at),
        Some(byte) => *byte ^= 0x10,
        None => {}
    }
    std::fs::write(&path, bytes).unwrap();
}

/// Whether every file at its destination is right.
fn nothing_is_wrong(stage: &Stage, right: &[Vec<u8>]) -> bool {
    names().iter().zip(right).all(|(name, right)| match std::fs::read(stage.destination(name)) {
        Ok(bytes) => bytes == *right,
        Err(_) => true,
    })
}

async fn check(stage: &Stage, right: &[Vec<u8>], trial: &Trial) -> Result<(), TestCaseError> {
    go_wrong(stage, trial).await;
    prop_assert!(nothing_is_wrong(stage, right));
    if let Some(damaged) = trial.damage {
        damage(stage, damaged);
    }
    let fetcher = stage.fetcher();
    // A file already at its destination is fetched again and replaced.
    let fetched = fetcher.fetch(stage.requests(), stage.locator.clone(), (), Arc::new(())).await;
    prop_assert!(fetched.is_ok(), "{}", chain(&fetched.unwrap_err()));
    prop_assert!(stage.model.shards().all(|file| stage.destination(&file.path).exists()));
    prop_assert!(nothing_is_wrong(stage, right));
    Ok(())
}

/// 100 cases, or as set by `PROPTEST_CASES`.
#[test]
fn after_any_faults_a_file_is_right_or_missing() {
    let asked = Config::default();
    // proptest's default, if nothing was set.
    let cases = if asked.cases == 256 { 100 } else { asked.cases };
    let seed = match asked.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
    };
    println!("PROPTEST_RNG_SEED={seed}");
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..asked };
    let names = names();
    let shards: Vec<_> = names.iter().map(String::as_str).zip(SIZES).collect();
    let stage = Stage::new(&shards);
    let right: Vec<_> = names.iter().map(|name| stage.model.file(name).unwrap().bytes()).collect();
    let stage = std::cell::RefCell::new(Some(stage));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let outcome = TestRunner::new(config).run(&trials(), |trial| {
        let fresh = stage.take().unwrap().anew(|builder| {
            let connections = trial.connections.try_into().unwrap();
            builder.split_above(trial.split_above).files_in_flight(connections).retry(quick())
        });
        let checked = runtime.block_on(check(&fresh, &right, &trial));
        stage.replace(Some(fresh));
        checked
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
