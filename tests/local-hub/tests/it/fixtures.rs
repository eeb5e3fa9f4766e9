//! Fixtures become what they describe.

use std::collections::BTreeSet;

use local_hub::{LocalHub, Manifests, Md5Field, ModelFixture, PublishedModel, RawTarget};
use serde_json::Value;

const ID: &str = "mlc-ai/tiny";

fn publish(fixture: &ModelFixture) -> PublishedModel {
    LocalHub::start().publish(fixture)
}

fn json(model: &PublishedModel, path: &str) -> Value {
    serde_json::from_slice(&model.file(path).unwrap().bytes()).unwrap()
}

fn md5s(fixture: &ModelFixture) -> Vec<Option<String>> {
    let manifest = json(&publish(fixture), "tensor-cache.json");
    let records = manifest["records"].as_array().unwrap().iter();
    records.map(|record| record.get("md5sum").map(|md5| md5.as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_new_fixture_is_a_small_complete_model() {
    let model = publish(&ModelFixture::new(ID));
    let listed: Vec<(&str, bool)> = model.files.iter().map(|file| (file.path.as_str(), file.lfs)).collect();
    assert_eq!(
        listed,
        [
            (".gitattributes", false),
            ("README.md", false),
            ("mlc-chat-config.json", false),
            ("params_shard_0.bin", true),
            ("params_shard_1.bin", true),
            ("params_shard_2.bin", true),
            ("tensor-cache.json", false),
            ("tokenizer.json", true),
            ("tokenizer_config.json", false),
        ]
    );
    assert_eq!(model.url, "HF://mlc-ai/tiny");
    let manifest = json(&model, "tensor-cache.json");
    for (record, shard) in manifest["records"].as_array().unwrap().iter().zip(model.shards()) {
        assert_eq!(record["dataPath"], shard.path.as_str());
        assert_eq!(record["nbytes"], shard.size);
        assert_eq!(record["md5sum"], shard.md5.as_str());
        let inner = record["records"].as_array().unwrap();
        assert_eq!(inner.iter().map(|inner| inner["nbytes"].as_u64().unwrap()).sum::<u64>(), shard.size);
    }
    let config = json(&model, "mlc-chat-config.json");
    assert_eq!(config["tokenizer_files"], serde_json::json!(["tokenizer.json", "tokenizer_config.json"]));
    assert_eq!(model.commit, publish(&ModelFixture::new(ID)).commit, "the same in every run");
    assert_ne!(model.commit, publish(&ModelFixture::new(ID).seed(1)).commit);
}

#[test]
fn digests_are_those_of_the_bytes() {
    let model = publish(&ModelFixture::new(ID).lfs_file("abc", "abc").plain_file("none", ""));
    let abc = model.file("abc").unwrap();
    assert_eq!(abc.md5, "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(abc.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(model.file("none").unwrap().md5, "d41d8cd98f00b204e9800998ecf8427e");
}

#[test]
fn manifests_have_the_given_contents() {
    let two = || ModelFixture::new(ID).shards(2, 10);
    let right = md5s(&two());
    assert!(right.iter().flatten().all(|md5| md5.len() == 32));
    let upper = md5s(&two().md5(Md5Field::UpperCase));
    assert_eq!(upper[0], right[0].as_ref().map(|md5| md5.to_uppercase()));
    assert_eq!(md5s(&two().without_md5()), [None, None]);
    assert_eq!(md5s(&two().md5(Md5Field::Blank)), [Some(String::new()), Some(String::new())]);
    let wrong = md5s(&two().wrong_md5(1));
    assert!(wrong[0] == right[0] && wrong[1] != right[1]);
    let lying = json(&publish(&two().stated_size(0, 11)), "tensor-cache.json");
    assert_eq!((&lying["records"][0]["nbytes"], &lying["records"][1]["nbytes"]), (&11.into(), &10.into()));
}

#[test]
fn either_name_both_or_none() {
    for (manifests, expected) in [
        (Manifests::TensorCache, &["tensor-cache.json"][..]),
        (Manifests::NdArrayCache, &["ndarray-cache.json"]),
        (Manifests::Both, &["ndarray-cache.json", "tensor-cache.json"]),
        (Manifests::None, &[]),
    ] {
        let model = publish(&ModelFixture::new(ID).manifests(manifests));
        let paths = model.files.iter().map(|file| file.path.as_str());
        assert_eq!(paths.filter(|path| path.ends_with("-cache.json")).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn files_are_kept_in_git_or_in_lfs() {
    let lfs = |fixture: ModelFixture| {
        publish(&fixture).lfs_files().map(|file| file.path.clone()).collect::<BTreeSet<_>>()
    };
    let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<BTreeSet<_>>();
    let one = || ModelFixture::new(ID).shards(1, 10).without_file("tokenizer.json");
    assert_eq!(lfs(one()), set(&["params_shard_0.bin"]));
    assert_eq!(lfs(one().plain_shards()), set(&[]));
    assert_eq!(lfs(one().lfs_manifest()), set(&["params_shard_0.bin", "tensor-cache.json"]));
    assert_eq!(lfs(one().lfs_config()), set(&["mlc-chat-config.json", "params_shard_0.bin"]));
    assert_eq!(lfs(one().lfs_file("x.bin", "x")), set(&["params_shard_0.bin", "x.bin"]));
    let model = publish(&one().lfs_file("x.bin", "x").lfs_file("y.so", "y"));
    assert!(model.file("x.bin").unwrap().cached_bytes().starts_with(b"version https://git-lfs"));
    assert_eq!(model.file("y.so").unwrap().cached_bytes(), b"y");
}

#[test]
fn given_bytes_are_served_unchanged() {
    let fixture = ModelFixture::new(ID).manifest_bytes("not json").config_bytes([0xff, 0xfe]);
    let model = publish(&fixture);
    assert_eq!(model.file("tensor-cache.json").unwrap().bytes(), b"not json");
    assert_eq!(model.file("mlc-chat-config.json").unwrap().bytes(), [0xff, 0xfe]);
    assert!(publish(&ModelFixture::new(ID).without_config()).file("mlc-chat-config.json").is_none());
}

#[test]
fn a_real_manifest_keeps_its_shape() {
    let real = r#"{ "metadata": { "ParamSize": 3 }, "records": [
        { "dataPath": "b.bin", "format": "raw-shard", "nbytes": 1000, "md5sum": "00", "extra": true, "records": [
            { "name": "x", "shape": [10], "dtype": "uint8", "format": "raw", "nbytes": 300, "byteOffset": 0 },
            { "name": "y", "shape": [10], "dtype": "uint8", "format": "raw", "nbytes": 700, "byteOffset": 300 } ] },
        { "dataPath": "a.bin", "format": "raw-shard", "nbytes": 5, "records": [] } ] }"#;
    let model = publish(&ModelFixture::new(ID).real_manifest(Manifests::NdArrayCache, real, 7));
    let manifest = json(&model, "ndarray-cache.json");
    let [first, second] = manifest["records"].as_array().unwrap().as_slice() else { panic!("{manifest}") };
    let b = model.file("b.bin").unwrap();
    assert_eq!(
        (first["dataPath"].as_str(), first["nbytes"].as_u64(), b.size),
        (Some("b.bin"), Some(142), 142)
    );
    assert_eq!((first["md5sum"].as_str(), &first["extra"]), (Some(b.md5.as_str()), &Value::Bool(true)));
    assert_eq!(
        (first["records"][0]["nbytes"].as_u64(), first["records"][1]["byteOffset"].as_u64()),
        (Some(42), Some(42))
    );
    assert_eq!(first["records"][1]["nbytes"].as_u64(), Some(100));
    assert_eq!((second["dataPath"].as_str(), second["nbytes"].as_u64()), (Some("a.bin"), Some(1)));
    assert_eq!(second.get("md5sum"), None);
    assert_eq!(model.shards().count(), 2);

    let hub = LocalHub::start();
    let broken = ModelFixture::new(ID).real_manifest(Manifests::TensorCache, "[]", 1);
    assert!(hub.try_publish(&broken).is_err());
}

#[test]
fn an_invalid_name_cannot_be_published() {
    let hub = LocalHub::start();
    for id in ["", "x", "../x", "a/b/c", "a/..", "/a", "a b/c"] {
        assert!(hub.try_publish(&ModelFixture::new(id)).is_err(), "{id:?}");
    }
}

#[test]
fn hostile_entries_are_published_although_git_would_refuse_them() {
    let hub = LocalHub::start();
    let model = hub.publish(
        &ModelFixture::new(ID)
            .symlink("link", "/etc/passwd")
            .submodule("deep/module")
            .raw_entry("100644", "..", RawTarget::Blob(b"up".to_vec()))
            .raw_entry("100644", "a\\b", RawTarget::Blob(b"back".to_vec()))
            .raw_entry("100755", "bell\x07", RawTarget::Blob(b"ring".to_vec()))
            .raw_entry("100644", "a/b", RawTarget::Blob(b"slash".to_vec()))
            .raw_entry("40000", ".git", RawTarget::Folder(vec![("config".to_owned(), b"evil".to_vec())])),
    );
    let folder = hub.repository(ID).unwrap();
    let show = |what: &str| hub.git().run(&folder, &["cat-file", "-p", what], b"").unwrap();
    let tree = String::from_utf8(show(&format!("{}^{{tree}}", model.commit))).unwrap();
    for entry in ["120000 blob", "\tlink", "\t..", "\t\"a\\\\b\"", "\t\"bell\\a\"", "\ta/b"] {
        assert!(tree.contains(entry), "{entry} in {tree}");
    }
    let deep = String::from_utf8(show(&format!("{}:deep", model.commit))).unwrap();
    assert!(deep.starts_with("160000 commit") && deep.ends_with("\tmodule\n"), "{deep}");
    assert_eq!(show(&format!("{}:link", model.commit)), b"/etc/passwd");
    assert!(tree.contains("040000 tree") && tree.contains("\t.git\n"), "{tree}");
    assert!(tree.contains("\tparams_shard_0.bin"), "the model is still there: {tree}");
    let main = hub.git().run(&folder, &["rev-parse", "main"], b"").unwrap();
    assert_eq!(String::from_utf8(main).unwrap().trim(), model.commit);
}

#[test]
fn a_lying_file_is_served_with_other_bytes() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID).lying_lfs_file("x.dat", b"promised", b"something else"));
    assert_eq!(model.file("x.dat").unwrap().bytes(), b"promised");
    let redirect = crate::client::get(&format!("{}/{ID}/resolve/main/x.dat", hub.endpoint()));
    assert_eq!(redirect.header("x-linked-size"), Some("8"));
    assert_eq!(crate::client::get(redirect.location()).body, b"something else");
}

#[test]
fn directories_are_compared_with_the_model() {
    let model = publish(&ModelFixture::new(ID).lfs_file("extra.bin", "left out"));
    let folder = tempfile::Builder::new().tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for file in &model.files {
        std::fs::write(folder.path().join(&file.path), file.cached_bytes()).unwrap();
    }
    assert_eq!(model.differences(folder.path()), Vec::<String>::new());
    std::fs::remove_file(folder.path().join("README.md")).unwrap();
    std::fs::write(folder.path().join("extra.bin"), "left out").unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/new"), "").unwrap();
    let expected = ["missing: README.md", "differs: extra.bin", "not in the model: sub/new"];
    assert_eq!(model.differences(folder.path()), expected);
}
