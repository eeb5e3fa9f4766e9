//! Every object of a store, damaged in every way, in every mode: the result is the whole right model or
//! the right error.

use facade::stores::StoreMode;
use facade::{Durability, Error, ErrorKind};
use local_hub::{LocalWebStore, ModelFixture, PublishedModel};

use crate::stores::{Filled, ID, Kind, download};
use crate::world::{World, files_below};

/// The damage to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// One bit is flipped.
    Flipped,
    /// It is truncated.
    Cut,
    Missing,
    /// Another valid object of its kind is in its place.
    Other,
}

/// The result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The model as on the hub.
    New,
    /// The model as it was before, which the store says is current.
    Old,
    /// Another model, which the store says is this one.
    Other,
    /// An error that the store lacks something.
    Lacking,
    /// An error that something is wrong.
    Wrong,
}

/// A store that has two commits of a model, and another model.
struct Shelf {
    filled: Filled,
    old: PublishedModel,
    other: PublishedModel,
}

impl Shelf {
    async fn on(kind: Kind) -> Self {
        let (world, old) = World::with(&ModelFixture::new(ID).seed(1));
        let other = world.hub.publish(&ModelFixture::new("mlc-ai/other").seed(2));
        let mut filled = Filled { world, model: old.clone(), kind };
        if let Kind::Folder = filled.kind {
            std::fs::create_dir(filled.world.beside("store")).unwrap();
        }
        let mut push = async |model: &PublishedModel, home: &str| {
            filled.model = model.clone();
            let builder = filled.builder(StoreMode::First).home(filled.world.beside(home));
            let request = model.url.parse().unwrap();
            builder.build().unwrap().push(request, facade::stores::PushOptions::default()).await.unwrap();
        };
        push(&old, "pusher of the old one").await;
        push(&other, "pusher of the other one").await;
        let new = filled.world.hub.publish(&ModelFixture::new(ID));
        filled.model = new;
        filled.push().await;
        Self { filled, old, other }
    }

    /// The names of the objects that the model needs.
    fn objects(&self) -> Vec<String> {
        let model = &self.filled.model;
        let blobs = model.lfs_files().map(|file| format!("blobs/sha256/{}", file.sha256));
        let rest = ["mlc-weights-store.json".to_owned(), pack(model), self.reference(model)];
        rest.into_iter().chain(blobs).collect()
    }

    fn reference(&self, model: &PublishedModel) -> String {
        let host = self.filled.world.hub.endpoint().replace("http://", "").replace(':', "!!3a");
        format!("refs/{host}/{}/{}/!h!e!a!d.json", model.user, model.repo)
    }

    fn get(&self, object: &str) -> Vec<u8> {
        match &self.filled.kind {
            Kind::Web(server) => server.get(&format!("/models/{object}")).unwrap().to_vec(),
            Kind::Folder => std::fs::read(self.filled.world.beside("store").join(object)).unwrap(),
        }
    }

    fn put(&self, object: &str, bytes: Option<Vec<u8>>) {
        let folder = self.filled.world.beside("store");
        match (&self.filled.kind, bytes) {
            (Kind::Web(server), Some(bytes)) => server.put(&format!("/models/{object}"), bytes),
            (Kind::Web(server), None) => server.remove(&format!("/models/{object}")),
            (Kind::Folder, Some(bytes)) => std::fs::write(folder.join(object), bytes).unwrap(),
            (Kind::Folder, None) => std::fs::remove_file(folder.join(object)).unwrap(),
        }
    }

    fn damaged(&self, object: &str, damage: Damage) -> Option<Vec<u8>> {
        let mut bytes = self.get(object);
        match damage {
            Damage::Missing => return None,
            Damage::Cut => bytes.truncate(bytes.len() / 2),
            Damage::Flipped => {
                // In JSON, flipping a bit in the middle often gives another valid document.
                let at = if has(object, "json") { 0 } else { bytes.len() / 2 };
                bytes[at] ^= 1;
            }
            Damage::Other => return Some(self.other_than(object)),
        }
        Some(bytes)
    }

    fn other_than(&self, object: &str) -> Vec<u8> {
        match object {
            "mlc-weights-store.json" => br#"{"format":1,"conditional_put":true}"#.to_vec(),
            _ if object.starts_with("packs/") => self.get(&pack(&self.old)),
            _ if object.starts_with("refs/") => self.get(&self.reference(&self.other)),
            _ => self.other.lfs_files().next().unwrap().bytes(),
        }
    }

