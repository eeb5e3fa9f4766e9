use clap::Args;
use facade::Revision;

use super::words::MODEL;

const EXAMPLES: &str = "\
Examples:
  mlc-weights path HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC
  cd \"$(mlc-weights path HF://mlc-ai/Llama-3.2-1B-Instruct-q4f16_1-MLC)\"

Exit status 3: it is not in the cache.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Path {
    #[arg(help = MODEL)]
    pub(crate) model: String,
    /// A branch, tag, reference or commit, instead of the model's @revision
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<Revision>,
}
