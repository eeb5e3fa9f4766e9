//! The static program in an otherwise empty root folder with certificates, like an image `FROM scratch`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use local_hub::{Git, LocalHub, with_scratch};

use super::main_job::Stage;
use super::target::Target;
use super::tools::Tools;
use crate::sample;

/// Runs the program as the container file does, against a TLS hub whose authority is the only one among the
/// root's certificates.
pub(super) fn run(_: &Path, tools: &Tools, target: &Target) -> Result<String> {
    let program = target.program(tools);
    with_scratch(
        |scratch| async move { tokio::task::spawn_blocking(move || play(&program, &scratch)).await? },
    )?;
    Ok("downloads over TLS, hits, lists, verifies, repairs, replaces and removes".to_owned())
}

fn play(program: &Path, scratch: &Path) -> Result<()> {
    Git::isolated(scratch)?;
    let hub = LocalHub::builder().files_in(scratch).tls().try_start()?;
    let model = hub.try_publish(&sample::fixture("mlc-ai/Sample", 1000))?;
    let root = scratch.join("root");
    let certificates = root.join("etc/ssl/certs");
    std::fs::create_dir_all(&certificates)?;
    std::fs::write(certificates.join("ca-certificates.crt"), hub.ca_certificate())?;
    std::fs::copy(program, root.join("mlc-weights"))?;
    let start = || {
        let mut command = Command::new("unshare");
        // The program gets exactly this environment and this file system.
        command.env_clear().args(["--map-root-user", "--root"]).arg(&root).arg("/mlc-weights");
        command.env("MLC_LLM_HOME", "/cache").env("HF_ENDPOINT", hub.endpoint());
        command
    };
    Stage {
        hub: &hub,
        model: &model,
        program: &start,
        home: root.join("cache"),
        said: format!("/cache/model_weights/hf/{}/{}\n", model.user, model.repo),
    }
    .play()
}
