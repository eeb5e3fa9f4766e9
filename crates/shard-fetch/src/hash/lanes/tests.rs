use fearless_simd::Level;
use proptest::prelude::*;

use super::*;
use crate::StreamHasher;

fn digests(bytes: &[u8]) -> Digests {
    let mut hasher = StreamHasher::for_all();
    hasher.update(bytes);
    hasher.finish()
}

/// What is wanted of this file: not the same of all.
fn wanted(engine: Engine, file: usize, bytes: &[u8]) -> Expected {
    let Digests { size, md5, sha256 } = digests(bytes);
    match file % 4 {
        1 => Expected { size, md5, sha256: None },
        2 if matches!(engine.native, Native::Sixteen) => Expected { size, md5: None, sha256 },
        _ => Expected { size, md5, sha256 },
    }
}

#[track_caller]
fn check_digests(stream: &Stream, expected: Expected) {
    let mut actual = Digests { size: expected.size, md5: None, sha256: None };
    stream.finish(&mut actual);
    let rest = stream.rest_of(expected);
    let unless_left = Digests {
        size: expected.size,
        md5: expected.md5.filter(|_| rest.md5.is_none()),
        sha256: expected.sha256.filter(|_| rest.sha256.is_none()),
    };
    assert_eq!(actual, unless_left);
}

fn noise(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 131 + place / 7 + seed * 59).to_le_bytes()[0]).collect()
}

/// Hashes `files` messages together: blocks of `lengths`, then a tail each on its own.
fn check(engine: Engine, files: usize, lengths: &[usize], tail: usize) {
    let common: usize = lengths.iter().sum();
    let messages: Vec<_> = (0..files).map(|file| noise(file, common + tail * file)).collect();
    let expected: Vec<_> =
        messages.iter().enumerate().map(|(file, message)| wanted(engine, file, message)).collect();
    let mut streams: Vec<_> = expected.iter().map(|expected| engine.new_stream(expected).unwrap()).collect();
    let mut begin = 0;
    for length in lengths {
        let blocks: Vec<_> = messages.iter().map(|message| &message[begin..begin + length]).collect();
        engine.update(&mut streams.iter_mut().collect::<Vec<_>>(), &blocks);
        begin += length;
    }
    for ((message, mut stream), expected) in messages.iter().zip(streams).zip(expected) {
        stream.update(&message[common..]);
        check_digests(&stream, expected);
    }
}

/// Each lane width that some machine has. All of them work on every machine, only more slowly.
fn engines() -> impl Iterator<Item = Engine> {
    let detected = Engine::detect();
    detected.into_iter().flat_map(|engine| {
        [Native::Four, Native::Eight, Native::Sixteen].map(|native| Engine { native, ..engine })
    })
}

#[test]
fn any_number_of_files_is_hashed_together() {
    for engine in engines() {
        for files in 0..=MAX_LANES {
            for tail in [0, 1, 55, 56, 63, 64, 65] {
                check(engine, files, &[64, 2048, 128], tail);
            }
        }
        check(engine, MAX_LANES, &[BLOCK_BYTES, BLOCK_BYTES], 1);
    }
}

