//! The kinds of input and their sizes, all within the program's limits.

use super::inputs::Input;
use super::runs::Step;

/// A kind of input, and the steps to run with it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// The smallest size; two and four times as much are measured, too.
    pub(super) least: usize,
    pub(super) input: Input,
    /// In this order, in the same cache.
    pub(super) steps: &'static [Step],
    /// How often to run it, since the kernel's clock counts hundredths of a second.
    pub(super) runs: u32,
}

const ALL: &[Step] = &[Step::Download, Step::Repair, Step::Verify, Step::Listing];

const fn kind(name: &'static str, least: usize, input: Input, steps: &'static [Step], runs: u32) -> Kind {
    Kind { name, least, input, steps, runs }
}

pub(super) const KINDS: &[Kind] = &[
    // At most 100,000 files and folders.
    kind("plain files", 22_500, Input::PlainFiles, ALL, 1),
    kind("folders with a file", 11_000, Input::Folders, &[Step::Download, Step::Repair], 1),
    kind("shards", 2_500, Input::Shards, &[Step::Download, Step::Repair], 1),
    kind("shards with the same bytes", 2_500, Input::SameShards, &[Step::Download], 1),
    kind("records of the manifest", 22_500, Input::Shards, &[Step::DryRun], 1),
    // 64 MiB.
    kind("tensors in the manifest", 160_000, Input::Tensors, &[Step::DryRun], 2),
    kind("names in the configuration", 1_000_000, Input::Names, &[Step::DryRun], 2),
    // At most 1,000, so only the parser is measured.
    kind("`tokenizer_files`, read 2,000 times", 250, Input::Nothing, &[Step::Parse], 1),
    kind("files in the API's list", 22_500, Input::Listed, &[Step::Download], 1),
    // 16 MiB.
    kind("references", 60_000, Input::References, &[Step::Refusal], 4),
    kind("references to one commit", 70_000, Input::Peeled, &[Step::Refusal], 4),
    kind("packets of git's answer", 1_000_000, Input::Packets, &[Step::Refusal], 1),
    // At most 250,000.
    kind("objects of a pack", 60_000, Input::Objects, &[Step::Refusal], 1),
    kind("deltas in chains", 30_000, Input::Chains, &[Step::Refusal], 1),
    kind("deltas before their bases", 30_000, Input::ChainsReversed, &[Step::Refusal], 1),
    kind("deltas of one object", 30_000, Input::Fan, &[Step::Refusal], 1),
    // At most 65,536. Each span leaves a gap, which costs a request, and 50 ms on the paced network.
    kind("spans of a forged journal", 1_000, Input::Slow, &[Step::GoOn], 1),
];
