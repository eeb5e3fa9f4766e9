//! Attacks the real binary with a hostile hub and a hostile neighbour: which promises hold.
//!
//! Each scene has its own folder and a time limit.

mod bombs;
mod commits;
mod disk;
mod hub;
mod neighbour;
mod packs;
mod program;
mod scene;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use local_hub::with_scratch;

use crate::workplace::release_build;
use scene::{Findings, Scene, Stage};

#[derive(Args, Clone)]
pub(crate) struct Arguments {
    /// The program to attack, instead of a new release build
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only the scenes of these promises
    #[arg(long = "row", value_name = "N", num_args = 1..)]
    rows: Vec<u8>,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let program = match &arguments.program {
        Some(program) => std::path::absolute(program)?,
        None => release_build(root)?,
    };
    ensure!(program.is_file(), "{} is no program", program.display());
    let mut scenes: Vec<Scene> =
        [hub::SCENES, packs::SCENES, bombs::SCENES, commits::SCENES, disk::SCENES, neighbour::SCENES]
            .concat();
    scenes.retain(|scene| arguments.rows.is_empty() || arguments.rows.contains(&scene.row));
    scenes.sort_by_key(|scene| scene.row);
    with_scratch(|scratch| async move {
        tokio::task::spawn_blocking(move || play_all(&program, &scratch, &scenes)).await?
    })
}

fn play_all(program: &Path, scratch: &Path, scenes: &[Scene]) -> Result<()> {
    println!("| row | promise | scene | verdict | seen |");
    println!("|----:|---------|-------|---------|------|");
    let (mut broken, mut left_out) = (0, 0);
    for (number, scene) in scenes.iter().enumerate() {
        let folder = scratch.join(format!("scene-{number}"));
        std::fs::create_dir(&folder)?;
        let verdict = match play(scene, &Stage::new(program, &folder)) {
            Some(Ok(findings)) => findings.to_string(),
            Some(Err(error)) => format!("BROKEN | the scene failed: {error:#}"),
            None => "not played | needs root, who can be another user too".to_owned(),
        };
        broken += usize::from(verdict.starts_with("BROKEN"));
        left_out += usize::from(verdict.starts_with("not played"));
        println!("| {} | {} | {} | {verdict} |", scene.row, scene.promise, scene.name);
        std::fs::remove_dir_all(&folder)?;
    }
    println!("\n{} scenes, {broken} broken, {left_out} not played", scenes.len());
    ensure!(broken == 0, "{broken} of {} scenes broke a promise", scenes.len());
    Ok(())
}

/// `None` if the scene cannot be played here.
fn play(scene: &Scene, stage: &Stage) -> Option<Result<Findings>> {
    (!scene.as_root || stage.is_root()).then(|| (scene.play)(stage))
}
