//! Manifests of public models, downloaded with their real names and numbers of shards; sizes are scaled
//! down.

use local_hub::{Manifests, ModelFixture};

use crate::world::World;

const CURRENT: &str = include_str!("../data/manifests/ReaderLM-v2.tensor-cache.json");
const OF_2023: &str = include_str!("../data/manifests/doctorGPT_mini.ndarray-cache.json");
const CONFIG: &str = include_str!("../data/manifests/ReaderLM-v2.mlc-chat-config.json");

/// Scales shards of up to 200 MB down to tens of kilobytes.
const DIVISOR: u64 = 4096;

async fn arrives_whole(fixture: &ModelFixture, shards: usize, extra: &[&str]) {
    let (world, published) = World::with(fixture);
    let model = world.download(&published).await.unwrap();
    assert_eq!(published.shards().count(), shards);
    assert_eq!(published.differences(&model.path), extra);
    for shard in published.shards() {
        assert_eq!(world.hub.log().data().file(&shard.path).count(), 1, "{}", shard.path);
    }
}

#[tokio::test]
async fn a_real_model_with_a_current_manifest_is_downloaded() {
    let mut fixture = ModelFixture::without_files("jinaai/ReaderLM-v2-q4f16_1-MLC")
        .real_manifest(Manifests::TensorCache, CURRENT, DIVISOR)
        .config_bytes(CONFIG)
        .random_lfs_file("tokenizer.json", 11_000);
    for plain in ["vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json"] {
        fixture = fixture.plain_file(plain, "{}");
    }
    arrives_whole(&fixture, 30, &[]).await;
}

#[tokio::test]
async fn a_model_of_2023_without_md5() {
    let fixture = ModelFixture::without_files("someone/doctorGPT_mini")
        .real_manifest(Manifests::NdArrayCache, OF_2023, DIVISOR)
        .config_bytes(r#"{"tokenizer_files": ["tokenizer.model"]}"#)
        .random_lfs_file("tokenizer.model", 5_000);
    arrives_whole(&fixture, 51, &["not in the model: tensor-cache.json"]).await;
}
