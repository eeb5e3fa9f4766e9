//! Damages unfinished files between two runs.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

/// Damage to one part or journal.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    /// Which file to damage, as an index into those that exist.
    pub(crate) file: usize,
    pub(crate) how: How,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    Removed,
    CutAt(u64),
    FlippedAt(u64),
    Noise,
    ReadOnly,
    /// A journal's version number, which follows its first word, is changed.
    OtherVersion,
}

/// The offset of the version number in a journal.
const VERSION_AT: u64 = 16;

pub(crate) fn damages() -> impl Strategy<Value = Damage> {
    let how = prop_oneof![
        Just(How::Removed),
        (0_u64..2_000_000).prop_map(How::CutAt),
        (0_u64..2_000_000).prop_map(How::FlippedAt),
        Just(How::Noise),
        Just(How::ReadOnly),
        Just(How::OtherVersion),
    ];
    (0_usize..20, how).prop_map(|(file, how)| Damage { file, how })
}

/// Damages a part or journal that a run has left in staging, if there is one. Verified files are not
/// damaged: only the program writes there.
pub(crate) fn inflict(staging: &Path, damage: Option<&Damage>) {
    let Some(damage) = damage else { return };
    let mut unfinished = Vec::new();
    list(staging, &mut unfinished);
    unfinished.sort();
    let Some(path) = unfinished.get(damage.file % unfinished.len().max(1)) else { return };
    let mut bytes = fs::read(path).unwrap();
    let place = |at: u64| usize::try_from(at).unwrap() % bytes.len().max(1);
    match damage.how {
        How::Removed => return fs::remove_file(path).unwrap(),
        How::ReadOnly => return make_read_only(path),
        How::CutAt(at) => bytes.truncate(place(at)),
        How::FlippedAt(at) => flip(&mut bytes, at),
        How::Noise => {
            let noise = (0_u64..).map(|at| (at * 7919 % 251).to_le_bytes()[0]);
            bytes.iter_mut().zip(noise).for_each(|(byte, noise)| *byte = noise);
        }
        How::OtherVersion => flip(&mut bytes, VERSION_AT),
    }
    fs::write(path, bytes).unwrap();
}

fn flip(bytes: &mut [u8], at: u64) {
    let place = usize::try_from(at).unwrap() % bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 0x10;
    }
}

fn make_read_only(path: &Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).unwrap();
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            if !["tree", "scratch", "pool", "redo-pool"].contains(&name.as_str()) {
                list(&entry.path(), found);
            }
        } else if name.starts_with("sha256-") {
            found.push(entry.path());
        }
    }
}
