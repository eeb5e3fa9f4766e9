//! Random faults, models of random sizes, kills at random moments, and damage to the files left behind: the
//! published directory is right or absent, and with a healthy hub the next run succeeds.

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

/// The number of parallel trials. They mostly wait for the delays between attempts.
const WORKERS: u32 = 6;

/// Starts the program with the options of the trial.
fn start(stage: &Stage, trial: &Trial) -> Child {
    let mut command = stage.program();
    // The shortest possible timeout.
    command.env("HF_HUB_DOWNLOAD_TIMEOUT", "1");
    if let Some(connections) = trial.connections {
        command.args(["-j", &connections.to_string()]);
    }
    if !trial.is_synced {
        command.arg("--no-fsync");
    }
    command.spawn().unwrap()
}

/// Starts the program and kills it. Returns false if it had ended before.
fn kill(stage: &Stage, trial: &Trial, moment: Moment) -> bool {
    let (log, begun) = (stage.hub.log().data().from_now(), Instant::now());
    let ended = kill_when(start(stage, trial), &log, |log| match moment {
        Moment::Sent(part) => !log.is_empty() && log.bytes_sent() >= stage.size() * part / 1000,
        Moment::After(millis) => begun.elapsed() >= Duration::from_millis(millis),
    });
    ended.was_killed()
}

/// Runs a trial. Returns whether the program was killed.
fn check(trial: &Trial) -> Result<bool, TestCaseError> {
    let stage = Stage::new(LocalHub::builder(), &trial.fixture());
    for failure in &trial.failures {
        stage.hub.fault(trial.target(failure), failure.fault.clone(), failure.times);
    }
    let mut was_killed = false;
    for (moment, damage) in &trial.kills {
        was_killed |= kill(&stage, trial, *moment);
        stage.is_published();
        inflict(&stage.staging(), damage.as_ref());
    }
    let ended = Ended::of(start(&stage, trial));
    // Success, refused, wrong bytes, or a network failure.
    let log = stage.hub.log();
    prop_assert!(matches!(ended.status.code(), Some(0 | 4 | 5 | 6)), "{}\n{log}", ended.stderr);
    prop_assert_eq!(stage.is_published(), ended.status.success());
    inflict(&stage.staging(), trial.damage.as_ref());

    stage.hub.clear_faults();
    let ended = Ended::of(start(&stage, trial));
    prop_assert!(ended.status.success() && stage.is_published(), "{}\n{log}", ended.stderr);
    Ok(was_killed)
}

/// Runs `config.cases` trials, and returns in how many of them the program was killed.
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

/// Runs 102 trials, or as many as `PROPTEST_CASES` says.
#[test]
fn whatever_happens() {
    let asked = Config::default();
    // 256 is proptest's default.
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
        // Each step takes as long as a trial.
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
