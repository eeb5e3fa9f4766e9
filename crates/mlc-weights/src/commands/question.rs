//! A question before something is removed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::exit::Failure;

/// Whether somebody can answer.
pub(super) fn can_be_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks whether these may be removed. Nothing but a yes is one.
pub(super) fn may_remove(what: &str) -> Result<bool, Failure> {
    let mut stderr = io::stderr().lock();
    // A question that cannot be written is answered by nobody.
    let _ = write!(stderr, "Remove {what}? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::Output)?;
    let is_yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        let _ = writeln!(stderr, "nothing was removed");
    }
    Ok(is_yes)
}
