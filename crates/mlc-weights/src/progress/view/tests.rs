use super::*;

fn second(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A download, as a watch sees it.
struct Scene {
    course: Arc<Course>,
    watch: Watch,
    begin: Instant,
    totals: ProgressSnapshot,
    in_flight: Vec<FileView>,
}

impl Scene {
    fn new() -> Self {
        let (course, begin) = (Arc::new(Course::default()), Instant::now());
        let watch = Watch::new(facade::Progress::new(), Arc::clone(&course), begin);
        Self { course, watch, begin, totals: ProgressSnapshot::default(), in_flight: Vec::new() }
    }

    /// Two files of 1000 bytes are being fetched.
    fn begun() -> Self {
        let mut scene = Self::new();
        scene.course.go_to(Step::Fetching);
        scene.totals = totals((0, 2), (0, 2_000), None);
        let file =
            |name: &str| FileView { name: name.to_owned(), size: 1_000, held: 0, state: FileState::Pending };
        scene.in_flight = ["a.bin", "b.bin"].map(file).into();
        scene
    }

    fn receive(&mut self, index: usize, bytes: u64) {
        self.totals.bytes_received += bytes;
        self.totals.bytes_done += bytes;
        let file = &mut self.in_flight[index];
        file.held += bytes;
        file.state = FileState::of(file.size, file.held, None);
    }

    /// The first file in flight is verified.
    fn complete(&mut self) {
        self.totals.files_done += 1;
        self.in_flight.remove(0);
    }

    fn look(&mut self, seconds: u64) -> View {
        self.watch.view(self.begin + second(seconds), self.totals.clone(), self.in_flight.clone())
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
    scene.course.go_to(Step::Doing { name: "metadata", words, since: scene.begin + second(1) });
    assert_eq!(scene.look(2).step, "metadata");
    scene.check_reason(2, Some("asking the hub for a/b"));
    scene.check_reason(4, Some("asking the hub for a/b (3 s)"));
    scene.course.go_to(Step::Pausing { until: scene.begin + second(9) });
    scene.check_reason(5, Some("asking the hub again in 4 s"));
    scene.check_reason(10, Some("asking the hub again in 0 s"));
}

#[test]
fn bytes_that_arrive_need_no_reason() {
    let mut scene = Scene::begun();
    for seconds in 1..8 {
        scene.receive(0, 100);
        scene.check_reason(seconds, None);
    }
    let view = scene.look(8);
    let states = view.in_flight.iter().map(|file| file.state);
    assert_eq!(states.collect::<Vec<_>>(), [FileState::Fetching, FileState::Pending]);
    assert_eq!(view.totals.map(|totals| totals.bytes_done), Some(700));
}

#[test]
fn the_pace_is_shown_while_bytes_arrive() {
    let mut view = Scene::begun().look(1);
    view.totals = Some(totals((0, 2), (500, 2_000), Some(100)));
    assert_eq!(view.pace(), Some((100, second(15))));
    view.reason = Some("no data for 4 s".to_owned());
    assert_eq!(view.pace(), None);
    view.reason = None;
    view.totals = Some(totals((0, 2), (500, 2_000), Some(0)));
    assert_eq!(view.pace(), None);
    assert_eq!([percent(1, 3), percent(0, 0), percent(9, 3)], [33, 100, 100]);
}

#[test]
fn silence_is_told() {
    let mut scene = Scene::begun();
    scene.receive(0, 100);
    scene.check_reason(1, None);
    scene.check_reason(2, None);
    scene.check_reason(4, Some("no data for 3 s"));
    scene.receive(1, 100);
    scene.check_reason(5, None);
}

#[test]
fn pauses_are_counted_down() {
    let mut scene = Scene::begun();
    scene.in_flight[0].state = FileState::of(1_000, 0, Some((second(8), false)));
    // The other file goes on.
    scene.check_reason(1, None);
    scene.in_flight[1].state = FileState::of(1_000, 0, Some((second(30), true)));
    scene.check_reason(1, Some("trying again in 8 s"));
    scene.in_flight[0].state = FileState::Pending;
    scene.check_reason(10, Some("no data for 10 s"));
    scene.receive(0, 1_000);
    scene.complete();
    scene.in_flight[0].state = FileState::of(1_000, 0, Some((second(20), true)));
    scene.check_reason(11, Some("the server asks us to wait another 20 s"));
    scene.receive(0, 1);
    scene.check_reason(12, None);
}

#[test]
fn a_wait_for_the_hub_is_counted_down() {
    let mut scene = Scene::new();
    let step = |name| Step::Doing { name, words: "words".to_owned(), since: scene.begin };
    let (metadata, publishing) = (step(METADATA), step("publishing"));
    scene.course.go_to(metadata);
    assert!(scene.course.asked_to_wait(scene.begin + second(301)));
    scene.check_reason(1, Some("words; the hub asks us to wait another 5 min"));
    scene.check_reason(300, Some("words (5 min); the hub asks us to wait another 1 s"));
    scene.check_reason(301, Some("words (5 min 1 s)"));
    scene.course.go_to(publishing);
    scene.check_reason(1, Some("words"));

    let mut scene = Scene::begun();
    assert!(scene.course.asked_to_wait(scene.begin + second(301)));
    scene.check_reason(3, Some("the server asks us to wait another 4 min 58 s"));
}

#[test]
fn the_end_is_told_apart_from_a_stall() {
    let mut scene = Scene::begun();
    scene.receive(0, 1_000);
    scene.receive(1, 999);
    scene.check_reason(1, None);
    scene.receive(1, 1);
    scene.check_reason(2, Some("checking 2 files"));
    scene.complete();
    scene.check_reason(3, Some("checking 1 file"));
    scene.complete();
    scene.check_reason(9, Some("putting the files together"));
    assert_eq!(scene.look(9).in_flight, []);
}

#[test]
fn files_that_were_there_are_checked_too() {
    let mut scene = Scene::begun();
    (scene.in_flight, scene.totals.files_checking) = (Vec::new(), 2);
    scene.check_reason(1, Some("checking 2 files"));
}
