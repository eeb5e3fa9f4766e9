//! Recipes for stores that many machines share, run against third-party servers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use local_hub::{AzureAccess, DebianServer, LocalAzure, LocalS3, LocalWebStore, ModelFixture, OtherServer};
use serde_json::Value;

use crate::{Sandbox, blocks, output_text};

const CLUSTER: &str = "A bucket for a cluster";
const CACHE: &str = "An HTTP cache before a store";

/// The blocks in this language.
fn blocks_in(heading: &str, language: &str) -> Vec<String> {
    let blocks = blocks(heading).into_iter().filter(|block| block.language == language);
    blocks.map(|block| block.text).collect()
}

/// A cloud's policies for readers and writers.
fn policies(part: &str) -> [String; 2] {
    let policies = blocks_in(CLUSTER, "json").into_iter().filter(|policy| policy.contains(part));
    policies.collect::<Vec<_>>().try_into().unwrap()
}

impl Sandbox {
    fn fill(&self, store: &LocalWebStore) {
        let push = format!(
            "MLC_LLM_HOME=$PWD/filler mlc-weights store push --store {}/models \"$MODEL\"",
            store.url()
        );
        let output = self.run(&push, &[]);
        assert!(output.status.success(), "{}", output_text(&output));
    }
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// A writer's permissions suffice to fill the store, and a reader's to download from it; neither has any
/// others.
#[test]
fn bucket() {
    let mut sandbox = Sandbox::new();
    // Large enough for a multipart upload.
    let fixture = ModelFixture::new("mlc-ai/large").shard("params_shard_7.bin", 33 << 20);
    sandbox.model = sandbox.hub.publish(&fixture);
    let Some(server) = LocalS3::start(sandbox.folder.path()) else { return };
    let [reader, writer] = policies("s3:");
    let (reader, writer) = (server.grant("reader", &reader), server.grant("writer", &writer));
    let [job, node] = blocks_in(CLUSTER, "sh").try_into().unwrap();

    let output = sandbox.run(&job, &borrowed(&reader));
    assert_eq!(output.status.code(), Some(4), "{}", output_text(&output));
    let elsewhere = job.replace("s3://models/mlc", "s3://models/other");
    let output = sandbox.run(&elsewhere, &borrowed(&writer));
    assert_eq!(output.status.code(), Some(4), "{}", output_text(&output));

    let output = sandbox.run(&job, &borrowed(&writer));
    assert!(output.status.success(), "{}", output_text(&output));
    let output = sandbox.run(&node, &borrowed(&reader));
    assert!(output.status.success(), "{}", output_text(&output));
    sandbox.check_home("job");
    sandbox.check_home("node");
}

#[test]
fn container_with_shared_access_signatures() {
    let sandbox = Sandbox::new();
    let Some(server) = LocalAzure::start(&sandbox.folder.path().join("azurite")) else { return };
    let [job, node] = blocks_in(CLUSTER, "sh").try_into().unwrap();
    let [job, node] = [job, node].map(|script: String| script.replace("s3://", "az://"));
    for (script, access, status) in
        [(&job, AzureAccess::Read, 4), (&job, AzureAccess::Write, 0), (&node, AzureAccess::Read, 0)]
    {
        let output = sandbox.run(script, &borrowed(&server.variables(access)));
        assert_eq!(output.status.code(), Some(status), "{access:?}: {}", output_text(&output));
    }
    sandbox.check_home("node");
}

/// No local server enforces these policies, so only check that they are valid JSON and give readers no
/// write access.
#[test]
fn roles() {
    for (part, key, write) in
        [("storage.", "includedPermissions", "create"), ("Microsoft.", "DataActions", "write")]
    {
        let [reader, writer] = policies(part).map(|policy| {
            let policy: Value = serde_json::from_str(&policy).unwrap();
            let rights = policy[key].as_array().unwrap().iter();
            rights.map(|right| right.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        });
        assert!(reader.iter().all(|right| writer.contains(right)), "{reader:?} {writer:?}");
        let may_write = |rights: &[String]| rights.iter().any(|right| right.ends_with(write));
        assert!(!may_write(&reader) && may_write(&writer), "{reader:?} {writer:?}");
    }
}

/// Runs the manifests' containers as written, except for the names of the model and the folders.
#[test]
fn manifests() {
    let sandbox = Sandbox::new();
    let Some(server) = LocalS3::start(sandbox.folder.path()) else { return };
    let Some(python) = OtherServer::installed().map(|servers| servers.join("bin/python")) else { return };
    let [manifests] = blocks_in(CLUSTER, "yaml").try_into().unwrap();
    let parse = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.argv[1]))))";
    let output = sandbox.command(python.to_str().unwrap()).args(["-c", parse, &manifests]).output().unwrap();
    assert!(output.status.success(), "{}", output_text(&output));
    let manifests: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let pods: Vec<&Value> = manifests.iter().map(|manifest| &manifest["spec"]["template"]["spec"]).collect();
    let [job, deployment] = pods.as_slice() else { panic!("{} manifests", pods.len()) };
    for (container, folder) in
        [(&job["containers"][0], "scratch"), (&deployment["initContainers"][0], "models")]
    {
        let text =
            |value: &Value| value.as_str().unwrap().replace("HF://user/repo@revision", &sandbox.model.url);
        let command: Vec<String> = container["command"].as_array().unwrap().iter().map(text).collect();
        let plain = container["env"].as_array().unwrap().iter().filter(|pair| pair["value"].is_string());
        let mut env: BTreeMap<String, String> =
            plain.map(|pair| (pair["name"].as_str().unwrap().to_owned(), text(&pair["value"]))).collect();
        env.insert("MLC_LLM_HOME".to_owned(), sandbox.folder.path().join(folder).display().to_string());
        // What the service account would provide, and the local server's region.
        env.extend(server.variables());
        let mut run = sandbox.command(env!("CARGO_BIN_EXE_mlc-weights"));
        assert_eq!(command.first().unwrap(), "mlc-weights");
        let output = run.args(command.iter().skip(1)).envs(&env).output().unwrap();
        assert!(output.status.success(), "{}", output_text(&output));
    }
    sandbox.check_home("models");
    // Every mount refers to a volume of its pod.
    for pod in pods {
        let volumes: Vec<&Value> = pod["volumes"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        let containers = ["containers", "initContainers"].into_iter().filter_map(|key| pod[key].as_array());
        let mounts = containers.flatten().flat_map(|it| it["volumeMounts"].as_array().unwrap());
        assert!(mounts.map(|mount| &mount["name"]).all(|name| volumes.contains(&name)));
    }
}

