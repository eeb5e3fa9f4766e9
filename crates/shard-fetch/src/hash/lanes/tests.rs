use proptest::prelude::*;

use super::*;
use crate::StreamHasher;

fn md5(bytes: &[u8]) -> Option<Md5Digest> {
    let mut hasher = StreamHasher::for_all();
    hasher.update(bytes);
    hasher.finish().md5
}

fn noise(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 131 + place / 7 + seed * 59).to_le_bytes()[0]).collect()
}

/// Hashes `files` messages together: blocks of `lengths`, then a tail each by itself.
fn check(engine: Engine, files: usize, lengths: &[usize], tail: usize) {
    let common: usize = lengths.iter().sum();
    let messages: Vec<_> = (0..files).map(|file| noise(file, common + tail * file)).collect();
    let mut streams: Vec<_> = messages.iter().map(|_| engine.new_stream()).collect();
    let mut begin = 0;
    for length in lengths {
        let blocks: Vec<_> = messages.iter().map(|message| &message[begin..begin + length]).collect();
        engine.update(&mut streams.iter_mut().collect::<Vec<_>>(), &blocks);
        begin += length;
    }
    for (message, mut stream) in messages.iter().zip(streams) {
        stream.update(&message[common..]);
        assert_eq!(Some(stream.finish()), md5(message), "{files} files, {lengths:?}, {tail}");
    }
}

/// Each width of lanes that some machine has. They work on all machines, only slower.
fn engines() -> impl Iterator<Item = Engine> {
    let detected = Engine::detect();
    detected.into_iter().flat_map(|engine| {
        [Native::Four, Native::Eight, Native::Sixteen].map(|native| Engine { native, ..engine })
    })
}

#[test]
fn every_number_of_files() {
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
        let messages: Vec<_> = (0..MAX_LANES).map(|file| noise(file, MAX_LANES * 192)).collect();
        let mut streams: Vec<_> = messages.iter().map(|_| engine.new_stream()).collect();
        // File n joins in round n, and each goes through other lanes in each round.
        for round in 0..MAX_LANES {
            let mut active: Vec<_> = streams.iter_mut().take(round + 1).collect();
            let from = |file: usize| (round - file) * 192;
            let mut blocks: Vec<_> =
                (0..=round).map(|file| &messages[file][from(file)..from(file) + 192]).collect();
            active.rotate_left(round / 2);
            blocks.rotate_left(round / 2);
            engine.update(&mut active, &blocks);
        }
        for (file, (message, stream)) in messages.iter().zip(&streams).enumerate() {
            assert_eq!(Some(stream.finish()), md5(&message[..(MAX_LANES - file) * 192]), "{file}");
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

#[test]
fn the_faulty_engine_is_wrong() {
    if let Some(engine) = Engine::faulty() {
        let message = noise(1, 64);
        let mut streams: Vec<_> = (0..8).map(|_| engine.new_stream()).collect();
        engine.update(&mut streams.iter_mut().collect::<Vec<_>>(), &[message.as_slice(); 8]);
        let right: Vec<_> = streams.iter().map(|stream| Some(stream.finish()) == md5(&message)).collect();
        assert_eq!(right, [false, true, true, true, true, true, true, true]);
    }
}
