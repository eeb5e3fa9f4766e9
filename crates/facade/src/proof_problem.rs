//! Why a model counts as unproven.

use std::fmt;

/// Why nothing proves that a model's files belong to its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProofProblem {
    /// The cache has no receipt of the model's download.
    NoReceipt,
    /// The receipt is from an earlier version of this library, which did not record it.
    OlderReceipt,
    /// The receipt is for another commit than the requested one.
    OtherCommit,
    /// The hub that the model came from serves no git.
    NoGit,
    /// The hub served git before and does not now.
    GitWithheld,
    /// The hub serves no git for it, and only what git proves is put into a store.
    NotForStores,
}

impl fmt::Display for ProofProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoReceipt => "the cache has no receipt of its download",
            Self::OlderReceipt => "the receipt of its download is of an earlier version, which did not record a proof",
            Self::OtherCommit => "the receipt is of another commit",
            Self::NoGit => "the hub that it came from does not serve git, which the proof needs",
            Self::GitWithheld => {
                "this hub served git before, which the proof needs, and does not serve it now"
            }
            Self::NotForStores => {
                "the hub does not serve it over git, which the proof needs; it can be downloaded, but not pushed to a store"
            }
        })
    }
}
