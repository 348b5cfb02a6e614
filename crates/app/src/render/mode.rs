//! The output modes that the command line offers.

use clap::ValueEnum;

/// The format of results on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON document; documented in `docs/json.md` and stable.
    Json,
}

/// The form of progress on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars on a terminal, only warnings elsewhere.
    Auto,
    /// A line for each phase, and one every ten seconds.
    Plain,
    /// One JSON object per line; documented in `docs/json.md` and stable.
    Json,
    /// No progress.
    None,
}
