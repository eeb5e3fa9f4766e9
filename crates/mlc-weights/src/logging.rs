//! Diagnostics of the libraries, on request.

use std::io;

use facade::words::printable;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format;

/// Sends the libraries' diagnostics to stderr: what `RUST_LOG` selects, else what `-v` and `-vv` do.
///
/// Without either nothing is logged: what everyone needs to know is shown as progress.
pub(crate) fn start(verbose: u8, color: bool) {
    let by_variable = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    let filter = match by_variable.max_level_hint() {
        Some(LevelFilter::OFF) => EnvFilter::new(by_count(verbose)),
        _ => by_variable,
    };
    // Values may be anything: the target of a redirect, the name of a file that another user has left.
    let fields = format::debug_fn(|writer, field, value| {
        let value = format!("{value:?}");
        let name = Some(field.name()).filter(|name| *name != "message");
        name.map_or(Ok(()), |name| write!(writer, "{name}="))?;
        writer.write_str(&printable(&value))
    });
    let logger = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(color).with_writer(io::stderr);
    let logger = logger.fmt_fields(fields.delimited(" "));
    // A line that cannot be written is lost; reporting that on the same stderr would panic.
    let logger = logger.log_internal_errors(false);
    // Fails only if a logger is set already, and nothing else sets one.
    let _ = logger.try_init();
}

/// What a number of `-v` shows. Before the last step the HTTP library's own messages would bury all others.
fn by_count(verbose: u8) -> &'static str {
    match verbose {
        0 => "off",
        1 => "info",
        2 => "info,cache_layout=debug,facade=debug,hf_transport=debug,net=debug,shard_fetch=debug",
        _ => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_a_filter() {
        let levels =
            [LevelFilter::OFF, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE, LevelFilter::TRACE];
        for (verbose, level) in (0..).zip(levels) {
            let filter = EnvFilter::builder().parse(by_count(verbose)).unwrap();
            assert_eq!(filter.max_level_hint(), Some(level), "{verbose}");
        }
    }
}
