//! Random faults, on models of random sizes, with the program killed at random moments and what it leaves
//! damaged: the published directory is right or absent, and a healthy hub mends everything.

use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use local_hub::LocalHub;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::damage::inflict;
use crate::stage::{Ended, Stage, kill_when};
use crate::trial::{Moment, Trial, trials};

/// How many trials go on at once. Most of their time they wait for the delays between attempts.
const WORKERS: u32 = 6;

/// The program, told what the trial says.
fn start(stage: &Stage, trial: &Trial) -> Child {
    let mut command = stage.program();
    // The shortest there is.
    command.env("HF_HUB_DOWNLOAD_TIMEOUT", "1");
    if let Some(connections) = trial.connections {
        command.args(["-j", &connections.to_string()]);
    }
    if !trial.is_synced {
        command.arg("--no-fsync");
    }
    command.spawn().unwrap()
}

/// Starts the program and kills it; whether it had not ended before.
fn kill(stage: &Stage, trial: &Trial, moment: Moment) -> bool {
    let (log, begun) = (stage.hub.log().data().from_now(), Instant::now());
    let ended = kill_when(start(stage, trial), &log, |log| match moment {
        Moment::Sent(part) => !log.is_empty() && log.bytes_sent() >= stage.size() * part / 1000,
        Moment::After(millis) => begun.elapsed() >= Duration::from_millis(millis),
    });
    ended.was_killed()
}

/// Whether the program was killed.
fn check(trial: &Trial) -> Result<bool, TestCaseError> {
    let stage = Stage::new(LocalHub::builder(), &trial.fixture());
    for misfortune in &trial.misfortunes {
        stage.hub.fault(trial.target(misfortune), misfortune.fault.clone(), misfortune.times);
    }
    let mut was_killed = false;
    for (moment, damage) in &trial.kills {
        was_killed |= kill(&stage, trial, *moment);
        stage.is_published();
        inflict(&stage.staging(), damage.as_ref());
    }
    let ended = Ended::of(start(&stage, trial));
    // Done, refused, not the right bytes, or no network.
    let log = stage.hub.log();
    prop_assert!(matches!(ended.status.code(), Some(0 | 4 | 5 | 6)), "{}\n{log}", ended.stderr);
    prop_assert_eq!(stage.is_published(), ended.status.success());
    inflict(&stage.staging(), trial.damage.as_ref());

    stage.hub.clear_faults();
    let ended = Ended::of(start(&stage, trial));
    prop_assert!(ended.status.success() && stage.is_published(), "{}\n{log}", ended.stderr);
    Ok(was_killed)
}

/// Runs `config.cases` trials; in how many of them the program was killed.
fn run(config: Config) -> u32 {
    let killed = AtomicU32::new(0);
    let outcome = TestRunner::new(config).run(&trials(), |trial| {
        killed.fetch_add(check(&trial)?.into(), Ordering::Relaxed);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    killed.into_inner()
}

/// 102 trials, or as many as `PROPTEST_CASES` says.
#[test]
fn whatever_happens() {
    let asked = Config::default();
    // proptest's own number, when none was asked for.
    let cases = if asked.cases == 256 { 102 } else { asked.cases };
    let seed = match asked.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
    };
    println!("PROPTEST_RNG_SEED={seed}");
    let of_worker = |worker: u32| Config {
        cases: cases.div_ceil(WORKERS),
        rng_seed: RngSeed::Fixed(seed.wrapping_add(worker.into())),
        failure_persistence: None,
        // Each step costs as much as a trial.
        max_shrink_iters: 40,
        ..Config::default()
    };
    let killed: u32 = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..WORKERS).map(|worker| scope.spawn(move || run(of_worker(worker)))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    println!("in {killed} of {cases} trials the program was killed");
    assert!(killed >= cases / 5, "killed in {killed} of {cases} trials");
}