    /// Downloads the default branch in a mode, into a new home, and checks the result. Returns how often a
    /// warning says that the store is damaged.
    async fn check(&self, mode: StoreMode, expected: End, case: &str) -> usize {
        let home = self.filled.world.beside(&format!("home of {case}").replace('/', "_"));
        // Power failures do not matter here.
        let builder = self.filled.builder(mode).durability(Durability::Fast);
        let (outcome, seen) = download(builder.home(home.clone()), "").await;
        let wanted = match expected {
            End::Old => &self.old,
            End::Other => &self.other,
            _ => &self.filled.model,
        };
        match expected {
            End::New | End::Old | End::Other => {
                let model = outcome.map_err(|error| format!("{case}: {error:?}")).unwrap();
                assert_eq!(wanted.differences(&model.path), [""; 0], "{case}");
                assert_eq!(model.commit.unwrap().to_string(), wanted.commit, "{case}");
            }
            End::Lacking | End::Wrong => {
                let error = outcome.map(|_| format!("{case}: there is a model")).unwrap_err();
                check_error(&error, expected == End::Wrong, case);
                let visible = files_below(&home.join("model_weights/hf"));
                assert!(visible.iter().all(|path| path.is_dir()), "{case}: {visible:?}");
            }
        }
        std::fs::remove_dir_all(home).unwrap();
        seen.count(&["Warning", "WrongInStore"])
    }
}

fn has(object: &str, ending: &str) -> bool {
    object.rsplit('.').next() == Some(ending)
}

fn pack(model: &PublishedModel) -> String {
    format!("packs/{}.pack", model.commit)
}

#[track_caller]
fn check_error(error: &Error, is_wrong: bool, case: &str) {
    let kind = if is_wrong { ErrorKind::Integrity } else { ErrorKind::NotCached };
    let words = facade::causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert_eq!(error.kind(), kind, "{case}: {words}");
    assert!(words.contains(ID) && words.contains("in the store mode `only`"), "{case}: {words}");
    let is_matching = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<Error>() {
        Some(Error::WrongInStore { .. }) => is_wrong,
        Some(Error::NotInStore { .. }) => !is_wrong,
        _ => false,
    };
    assert_eq!(facade::causes(error).filter(|cause| is_matching(*cause)).count(), 1, "{case}: {words}");
}

/// The expected result for a reader of the default branch.
fn end(object: &str, damage: Damage, mode: StoreMode) -> End {
    // It is only read if access is denied.
    let is_harmless = object == "mlc-weights-store.json";
    match (mode, damage) {
        _ if is_harmless => End::New,
        // The hub has all of it.
        (StoreMode::First | StoreMode::Refs, _) => End::New,
        (StoreMode::Only, Damage::Missing) => End::Lacking,
        _ => End::Wrong,
    }
}

/// Otherwise nobody would know that the hub serves what the store should.
fn is_warned_of(object: &str, damage: Damage, mode: StoreMode) -> bool {
    let is_read = match mode {
        StoreMode::First => object.starts_with("blobs/") || object.starts_with("packs/"),
        StoreMode::Refs => object != "mlc-weights-store.json",
        // An error instead.
        _ => false,
    };
    is_read && damage != Damage::Missing
}

async fn every_object_in_every_way(kind: Kind, name: &str) {
    let stage = Shelf::on(kind).await;
    for object in stage.objects() {
        let whole = stage.get(&object);
        for damage in [Damage::Flipped, Damage::Cut, Damage::Missing, Damage::Other] {
            stage.put(&object, stage.damaged(&object, damage));
            for mode in [StoreMode::First, StoreMode::Refs, StoreMode::Only] {
                let case = format!("{name} {object} {damage:?} {mode}");
                let warned = stage.check(mode, end(&object, damage, mode), &case).await;
                assert_eq!(warned, usize::from(is_warned_of(&object, damage, mode)), "{case}");
            }
            stage.put(&object, Some(whole.clone()));
        }
    }
    // Everything is as it was.
    stage.check(StoreMode::Only, End::New, &format!("{name} mended")).await;
}

#[tokio::test]
async fn every_object_of_a_store_on_the_web() {
    every_object_in_every_way(Kind::Web(LocalWebStore::start()), "web").await;
}

#[tokio::test]
async fn every_object_of_a_store_in_a_folder() {
    every_object_in_every_way(Kind::Folder, "folder").await;
}

/// A valid ref for the right name is believed if its writers are trusted to name commits.
#[tokio::test]
async fn a_valid_ref_of_another_commit_counts_where_it_is_trusted() {
    let stage = Shelf::on(Kind::Web(LocalWebStore::start())).await;
    let reference = stage.reference(&stage.filled.model);
    let whole = String::from_utf8(stage.get(&reference)).unwrap();
    for (commit, ends) in [
        (stage.old.commit.clone(), [End::New, End::Old, End::Old]),
        // A commit that nobody has.
        ("1".repeat(40), [End::New, End::New, End::Lacking]),
        (stage.other.commit.clone(), [End::New, End::Other, End::Other]),
    ] {
        let lie = whole.replace(&stage.filled.model.commit, &commit);
        assert_ne!(lie, whole);
        stage.put(&reference, Some(lie.into_bytes()));
        for (mode, end) in [StoreMode::First, StoreMode::Refs, StoreMode::Only].into_iter().zip(ends) {
            stage.check(mode, end, &format!("ref to {commit} {mode}")).await;
        }
    }
}
