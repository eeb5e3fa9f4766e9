//! What a program is made of, by its symbols.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde::Serialize;

use super::ran;

/// The code and data of one crate, or of a library in C.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Weight {
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// The heaviest first. Generic code counts for the crate that wrote it.
pub(super) fn weights(program: &Path) -> Result<Vec<Weight>> {
    let listing =
        ran(Command::new("nm").args(["--print-size", "--radix=d", "--demangle=rust"]).arg(program))?;
    Ok(summed(&listing))
}

fn summed(listing: &str) -> Vec<Weight> {
    let mut sums: HashMap<String, u64> = HashMap::new();
    for line in listing.lines() {
        let mut fields = line.splitn(4, ' ');
        let (Some(_), Some(bytes), Some(kind), Some(symbol)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        // What has no bytes in the file does not weigh.
        if let (Ok(bytes), false) = (bytes.parse::<u64>(), kind.eq_ignore_ascii_case("b")) {
            *sums.entry(owner(symbol)).or_default() += bytes;
        }
    }
    let mut weights: Vec<Weight> = sums.into_iter().map(|(name, bytes)| Weight { name, bytes }).collect();
    weights.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
    weights
}

/// The crate of a symbol, `<git2::Repository as core::fmt::Debug>::fmt`, or whose prefix it has.
fn owner(symbol: &str) -> String {
    let name: String = symbol
        .trim_start_matches(['<', '&', '(', '[', '*'])
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    if symbol.contains("::") {
        return name;
    }
    let prefixes = [
        ("git_", "libgit2 (C)"),
        ("aws_lc_", "aws-lc (C)"),
        ("ring_core_", "ring (C)"),
        ("ZSTD", "zstd (C)"),
        ("inflate", "zlib (C)"),
        ("deflate", "zlib (C)"),
    ];
    let library = prefixes.iter().find(|(prefix, _)| symbol.starts_with(prefix)).map(|(_, library)| *library);
    library.unwrap_or("other C and data").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners() {
        for (symbol, expected) in [
            ("facade::download::download::h0123", "facade"),
            ("<git2::Repository as core::fmt::Debug>::fmt", "git2"),
            ("core::ptr::drop_in_place<tokio::runtime::Runtime>", "core"),
            ("<&T as core::fmt::Display>::fmt", "T"),
            ("git_odb_read", "libgit2 (C)"),
            ("memcpy", "other C and data"),
        ] {
            assert_eq!(owner(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn sums() {
        let listing =
            "0 10 T facade::a\n0 5 t facade::b\n0 20 r git_x\n0 99 B tokio::big\n                 U malloc\n";
        let weight = |name: &str, bytes| Weight { name: name.to_owned(), bytes };
        assert_eq!(summed(listing), [weight("libgit2 (C)", 20), weight("facade", 15)]);
    }
}
