//! Runs the recipes of docs/operators.md as they are written.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "helpers end the test, in preparation or by their verdict, as the test functions themselves may"
)]

#[path = "recipes/clusters.rs"]
mod clusters;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use local_hub::{LocalHub, LocalProxy, ModelFixture, PublishedModel};
use tempfile::TempDir;

const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operators.md");

/// A code block and its language.
struct Block {
    language: String,
    text: String,
}

/// The code blocks below a heading.
#[track_caller]
fn blocks(heading: &str) -> Vec<Block> {
    let recipes = fs::read_to_string(RECIPES).unwrap();
    let heading = format!("## {heading}\n");
    let (_, section) = recipes.split_once(&heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let fenced = section.split("```").skip(1).step_by(2);
    fenced
        .map(|fenced| {
            let (language, text) = fenced.split_once('\n').unwrap();
            Block { language: language.to_owned(), text: text.to_owned() }
        })
        .collect()
}

/// A hub with a model, and an empty folder to run recipes in.
struct Sandbox {
    hub: LocalHub,
    model: PublishedModel,
    folder: TempDir,
}

impl Sandbox {
    fn new() -> Self {
        Self::at(LocalHub::start())
    }

    fn at(hub: LocalHub) -> Self {
        let model = hub.publish(&ModelFixture::new("mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC"));
        Self { hub, model, folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    /// Runs `program` in the folder, in an environment that contains only this hub and this model.
    fn command(&self, program: &str) -> Command {
        let ours = Path::new(env!("CARGO_BIN_EXE_mlc-weights")).parent().unwrap();
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.folder.path().canonicalize().unwrap())
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", ours.display()))
            .env("HOME", self.folder.path().join("user"))
            .env("HF_ENDPOINT", self.hub.endpoint())
            .env("MODEL", &self.model.url)
            .stdin(Stdio::null());
        command
    }

    /// Runs the shell blocks of a section in order, each in its own shell.
    #[track_caller]
    fn run_blocks(&self, heading: &str, more: &[(&str, &str)]) {
        let scripts: Vec<_> = blocks(heading).into_iter().filter(|block| block.language == "sh").collect();
        assert!(!scripts.is_empty(), "{heading} has no recipe");
        for script in scripts {
            let output = self.run(&script.text, more);
            assert!(output.status.success(), "{heading}:\n{}\n{}", script.text, output_text(&output));
        }
    }

    fn run(&self, script: &str, more: &[(&str, &str)]) -> Output {
        let mut command = self.command("/bin/sh");
        command.args(["-euc", script]).envs(more.iter().copied()).output().unwrap()
    }

    /// The home contains the whole model.
    #[track_caller]
    fn check_home(&self, home: &str) {
        let models = self.folder.path().join(home).join("model_weights/hf");
        let entry = models.join(&self.model.user).join(&self.model.repo);
        assert_eq!(self.model.differences(&entry), [""; 0]);
    }
}

fn output_text(output: &Output) -> String {
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{}\n{stdout}{stderr}", output.status)
}

#[track_caller]
fn check(heading: &str, home: &str) {
    let sandbox = Sandbox::new();
    sandbox.run_blocks(heading, &[]);
    sandbox.check_home(home);
}

#[test]
fn image() {
    check("A model in a container image", "image");
}

#[test]
fn volume() {
    check("A volume", "volume");
}

#[test]
fn init_container() {
    check("An init container", "volume");
}

#[test]
fn cluster() {
    check("A cluster with a shared file system", "shared");
}

#[test]
fn node() {
    check("A node with a limited disk", "node");
}

#[test]
fn ci() {
    check("A cache between CI runs", "cache");
}

#[test]
fn air_gapped() {
    let sandbox = Sandbox::new();
    sandbox.run_blocks("A machine without a network", &[]);
    sandbox.check_home("here");
    sandbox.check_home("there");
}

#[test]
fn store() {
    let sandbox = Sandbox::new();
    sandbox.run_blocks("A store for many machines", &[]);
    for home in ["filler", "node", "first", "second", "here", "there", "site"] {
        sandbox.check_home(home);
    }
}

#[test]
fn mirror() {
    let sandbox = Sandbox::at(LocalHub::builder().path_prefix("/mirror").start());
    let endpoint = sandbox.hub.endpoint();
    sandbox.run_blocks("Mirrors", &[("HF_ENDPOINT", "http://127.0.0.1:9"), ("MIRROR", &endpoint)]);
    sandbox.check_home("home");
}

#[test]
fn proxy_and_certificate() {
    let sandbox = Sandbox::at(LocalHub::builder().tls().start());
    let proxy = LocalProxy::start();
    let certificate = sandbox.folder.path().join("ca.pem");
    fs::write(&certificate, sandbox.hub.ca_certificate()).unwrap();
    let (endpoint, proxy_url) = (sandbox.hub.endpoint(), proxy.url());
    let more = [
        ("TLS_MIRROR", endpoint.as_str()),
        ("PROXY", &proxy_url),
        ("CA_CERTIFICATE", certificate.to_str().unwrap()),
    ];
    sandbox.run_blocks("Proxies and private certificates", &more);
    sandbox.check_home("home");
    assert!(!proxy.requests().is_empty(), "all of it went through the proxy");
}

#[test]
fn python() {
    let sandbox = Sandbox::new();
    let [function] = blocks("From Python").try_into().unwrap_or_else(|_| panic!("one block"));
    assert_eq!((function.language.as_str(), function.text.lines().count()), ("python", 5));
    let tried = r#"
import os
directory = download_and_cache_mlc_weights(os.environ["MODEL"])
assert os.path.isfile(os.path.join(directory, "mlc-chat-config.json")), directory
for url, policy, expected in [
    ("nonsense", "ON", ValueError),
    ("HF://mlc-ai/other", "OFF", RuntimeError),
    ("HF://mlc-ai/other", "ON", OSError),
]:
    os.environ["MLC_DOWNLOAD_CACHE_POLICY"] = policy
    try:
        print(download_and_cache_mlc_weights(url))
    except Exception as raised:
        assert type(raised) is expected, (url, raised)
    else:
        raise AssertionError(url)
"#;
    let mut python = sandbox.command("python3");
    python.args(["-c", &(function.text + tried)]).env("MLC_LLM_HOME", sandbox.folder.path().join("home"));
    match python.output() {
        Ok(output) => assert!(output.status.success(), "{}", output_text(&output)),
        Err(error) => {
            println!("skipped: python3 cannot be run: {error}");
            return;
        }
    }
    sandbox.check_home("home");
}