#[test]
fn files_that_join_and_leave() {
    for engine in engines() {
        let messages: Vec<_> = (0..MAX_LANES).map(|file| noise(file, (MAX_LANES - file) * 192)).collect();
        let wanted = |file| wanted(engine, file, &messages[file]);
        let mut streams: Vec<_> =
            (0..MAX_LANES).map(|file| engine.new_stream(&wanted(file)).unwrap()).collect();
        // File n joins in round n, and each file changes lanes in each round.
        for round in 0..MAX_LANES {
            let mut active: Vec<_> = streams.iter_mut().take(round + 1).collect();
            let from = |file: usize| (round - file) * 192;
            let mut blocks: Vec<_> =
                (0..=round).map(|file| &messages[file][from(file)..from(file) + 192]).collect();
            active.rotate_left(round / 2);
            blocks.rotate_left(round / 2);
            engine.update(&mut active, &blocks);
        }
        for (file, stream) in streams.iter().enumerate() {
            check_digests(stream, wanted(file));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_blocks_and_tails(
        files in 0..=MAX_LANES,
        lengths in prop::collection::vec(1..40_usize, 0..6),
        tail in 0..300_usize,
    ) {
        let lengths: Vec<_> = lengths.into_iter().map(|length| length * 64).collect();
        for engine in engines() {
            check(engine, files, &lengths, tail);
        }
    }
}

/// Each digest that this machine computes in lanes.
#[test]
fn the_faulty_engine_is_wrong() {
    if let Some(engine) = Engine::faulty() {
        let message = noise(1, 64);
        let expected = wanted(engine, 0, &message);
        for rest in [Expected { sha256: None, ..expected }, Expected { md5: None, ..expected }] {
            let mut streams: Vec<_> = (0..8).filter_map(|_| engine.new_stream(&rest)).collect();
            if streams.is_empty() {
                continue;
            }
            engine.update(&mut streams.iter_mut().collect::<Vec<_>>(), &[message.as_slice(); 8]);
            let right: Vec<_> = streams
                .iter()
                .map(|stream| {
                    let mut actual = Digests { size: 64, md5: None, sha256: None };
                    stream.finish(&mut actual);
                    rest.check(&actual).is_ok()
                })
                .collect();
            assert_eq!(right, [false, true, true, true, true, true, true, true]);
        }
    }
}

/// Each instruction set that the crate supports and this machine or its emulator has.
fn levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    let lesser = [
        best.as_avx2().map(Level::Avx2),
        best.as_sse4_2().map(Level::Sse4_2),
        best.as_sse2().map(Level::Sse2),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let lesser = [Some(Level::baseline())];
    std::iter::once(best).chain(lesser.into_iter().flatten()).collect()
}

/// An operation on several messages at once, or on one.
#[derive(Clone, Debug)]
enum Step {
    /// The same number of bytes for each.
    Equal(usize),
    /// A different number of bytes for each, in turn.
    Mixed(Vec<usize>),
    One {
        lane: usize,
        length: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![0..200_usize, (0..12_usize).prop_map(|blocks| blocks * 64), 900..1100_usize];
    prop_oneof![
        length.clone().prop_map(Step::Equal),
        prop::collection::vec(length.clone(), 1..9).prop_map(Step::Mixed),
        (0..40_usize, length).prop_map(|(lane, length)| Step::One { lane, length }),
    ]
}

/// Bytes that start at this offset in a word and end exactly where their allocation does, so that a
/// read past the end is out of bounds.
fn piece(seed: usize, length: usize, misplaced: usize) -> Vec<u8> {
    let mut bytes = vec![0; misplaced];
    bytes.extend(noise(seed, length));
    bytes.shrink_to_fit();
    bytes
}

/// Tests the crate itself beyond what our engine uses: any number of lanes, and different lengths.
fn check_crate(level: Level, lanes: usize, steps: &[Step], misplaced: usize) {
    let many = Md5Many::from_level(level);
    let mut states = vec![Md5State::new(); lanes];
    let mut witnesses: Vec<md5::Md5> = (0..lanes).map(|_| md5::Digest::new()).collect();
    for (number, step) in steps.iter().enumerate() {
        let length = |lane: usize| match step {
            Step::Equal(length) => *length,
            Step::Mixed(lengths) => lengths[lane % lengths.len()],
            Step::One { lane: one, length } => {
                if one % lanes == lane {
                    *length
                } else {
                    0
                }
            }
        };
        let pieces: Vec<_> = (0..lanes)
            .map(|lane| piece(number * lanes + lane, length(lane), (misplaced + lane) % 65))
            .collect();
        let inputs: Vec<&[u8]> =
            pieces.iter().enumerate().map(|(lane, piece)| &piece[(misplaced + lane) % 65..]).collect();
        match step {
            Step::One { lane, .. } => states[lane % lanes].update(inputs[lane % lanes]),
            _ => many.update_many(&mut states, &inputs),
        }
        for (witness, input) in witnesses.iter_mut().zip(inputs) {
            md5::Digest::update(witness, input);
        }
        for (lane, (state, witness)) in states.iter().zip(&witnesses).enumerate() {
            let expected: [u8; 16] = md5::Digest::finalize(witness.clone()).into();
            assert_eq!(
                state.finalize(),
                expected,
                "{level:?}, lane {lane} of {lanes}, step {number} of {steps:?}"
            );
        }
    }
}

proptest! {
    /// Set `PROPTEST_CASES` for more cases. docs/testing.md describes running it under valgrind.
    #[test]
    fn whatever_is_hashed_has_the_digest_that_md_5_gives(
        lanes in 1..40_usize,
        steps in prop::collection::vec(step(), 1..6),
        misplaced in 0..65_usize,
    ) {
        for level in levels() {
            check_crate(level, lanes, &steps, misplaced);
        }
    }
}
