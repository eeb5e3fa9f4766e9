use clap::Args;

const EXAMPLES: &str = "\
Examples:
  mlc-weights env
  mlc-weights env --json | jq '.settings[] | select(.findings != [])'

Exit status 2: something that is set cannot be used.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Env {
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
