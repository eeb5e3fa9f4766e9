//! Checks whether a program has left the whole model.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::hub::{Served, ServedFile};

/// The state of a model on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Complete and identical.
    Whole,
    /// A shard is missing, or has the wrong size.
    Missing,
    /// A shard has the right size but the wrong bytes.
    Wrong,
}

struct File {
    path: PathBuf,
    size: u64,
}

/// Checks the shards, anywhere below the folder. Only shards: the original does not fetch files that the
/// manifest does not name.
pub(super) fn found(folder: &Path, model: &Served) -> Result<Found> {
    let mut there = Vec::new();
    files(folder, &mut there)?;
    let shards: Vec<&ServedFile> = model.files.iter().filter(|file| file.path.ends_with(".bin")).collect();
    let candidates: Vec<Vec<&File>> = shards.iter().map(|shard| candidates(shard, &there)).collect();
    // Read nothing until all of them exist.
    if candidates.iter().any(Vec::is_empty) {
        return Ok(Found::Missing);
    }
    for (shard, candidates) in shards.iter().zip(candidates) {
        let digests =
            candidates.into_iter().map(|file| sha256(&file.path)).collect::<Result<Vec<String>>>()?;
        if !digests.contains(&shard.sha256) {
            return Ok(Found::Wrong);
        }
    }
    Ok(Found::Whole)
}

/// The files with the shard's name and size.
fn candidates<'a>(shard: &ServedFile, there: &'a [File]) -> Vec<&'a File> {
    let is_named = |file: &&File| file.path.file_name().is_some_and(|name| name == shard.path.as_str());
    there.iter().filter(is_named).filter(|file| file.size == shard.size).collect()
}

fn sha256(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn files(folder: &Path, found: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files(&entry.path(), found)?;
        } else {
            found.push(File { path: entry.path(), size: entry.metadata()?.len() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use local_hub::with_scratch;

    use super::*;

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
