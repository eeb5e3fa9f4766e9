//! `mlc-weights man`: the manual page of a command, made from the grammar that parses it.

use crate::arguments::{self, Man};
use crate::exit::Failure;
use crate::output::print_bytes;

pub(super) fn run(arguments: &Man) -> Result<(), Failure> {
    // Of a name that is none, the parser has told.
    let Some(command) = arguments::page(arguments.page.as_deref().unwrap_or_default()) else { return Ok(()) };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::Output)?;
    print_bytes(&page)
}
