//! The commands that look after the cache.

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct List {
    /// One JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
