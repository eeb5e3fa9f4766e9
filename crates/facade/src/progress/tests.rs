use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn path(name: &str) -> RepoPath {
    name.parse().unwrap()
}

#[test]
fn present_files_are_counted_and_wrong_ones_planned_again() {
    let progress = Progress::new();
    progress.on_event(&Event::Checking { files: 3, bytes: 30 });
    assert_eq!(progress.snapshot().files_checking, 3);
    for event in [
        Event::StoreWork { files: 1, bytes: 5 },
        Event::Reused { files: 2, bytes: 20 },
        Event::StoreBytes { bytes: 5 },
        Event::StoreFileDone,
    ] {
        progress.on_event(&event);
    }
    let seen = progress.snapshot();
    assert_eq!((seen.files, seen.files_done), (3, 3));
    assert_eq!((seen.bytes, seen.bytes_done, seen.bytes_reused), (25, 25, 20));
    assert_eq!((seen.bytes_received, seen.files_checking), (5, 0));
}

#[test]
fn a_file_in_json_has_bytes() {
    let file = FileProgress { path: path("a.bin"), size: 10, bytes_done: 3, pause: None };
    let json = serde_json::to_string(&file).unwrap();
    assert_eq!(json, r#"{"path":"a.bin","bytes":10,"bytes_done":3,"pause":null}"#);
}

#[test]
fn a_pause_is_over_in_time() {
    let (mut sums, now) = (Sums::default(), Instant::now());
    let file = FileProgress { path: path("a.bin"), size: 10, bytes_done: 0, pause: None };
    sums.in_flight.push(InFlight { file, resumed: 0, pause: None });
    sums.pause(&path("a.bin"), SECOND, true);
    let pause = |sums: &mut Sums, at| sums.look(at).in_flight[0].pause;
    assert!(pause(&mut sums, now).is_some_and(|pause| pause.is_asked_for && pause.left >= SECOND));
    assert_eq!(pause(&mut sums, now + 3 * SECOND), None);
}

#[test]
fn a_wrong_file_does_not_count_as_progress() {
    let mut sums = Sums::default();
    let file = FileProgress { path: path("a.bin"), size: 10, bytes_done: 0, pause: None };
    sums.in_flight.push(InFlight { file, resumed: 0, pause: None });
    sums.totals.bytes_reused = 4;
    sums.add(&path("a.bin"), 4, |known| known.resumed += 4);
    sums.add(&path("a.bin"), 6, |_| ());
    sums.discard(&path("a.bin"), 10);
    let seen = sums.look(Instant::now());
    assert_eq!((seen.bytes_done, seen.bytes_reused, seen.in_flight[0].bytes_done), (0, 0, 0));
}

#[test]
fn the_rate_tells_how_long_the_rest_takes() {
    let (mut sums, now) = (Sums::default(), Instant::now());
    sums.totals.plan(1, 5_000);
    assert_eq!(sums.look(now).time_left(), None);
    sums.totals.bytes_received = 1_000;
    sums.totals.complete(0, 1_000);
    let seen = sums.look(now + SECOND);
    assert_eq!((seen.bytes_per_second, seen.time_left()), (Some(1_000), Some(4 * SECOND)));
}