fn cache_before(store: &LocalWebStore) -> Option<DebianServer> {
    let [configuration] = blocks_in(CACHE, "nginx").try_into().unwrap();
    let configured = |port: u16, folder: &Path| {
        let folder = folder.join("cache").display().to_string();
        let text = configuration.replace("listen 8080", &format!("listen 127.0.0.1:{port}"));
        text.replace("/var/cache/nginx/weights", &folder).replace("http://store.example", &store.url())
    };
    DebianServer::nginx(configured)
}

/// However many readers start at once, the store sends each byte once.
#[test]
fn cache_before_a_store() {
    const READERS: usize = 8;
    let mut sandbox = Sandbox::new();
    let fixture = ModelFixture::new("mlc-ai/large").shard("params_shard_7.bin", 20 << 20);
    sandbox.model = sandbox.hub.publish(&fixture);
    let store = LocalWebStore::start();
    let Some(cache) = cache_before(&store) else { return };
    sandbox.fill(&store);
    let before = store.requests().len();

    let [reader] = blocks_in(CACHE, "sh").try_into().unwrap();
    let readers: Vec<_> = (0..READERS)
        .map(|number| {
            let folder = sandbox.folder.path().join(number.to_string());
            fs::create_dir(&folder).unwrap();
            let mut shell = sandbox.command("/bin/sh");
            shell.current_dir(folder).args(["-euc", &reader]).env("CACHE", cache.url());
            shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for (number, reader) in readers.into_iter().enumerate() {
        let output = reader.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", output_text(&output));
        sandbox.check_home(&format!("{number}/node"));
    }

    let requests = store.requests().split_off(before);
    let kept = requests
        .iter()
        .filter(|request| request.path.contains("/blobs/") || request.path.contains("/packs/"));
    let mut asked = BTreeMap::<_, usize>::new();
    for request in kept {
        let range = request.headers.iter().find(|(name, _)| name == "range").map(|(_, range)| range.as_str());
        *asked.entry((request.path.as_str(), range)).or_default() += 1;
    }
    let slices =
        asked.keys().filter(|(_, range)| range.is_some_and(|range| !range.starts_with("bytes=0-"))).count();
    assert!(slices >= 2, "the large file came in slices: {asked:?}");
    assert!(asked.values().all(|count| *count == 1), "{asked:?}");
}

/// A client recovers when the cache holds a wrong copy.
#[test]
fn cache_with_a_wrong_copy() {
    let (sandbox, store) = (Sandbox::new(), LocalWebStore::start());
    let Some(cache) = cache_before(&store) else { return };
    sandbox.fill(&store);
    let file = sandbox.model.lfs_files().next().unwrap();
    let path = format!("/models/blobs/sha256/{}", file.sha256);
    let right = store.get(&path).unwrap();
    store.put(&path, right.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>());
    let [reader] = blocks_in(CACHE, "sh").try_into().unwrap();
    let output = sandbox.run(&reader, &[("CACHE", &cache.url())]);
    assert!(!output.status.success(), "{}", output_text(&output));
    store.put(&path, right);
    let output = sandbox.run(&reader, &[("CACHE", &cache.url())]);
    assert!(output.status.success(), "{}", output_text(&output));
    let fresh = store.requests().into_iter().filter(|request| request.path == path).filter(|request| {
        request.headers.iter().any(|(name, value)| name == "cache-control" && value == "no-cache")
    });
    assert!(fresh.count() > 0);
    sandbox.check_home("node");
}
