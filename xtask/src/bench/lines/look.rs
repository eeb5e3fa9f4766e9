//! Whether what a program left is the model.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::super::hub::{Served, ServedFile};

/// What is there of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// All of it, bit by bit.
    Whole,
    /// A shard is missing, or has another size.
    Missing,
    /// A shard has the right size, and other bytes.
    Wrong,
}

/// Looks at the shards, anywhere below the folder: the original does not fetch what the manifest does not name.
pub(super) fn found(folder: &Path, model: &Served) -> Result<Found> {
    let mut there = Vec::new();
    files(folder, &mut there)?;
    for shard in model.files.iter().filter(|file| file.path.ends_with(".bin")) {
        match shard_found(shard, &there)? {
            Found::Whole => {}
            other => return Ok(other),
        }
    }
    Ok(Found::Whole)
}

fn shard_found(shard: &ServedFile, there: &[PathBuf]) -> Result<Found> {
    let mut found = Found::Missing;
    for file in there.iter().filter(|file| file.file_name().is_some_and(|name| name == shard.path.as_str())) {
        if file.metadata()?.len() != shard.size {
            continue;
        }
        if sha256(file)? == shard.sha256 {
            return Ok(Found::Whole);
        }
        found = Found::Wrong;
    }
    Ok(found)
}

fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::with_scratch;

    #[test]
    fn a_model_is_whole_missing_or_wrong() {
        with_scratch(|scratch| async move {
            let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
            let shard = ServedFile { path: "a.bin".to_owned(), size: 3, md5: String::new(), sha256 };
            let (endpoint, id, url, commit) = Default::default();
            let model = Served { endpoint, id, url, commit, files: vec![shard] };
            fs::create_dir(scratch.join("deep"))?;
            let mut seen = vec![found(&scratch, &model)?];
            for text in ["ab", "abd", "abc"] {
                fs::write(scratch.join("deep/a.bin"), text)?;
                seen.push(found(&scratch, &model)?);
            }
            assert_eq!(seen, [Found::Missing, Found::Missing, Found::Wrong, Found::Whole]);
            Ok(())
        })
        .unwrap();
    }
}
