use clap::ValueEnum;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A bar, if there is a terminal
    Bar,
    /// A line now and then
    Plain,
    /// A JSON object a line, for programs
    Json,
    /// Nothing
    None,
}
