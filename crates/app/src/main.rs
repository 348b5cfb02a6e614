//! The `milvus-backup` program: reads command line and configuration, calls the engine or a server, renders the outcome.

mod cli;
mod config;
mod logging;
mod remote;
mod render;
mod restore_flags;
mod shell_word;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = config::Environment::of_process();
    ExitCode::from(cli::main(std::env::args_os(), &environment))
}
