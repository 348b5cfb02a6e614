//! Verbs of the Go tool that are not built yet: answered by name.

use clap::{Args, Subcommand};

use wire::Failure;

#[derive(Subcommand, Debug)]
pub(super) enum Verb {
    #[command(hide = true)]
    Migrate(Rest),
    #[command(hide = true)]
    L0compact(Rest),
}

/// Whatever follows.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<std::ffi::OsString>,
}

impl Verb {
    pub(super) fn answer(&self) -> Failure {
        match self {
            Self::Migrate(_) => Failure::not_supported_yet("migrate (to Zilliz Cloud)"),
            Self::L0compact(_) => Failure::not_supported_yet("l0compact")
                .hint("backups of Milvus 2.2 and 2.3 have nothing to compact"),
        }
    }
}
