use clap::Args;
use facade::Revision;

use super::words::MODEL;

#[derive(Args, Debug)]
pub(crate) struct Path {
    #[arg(help = MODEL)]
    pub(crate) model: String,
    /// A branch, tag, reference or commit, instead of the model's @revision
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<Revision>,
}
