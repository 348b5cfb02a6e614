//! Help pages, the version, and errors of the command line.

use std::ffi::OsString;
use std::io::Write;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};
use wire::{DONE, Failure, FailureKind, exit_code};

use super::Cli;
use crate::config::Environment;
use crate::render::{Format, Out};

/// Prints what clap returned instead of arguments: help and version on stdout, errors on stderr; returns the exit code.
pub(super) fn print_usage(error: &clap::Error, arguments: &[OsString], environment: &Environment) -> u8 {
    // A closed stream cannot be reported anywhere.
    match error.kind() {
        ErrorKind::DisplayHelp => {
            let _ = requested_page(arguments).print_help();
            DONE
        }
        ErrorKind::DisplayVersion => {
            let _ = error.print();
            DONE
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = write!(std::io::stderr(), "{}", requested_page(arguments).render_help());
            exit_code(FailureKind::Usage)
        }
        _ => {
            let _ = error.print();
            if requests_json(arguments) {
                let text = error.render().to_string();
                let first = text.lines().next().unwrap_or_default();
                let failure = Failure::usage(first.trim_start_matches("error: "));
                Out::new(Format::Json, false, environment.no_color()).failure_document(&failure);
            }
            exit_code(FailureKind::Usage)
        }
    }
}

/// Whether arguments that could not be parsed request JSON.
fn requests_json(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().filter_map(|word| word.to_str()).collect();
    // There, -o names a file.
    if words.contains(&"migrate") {
        return false;
    }
    let pairs = words.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json"]));
    pairs || words.iter().any(|word| matches!(*word, "-ojson" | "-o=json" | "--output=json"))
}

/// The help page of the command among the arguments, `help` aside.
fn requested_page(arguments: &[OsString]) -> Command {
    let mut command = definition();
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(next) = command.find_subcommand(word).filter(|next| next.get_name() != "help") {
            command = next.clone();
        }
    }
    help_page(command)
}

/// The commands as help pages show them: flags without the syntax of the Go tool.
pub(super) fn definition() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// A command with one help page for `-h` and `--help`.
pub(super) fn help_page(command: Command) -> Command {
    let command = command.mut_arg("help", |help| help.help("Print help"));
    match command.get_long_about().cloned() {
        Some(about) => command.about(about).long_about(None),
        None => command,
    }
}
