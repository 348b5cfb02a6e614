//! `completion`, `man` and `openapi`: what packagers, shells and generators of clients want.

use std::path::PathBuf;

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

use crate::render::{self, Out};
use server::ApiVersion;
use wire::{DONE, Failure};

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup completion bash > /etc/bash_completion.d/milvus-backup
  milvus-backup completion zsh > \"${fpath[1]}/_milvus-backup\"")]
pub(super) struct Completion {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

impl Completion {
    /// Prints the script.
    pub(super) fn run(&self, command: &Command, out: &Out) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut visible(command), "milvus-backup", &mut script);
        out.print(&String::from_utf8_lossy(&script))?;
        Ok(DONE)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Version {
    V1,
    V2,
}

/// `openapi`.
#[derive(Args, Debug)]
#[command(
    about = "Print the OpenAPI description of what the server serves",
    long_about = None,
    after_help = "\
Examples:
  milvus-backup openapi > openapi.json
  milvus-backup openapi v1"
)]
pub(super) struct Openapi {
    /// v1, as the Go tool has it, or v2
    #[arg(
        value_name = "VERSION",
        hide_possible_values = true,
        default_value = "v2",
        hide_default_value = true
    )]
    version: Version,
}

impl Openapi {
    /// Prints it.
    pub(super) fn run(&self, out: &Out) -> Result<u8, Failure> {
        let version = match self.version {
            Version::V1 => ApiVersion::V1,
            Version::V2 => ApiVersion::V2,
        };
        out.print(&render::json::text(&version.description("")))?;
        Ok(DONE)
    }
}

/// The command without what is hidden, which the generators would offer all the same.
fn visible(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned();
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(visible);
    Command::new(command.get_name().to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .about(command.get_about().cloned().unwrap_or_default())
        .args(arguments)
        .subcommands(verbs)
}

/// Write man pages, one a verb, into a directory
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup man /usr/local/share/man/man1")]
pub(super) struct Man {
    /// The directory; made if it does not exist
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Man {
    /// Writes the pages.
    pub(super) fn run(&self, command: Command) -> Result<u8, Failure> {
        let written = std::fs::create_dir_all(&self.dir)
            .and_then(|()| clap_mangen::generate_to(command, &self.dir).map(drop));
        match written {
            Ok(()) => Ok(DONE),
            Err(error) => {
                let reason = format!("cannot write man pages to {}: {error}", self.dir.display());
                Err(std::io::Error::new(error.kind(), reason).into())
            }
        }
    }
}
