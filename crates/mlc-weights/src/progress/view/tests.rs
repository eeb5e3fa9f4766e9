use facade::RepoPath;

use super::super::tally::Pause;
use super::*;

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A tally with two files of 1000 bytes, and who watches it.
struct Scene {
    tally: Arc<Tally>,
    watch: Watch,
    begin: Instant,
    files: [RepoPath; 2],
}

impl Scene {
    fn new() -> Self {
        let (tally, begin) = (Arc::new(Tally::default()), Instant::now());
        let watch = Watch::new(Arc::clone(&tally), begin);
        Self { tally, watch, begin, files: ["a.bin", "b.bin"].map(|name| name.parse().unwrap()) }
    }

    fn look(&mut self, seconds: u64) -> View {
        self.watch.look(self.begin + second(seconds))
    }

    fn pause(&self, index: usize, until: u64, is_asked_for: bool) -> bool {
        let pause = Pause { until: self.begin + second(until), is_asked_for };
        self.tally.pause(&self.files[index], pause)
    }

    fn begun() -> Self {
        let scene = Self::new();
        scene.tally.plan(2, 2_000);
        scene.files.iter().for_each(|file| scene.tally.begin(file, 1_000));
        scene
    }

    #[track_caller]
    fn check_reason(&mut self, seconds: u64, expected: Option<&str>) {
        assert_eq!(self.look(seconds).reason.as_deref(), expected, "after {seconds} s");
    }
}

#[test]
fn a_step_that_takes_long_says_how_long() {
    let mut scene = Scene::new();
    let words = "asking the hub for a/b".to_owned();
    scene.tally.go_to(Step::Doing { name: "metadata", words, since: scene.begin + second(1) });
    assert_eq!(scene.look(2).step, "metadata");
    scene.check_reason(2, Some("asking the hub for a/b"));
    scene.check_reason(4, Some("asking the hub for a/b (3 s)"));
    scene.tally.go_to(Step::Pausing { until: scene.begin + second(9) });
    scene.check_reason(5, Some("asking the hub again in 4 s"));
    scene.check_reason(10, Some("asking the hub again in 0 s"));
}

#[test]
fn bytes_that_come_need_no_reason() {
    let mut scene = Scene::begun();
    for seconds in 1..8 {
        scene.tally.receive(&scene.files[0].clone(), 100);
        scene.check_reason(seconds, None);
    }
    let view = scene.look(8);
    let states = view.in_flight.iter().map(|file| file.state);
    assert_eq!(states.collect::<Vec<_>>(), [FileState::Fetching, FileState::Pending]);
    let totals = view.totals.unwrap();
    assert_eq!((totals.bytes_done, totals.bytes, totals.files), (700, 2_000, 2));
    assert_eq!((view.in_flight[0].held, view.in_flight[1].held), (700, 0));
    assert_eq!(totals.percent(), 35);
    // 100 bytes a second, but for the last one.
    assert!(totals.rate.is_some_and(|rate| (60..=100).contains(&rate)), "{totals:?}");
    assert!(totals.left().is_some());
}

#[test]
fn silence_is_told() {
    let mut scene = Scene::begun();
    scene.tally.receive(&scene.files[0].clone(), 100);
    scene.check_reason(1, None);
    scene.check_reason(2, None);
    scene.check_reason(4, Some("no data for 3 s"));
    scene.tally.receive(&scene.files[1].clone(), 100);
    scene.check_reason(5, None);
}

#[test]
fn pauses_are_counted_down() {
    let mut scene = Scene::begun();
    assert!(scene.pause(0, 9, false));
    // The other file goes on.
    scene.check_reason(1, None);
    assert_eq!(scene.look(1).in_flight[0].state, FileState::Retrying(second(8)));
    assert!(scene.pause(1, 31, true));
    scene.check_reason(1, Some("trying again in 8 s"));
    scene.check_reason(10, Some("no data for 10 s"));
    scene.tally.receive(&scene.files[0].clone(), 1_000);
    scene.tally.complete(&scene.files[0].clone());
    scene.check_reason(11, Some("the server asks us to wait another 20 s"));
    scene.tally.receive(&scene.files[1].clone(), 1);
    scene.check_reason(12, None);
}

#[test]
fn a_pause_is_news_once() {
    let scene = Scene::begun();
    assert!(scene.pause(0, 9, false));
    assert!(!scene.pause(0, 9, false));
    assert!(scene.pause(0, 12, false));
    assert!(scene.pause(0, 12, true));
    let pause = |until| Pause { until: scene.begin + second(until), is_asked_for: true };
    assert!(scene.tally.is_news(pause(30)));
    assert!(!scene.tally.is_news(pause(30)));
    assert!(scene.tally.is_news(pause(60)));
}

#[test]
fn a_wait_for_the_hub_is_counted_down() {
    let mut scene = Scene::new();
    let step = |name| Step::Doing { name, words: "words".to_owned(), since: scene.begin };
    let (metadata, publishing) = (step(METADATA), step("publishing"));
    scene.tally.go_to(metadata);
    assert!(scene.tally.is_news(Pause { until: scene.begin + second(301), is_asked_for: true }));
    scene.check_reason(1, Some("words; the hub asks us to wait another 5 min 0 s"));
    scene.check_reason(300, Some("words (5 min 0 s); the hub asks us to wait another 1 s"));
    scene.check_reason(301, Some("words (5 min 1 s)"));
    scene.tally.go_to(publishing);
    scene.check_reason(1, Some("words"));

    let mut scene = Scene::begun();
    assert!(scene.tally.is_news(Pause { until: scene.begin + second(301), is_asked_for: true }));
    scene.check_reason(3, Some("the server asks us to wait another 4 min 58 s"));
}

#[test]
fn the_end_is_told_apart_from_a_stall() {
    let mut scene = Scene::begun();
    let [a, b] = scene.files.clone();
    scene.tally.receive(&a, 1_000);
    scene.tally.receive(&b, 999);
    scene.check_reason(1, None);
    scene.tally.receive(&b, 1);
    scene.check_reason(2, Some("checking 2 files"));
    scene.tally.complete(&a);
    scene.check_reason(3, Some("checking 1 file"));
    scene.tally.complete(&b);
    scene.check_reason(9, Some("putting the files together"));
    assert_eq!(scene.look(9).in_flight, []);
}
