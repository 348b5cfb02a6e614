//! `config show` and `config migrate`.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::{Args, Subcommand};

use super::args::Globals;
use super::session::Session;
use super::{Before, Shared, end, run};
use crate::config::{ConfigError, Environment, migrate};
use crate::render::Out;
use wire::{DONE, Failure};

/// Show the configuration, or bring it to the newest form
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Show(Show),
    Migrate(Migrate),
}

/// Show every value in effect and where it comes from, secrets masked
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup config show
  milvus-backup config show --set milvus.grpc.port=19531 --output json")]
struct Show {
    #[command(flatten)]
    shared: Shared,
}

/// Write a v2 configuration from a v1 file (`minio:` …)
///
/// Secrets of the file are written in clear, those of the environment not at all; `--set` plays no part.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup config migrate --config backup.yaml --output backup-v2.yaml")]
struct Migrate {
    #[command(flatten)]
    globals: Globals,
    /// Write to this file, readable by you alone; "" or - for stdout
    #[arg(long, short, value_name = "FILE", default_value = "", hide_default_value = true)]
    output: String,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
    /// Write nothing if v2 refuses a value
    #[arg(long)]
    strict: bool,
    #[arg(hide = true)]
    extra: Vec<String>,
}

impl Arguments {
    /// Runs the verb.
    pub(super) fn run(&self, before: &Before, environment: &Environment) -> u8 {
        let before = Before { globals: self.globals.over(&before.globals), style: before.style.clone() };
        match &self.verb {
            Verb::Show(show) => run(environment, &before, &show.shared, async |session: &Session<'_>| {
                session.show_config()?;
                Ok(DONE)
            }),
            Verb::Migrate(migrate) => {
                let out = super::out(&before.style, environment);
                end(&out, migrate.run(&before, environment, &out))
            }
        }
    }
}

impl Migrate {
    fn run(&self, before: &Before, environment: &Environment, out: &Out) -> Result<u8, Failure> {
        let globals = self.globals.over(&before.globals);
        let migration = migrate(globals.file(), environment)?;
        if !globals.set().is_empty() {
            out.note("--set plays no part in a migration");
        }
        for warning in &migration.warnings {
            out.warning(warning);
        }
        if self.strict && !migration.problems.is_empty() {
            return Err(ConfigError::Values(migration.problems).into());
        }
        for problem in &migration.problems {
            out.warning(&format!("v2 refuses {problem}"));
        }
        for (old, new) in &migration.variables {
            out.note(&format!("{old} -> {new}"));
        }
        if !migration.dropped.is_empty() {
            out.note(&format!("left out, without a counterpart in v2: {}", migration.dropped.join(", ")));
        }
        match self.output.as_str() {
            "" | "-" => out.print(&migration.text)?,
            path => {
                write_new(Path::new(path), &migration.text, self.force)?;
                out.note(&format!("wrote {path}, made from {}", globals.file()));
            }
        }
        Ok(DONE)
    }
}

/// Writes a file that may hold secrets.
fn write_new(path: &Path, text: &str, force: bool) -> Result<(), ConfigError> {
    let unwritable = |source| ConfigError::Unwritable { path: path.to_owned(), source };
    if force && path.exists() {
        // The new file gets its own mode, whatever the old one had.
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
