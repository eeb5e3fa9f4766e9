//! Diagnostics of the libraries, for those who ask for them.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Sends the libraries' diagnostics to stderr: by `-v` and `-vv`, and by `RUST_LOG` where that is set.
///
/// Without either nothing is logged: what matters to everybody is shown as progress.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    // Fails only if a logger is set already, and nothing else sets one.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
}
