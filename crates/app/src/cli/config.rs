//! `config`: shows the configuration, migrates it to v2, and prints a sample.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::{Args, Subcommand};
use wire::{DONE, Failure};

use super::args::{CommonFlags, ConfigFlags, LeadingFlags};
use super::run::{end, out, run_locally};
use super::session::Session;
use crate::config::{ConfigError, Environment, migrate};
use crate::render::Out;

/// Show the configuration, migrate it to v2, or print a sample
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Show(Show),
    Migrate(Migrate),
    Sample(Sample),
}

/// Print a commented sample of a configuration file (v2)
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup config sample > backup.yaml")]
struct Sample {}

/// The sample that every release contains.
const SAMPLE: &str = include_str!("../../../../configs/backup.yaml");

/// Show every effective value and its source; secrets are masked
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup config show
  milvus-backup config show --set milvus.grpc.port=19531 --output json")]
struct Show {
    #[command(flatten)]
    common: CommonFlags,
}

/// Migrate a v1 configuration (`minio:` …) to v2
///
/// Secrets of the file are written in plain text, secrets of the environment are not written. `--set` is ignored.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup config migrate --config backup.yaml --output backup-v2.yaml")]
struct Migrate {
    #[command(flatten)]
    config: ConfigFlags,
    /// Write to this file, readable only by its owner; "" or - for stdout [default: stdout]
    #[arg(long, short, value_name = "FILE", default_value = "", hide_default_value = true)]
    output: String,
    /// Overwrite the file if it exists
    #[arg(long)]
    force: bool,
    /// Fail and write nothing if v2 rejects a value
    #[arg(long)]
    strict: bool,
    #[arg(hide = true)]
    extra: Vec<String>,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) fn run(&self, before: &LeadingFlags, environment: &Environment) -> u8 {
        let before = LeadingFlags { config: self.config.or(&before.config), output: before.output.clone() };
        match &self.command {
            Command::Show(show) => {
                run_locally(environment, &before, &show.common, async |session: &Session<'_>| {
                    session.show_config()?;
                    Ok(DONE)
                })
            }
            Command::Sample(Sample {}) => {
                let out = out(&before.output, environment);
                end(&out, out.print(SAMPLE).map(|()| DONE).map_err(Failure::from))
            }
            Command::Migrate(migrate) => {
                let out = out(&before.output, environment);
                end(&out, migrate.run(&before, environment, &out))
            }
        }
    }
}

impl Migrate {
    fn run(&self, before: &LeadingFlags, environment: &Environment, out: &Out) -> Result<u8, Failure> {
        let flags = self.config.or(&before.config);
        let migration = migrate(flags.file(), environment)?;
        if !flags.set().is_empty() {
            out.note("--set is ignored by config migrate");
        }
        for warning in &migration.warnings {
            out.warning(warning);
        }
        if self.strict && !migration.problems.is_empty() {
            return Err(ConfigError::Values { problems: migration.problems, warnings: Vec::new() }.into());
        }
        for problem in &migration.problems {
            out.warning(&format!("v2 rejects {problem}"));
        }
        for (old, new) in &migration.variables {
            out.note(&format!("{old} -> {new}"));
        }
        if !migration.dropped.is_empty() {
            out.note(&format!("not migrated, because v2 has no such keys: {}", migration.dropped.join(", ")));
        }
        match self.output.as_str() {
            "" | "-" => out.print(&migration.text)?,
            path => {
                write_new(Path::new(path), &migration.text, self.force)?;
                out.note(&format!("wrote {path}, migrated from {}", flags.file()));
            }
        }
        Ok(DONE)
    }
}

/// Writes a file that may contain secrets, readable only by its owner.
fn write_new(path: &Path, text: &str, force: bool) -> Result<(), ConfigError> {
    let unwritable = |source| ConfigError::Unwritable { path: path.to_owned(), source };
    if force && path.exists() {
        // The new file must not have the mode of the old one.
        std::fs::remove_file(path).map_err(unwritable)?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match file {
        Ok(mut file) => file.write_all(text.as_bytes()).map_err(unwritable),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(ConfigError::Exists(path.to_owned()))
        }
        Err(error) => Err(unwritable(error)),
    }
}
