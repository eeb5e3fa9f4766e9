//! Downloads from the local hub with the hub's own Python client, which must receive what is served.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use local_hub::{Access, ModelFixture, PublishedModel, with_scratch};

use crate::sample;

const TOKEN: &str = "hf_check";
const CA_FILE: &str = "ca.pem";

/// The client's tasks: a whole model, one file of a commit, and what is refused.
const SCRIPT: &str = include_str!("check.py");

/// Runs the client with `python` against a hub on this machine, and compares.
pub(crate) fn run(python: &Path) -> Result<()> {
    let python = python.to_owned();
    with_scratch(|scratch| async move {
        let hub = local_hub::LocalHub::builder().files_in(&*scratch).tls().token(TOKEN).try_start()?;
        std::fs::write(scratch.join(CA_FILE), hub.ca_certificate()).context("write the hub's certificate")?;
        let model = hub.try_publish(&sample::fixture("mlc-ai/Check-q4f16_1-MLC", 100))?;
        hub.try_publish(
            &ModelFixture::new("mlc-ai/Gated").access(Access::Gated(vec!["hf_member".to_owned()])),
        )?;
        let folder = scratch.join("downloaded");
        // The client may block this thread; the hub has its own threads.
        let status = client(&python, &hub.endpoint(), &scratch, &model, &folder)
            .status()
            .with_context(|| format!("run {}", python.display()))?;
        ensure!(
            status.success(),
            "the client failed: {status}; it is installed with `pip install huggingface_hub`"
        );
        compare(&model, &folder)?;
        println!(
            "{} files are what was served; {} requests, {} to the data host",
            model.files.len(),
            hub.log().count(),
            hub.log().data().count()
        );
        ensure!(
            hub.log().data().with_header("authorization").is_empty(),
            "the client sent its token to the data host"
        );
        Ok(())
    })
}

fn client(python: &Path, endpoint: &str, home: &Path, model: &PublishedModel, folder: &Path) -> Command {
    let mut client = Command::new(python);
    client
        .args(["-c", SCRIPT, &format!("{}/{}", model.user, model.repo), &model.commit])
        .arg(folder)
        // The client recognizes some refusals by the URL, which must be https.
        .env("HF_ENDPOINT", endpoint)
        .env("SSL_CERT_FILE", home.join(CA_FILE))
        .env("HF_TOKEN", TOKEN)
        .env("HF_HOME", home.join("hf"))
        // The local hub has the redirects of the hub's other protocol, but not the protocol itself.
        .env("HF_HUB_DISABLE_XET", "1")
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        .env("NO_PROXY", "127.0.0.1");
    client
}

fn compare(model: &PublishedModel, folder: &Path) -> Result<()> {
    for file in &model.files {
        let path = folder.join(&file.path);
        let downloaded = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        ensure!(downloaded == file.bytes(), "{} is not what was served", file.path);
    }
    Ok(())
}
