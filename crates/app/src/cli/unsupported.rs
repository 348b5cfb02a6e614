//! The commands of the Go tool that are recognised but not implemented yet.

use clap::{Args, Subcommand};
use wire::Failure;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    #[command(hide = true)]
    Migrate(AnyArguments),
}

#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct AnyArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    ignored: Vec<std::ffi::OsString>,
}

impl Command {
    /// The failure that names the command (exit code 2).
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Migrate(_) => Failure::not_supported_yet("migrate (to Zilliz Cloud)"),
        }
    }
}
