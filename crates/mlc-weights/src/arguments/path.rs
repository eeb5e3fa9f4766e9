use clap::Args;

use super::words::MODEL;

#[derive(Args, Debug)]
pub(crate) struct Path {
    #[arg(help = MODEL)]
    pub(crate) model: String,
}
