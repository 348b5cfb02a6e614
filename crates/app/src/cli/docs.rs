//! `completion`, `man` and `openapi`: files for shells, packagers and client generators.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Args, Command, ValueEnum};
use clap_complete::Shell;
use server::ApiVersion;
use wire::{BackupFormat, DONE, Failure, FlushStrategy, JobKind, JobState};

use crate::render::{self, Out};

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup completion bash > /etc/bash_completion.d/milvus-backup
  milvus-backup completion zsh > \"${fpath[1]}/_milvus-backup\"")]
pub(super) struct Completion {
    /// The shell: bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

impl Completion {
    /// Prints the script.
    pub(super) fn run(&self, command: &Command, out: &Out) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut visible(command), "milvus-backup", &mut script);
        let mut script = String::from_utf8_lossy(&script).into_owned();
        if self.shell == Shell::Bash {
            // clap_complete names the same state in two ways if the program's name has a dash.
            script = script.replace("milvus__subcmd__backup__", "milvus__backup__");
        }
        out.print(&script)?;
        Ok(DONE)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Version {
    V1,
    V2,
}

/// The arguments of `openapi`.
#[derive(Args, Debug)]
#[command(
    about = "Print the OpenAPI description of the REST API",
    long_about = None,
    after_help = "\
Examples:
  milvus-backup openapi > openapi.json
  milvus-backup openapi v1"
)]
pub(super) struct Openapi {
    /// The version of the API: v1 (that of the Go tool) or v2 [default: v2]
    #[arg(
        value_name = "VERSION",
        hide_possible_values = true,
        default_value = "v2",
        hide_default_value = true
    )]
    version: Version,
}

impl Openapi {
    /// Prints the description.
    pub(super) fn run(&self, out: &Out) -> Result<u8, Failure> {
        let version = match self.version {
            Version::V1 => ApiVersion::V1,
            Version::V2 => ApiVersion::V2,
        };
        out.print(&render::json::text(&version.description("")))?;
        Ok(DONE)
    }
}

/// The command without hidden flags and commands, which the generator would include.
fn visible(command: &Command) -> Command {
    let arguments =
        command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned().map(name_values);
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set()).map(visible);
    Command::new(command.get_name().to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .about(command.get_about().cloned().unwrap_or_default())
        .args(arguments)
        .subcommands(commands)
}

/// Names the values of an argument that the commands check themselves, because they accept other spellings too.
fn name_values(argument: Arg) -> Arg {
    let values = match (argument.get_id().as_str(), argument.get_possible_values().is_empty()) {
        ("strategy", true) => FlushStrategy::WORDS.to_vec(),
        ("format", true) => BackupFormat::WORDS.to_vec(),
        ("state", true) => JobState::WORDS.to_vec(),
        ("kind", true) => JobKind::WORDS.to_vec(),
        _ => return argument,
    };
    argument.value_parser(PossibleValuesParser::new(values))
}

/// Write man pages, one for each command, into a directory
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup man /usr/local/share/man/man1")]
pub(super) struct Man {
    /// The directory; created if it does not exist
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
