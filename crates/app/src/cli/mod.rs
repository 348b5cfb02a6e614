//! The command line. Each command has a file that turns its flags into one request and one call of the engine.

mod args;
mod check;
mod config;
mod confirm;
mod create;
mod delete;
mod docs;
mod get;
mod inspect;
mod jobs;
mod l0compact;
mod list;
mod remote;
pub(crate) mod report;
mod restore;
mod rows;
mod run;
mod selection;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod unsupported;
mod usage;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::Environment;
use args::LeadingFlags;
use run::{end, out, run_locally, run_with_server};

/// Back up Milvus collections and restore them
#[derive(Parser, Debug)]
#[command(
    name = "milvus-backup",
    bin_name = "milvus-backup",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("MILVUS_BACKUP_BUILD"), ")"),
    disable_version_flag = true,
    disable_help_subcommand = false,
    arg_required_else_help = true,
    after_help = "\
Examples:
  milvus-backup check                       check Milvus and both storages
  milvus-backup create -n nightly           back up everything
  milvus-backup restore -n nightly --suffix _copy
  milvus-backup list

Exit codes:
  0 done, 1 failed, 2 usage or configuration, 3 no such backup or collection, 4 already exists,
  5 cannot connect or not authorized, 6 partly done, 7 damaged backup, 130 interrupted

Run `milvus-backup COMMAND --help` for the flags of a command."
)]
struct Cli {
    #[command(flatten)]
    before: LeadingFlags,
    /// Print version, commit and build
    #[arg(long, short = 'v', short_alias = 'V', action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(Box<create::Arguments>),
    List(list::Arguments),
    Get(get::Arguments),
    Delete(delete::Arguments),
    Restore(Box<restore::Arguments>),
    Inspect(inspect::Arguments),
    Rows(rows::Arguments),
    L0compact(l0compact::Arguments),
    Check(check::Arguments),
    Jobs(jobs::Arguments),
    Server(server::Arguments),
    Config(config::Arguments),
    Completion(docs::Completion),
    Man(docs::Man),
    Openapi(docs::Openapi),
    #[command(flatten)]
    Unsupported(unsupported::Command),
}

/// Runs the program and returns its exit code.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>, environment: &Environment) -> u8 {
    let arguments: Vec<OsString> = arguments.collect();
    let parsed = args::accept_go_syntax(Cli::command())
        .try_get_matches_from(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => run_command(cli, environment),
        Err(error) => usage::print_usage(&error, &arguments, environment),
    }
}

fn run_command(Cli { before, command, .. }: Cli, environment: &Environment) -> u8 {
    let own_out = || out(&before.output, environment);
    match command {
        Command::Create(command) => {
            let flags = (&command.common, &command.job.server);
            run_with_server(environment, &before, flags, None, async |session| command.run(session).await)
        }
        Command::List(command) => {
            let flags = (&command.common, &command.server);
            run_with_server(environment, &before, flags, None, async |session| command.run(session).await)
        }
        Command::Get(command) => {
            let flags = (&command.common, &command.server);
            run_with_server(environment, &before, flags, None, async |session| command.run(session).await)
        }
        Command::Delete(command) => {
            let flags = (&command.common, &command.job.server);
            run_with_server(environment, &before, flags, None, async |session| command.run(session).await)
        }
        Command::Jobs(command) => {
            let url = Some(jobs::DEFAULT_URL);
            let flags = command.flags();
            run_with_server(environment, &before, flags, url, async |session| command.run(session).await)
        }
        Command::Restore(command) if command.is_secondary() => {
            let flags = command.common.output.or(&before.output);
            end(&out(&flags, environment), Err(restore::secondary()))
        }
        Command::Restore(command) => {
            let flags = (&command.common, &command.job.server);
            run_with_server(environment, &before, flags, None, async |session| command.run(session).await)
        }
        Command::Inspect(command) => {
            run_locally(environment, &before, &command.common, async |session| command.run(session).await)
        }
        Command::Rows(command) => {
            run_locally(environment, &before, &command.common, async |session| command.run(session).await)
        }
        Command::L0compact(command) => {
            run_locally(environment, &before, &command.common(), async |session| command.run(session).await)
        }
        Command::Check(command) => {
            run_locally(environment, &before, &command.common, async |session| command.run(session).await)
        }
        Command::Server(command) => command.run(&before, environment),
        Command::Config(command) => command.run(&before, environment),
        Command::Completion(command) => {
            let out = own_out();
            end(&out, command.run(&Cli::command(), &out))
        }
        Command::Openapi(command) => {
            let out = own_out();
            end(&out, command.run(&out))
        }
        Command::Man(command) => end(&own_out(), command.run(Cli::command())),
        Command::Unsupported(command) => end(&own_out(), Err(command.failure())),
    }
}
