//! What went wrong, for a person.

use std::error::Error as StdError;
use std::io::{self, Write as _};

use crate::exit::Failure;

/// Prints a failure with its causes to stderr, a line each. A stderr that is gone changes nothing.
pub(crate) fn failure(failure: &Failure) {
    let mut lines = match failure {
        Failure::Facade(error) => with_causes(error),
        Failure::Output(error) => with_causes(error),
        Failure::Runtime(error) => with_causes(error),
        Failure::Interrupted => {
            vec!["interrupted; what was verified is kept, and the same command goes on from there".to_owned()]
        }
    };
    if let Failure::Output(_) = failure {
        lines.insert(0, "cannot write the result".to_owned());
    }
    let mut stderr = io::stderr().lock();
    for (depth, line) in lines.iter().enumerate() {
        let lead = if depth == 0 { "error: " } else { "  because: " };
        let _ = writeln!(stderr, "{lead}{line}");
    }
}

/// A line for the error and one for each cause below it, leaving out those that only repeat the one above.
fn with_causes(error: &dyn StdError) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let line = error.to_string();
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        cause = error.source();
    }
    lines
}
