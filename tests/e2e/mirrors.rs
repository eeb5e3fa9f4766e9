//! Mirror software by other authors.

use local_hub::{ModelFixture, OtherServer, Route};

use crate::world::{Recorded, World, request};

/// It serves all bytes itself, and answers git's request as for a model that does not exist.
#[tokio::test]
async fn a_model_comes_through_olah() {
    let fixture = ModelFixture::new("mlc-ai/tiny").plain_file("sub/text.txt", "text").lfs_file("empty", "");
    let (world, model) = World::with(&fixture);
    let Some(olah) = OtherServer::olah(&world.hub, &world.beside("olah")) else { return };
    let mirrored = || world.builder().endpoint(olah.endpoint().parse().unwrap());
    for (home, revision) in [("default", None), ("named", Some("main")), ("pinned", Some(&*model.commit))] {
        let home = world.beside(home);
        let url = revision.map_or(model.url.clone(), |revision| format!("{}@{revision}", model.url));
        let events = Recorded::default();
        let asked = url.parse::<facade::Request>().unwrap().observer(events.clone());
        let downloaded = mirrored().home(&home).build().unwrap().download(asked).await.unwrap();
        assert_eq!(downloaded.commit.unwrap().to_string(), model.commit);
        assert_eq!(model.differences(&downloaded.path), [""; 0], "{url}");
        assert_eq!(events.count(&["Unproven"]), 1);
    }
    let log = world.hub.log();
    assert!(log.route(Route::InfoRefs).is_empty(), "only the mirror asks the hub: {log}");

    let error = mirrored().build().unwrap().download("HF://mlc-ai/none".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().starts_with("mlc-ai/none is missing, private, or needs a token"), "{error}");
    let required = mirrored().require_proof(true).build().unwrap();
    let error = required.download(request(&model)).await.unwrap_err();
    assert_eq!(error.kind(), facade::ErrorKind::Integrity, "{error}");
}
