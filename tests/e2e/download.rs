//! The main job: from a URL to a whole directory.

use facade::Outcome;
use local_hub::ModelFixture;

use crate::world::World;

#[tokio::test]
async fn a_model_arrives_as_the_original_would_leave_it() {
    let (world, published) = World::with(&ModelFixture::new("mlc-ai/tiny"));

    let model = world.download(&published).await.unwrap();

    assert_eq!(model.path, world.entry(&published));
    assert_eq!(published.differences(&model.path), [""; 0]);
    assert_eq!(model.commit.unwrap().to_string(), published.commit);
    assert!(matches!(model.outcome, Outcome::Downloaded { .. }));
}
