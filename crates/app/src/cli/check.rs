//! `check`: whether backup and restore can work with this configuration.

use clap::{Args, ValueEnum};
use engine::CheckPurpose;
use wire::{CheckReport, DONE, Failure, FailureKind, Reword, exit_code};

use super::args::CommonFlags;
use super::session::Session;
use crate::config::Usage;
use crate::render::text::check_report;

/// Check Milvus and both storages: connection, permissions, root paths, copying
///
/// Writes small test objects and removes them. Where Milvus demands a login, it names the privileges that the user lacks;
/// those that cannot be read it tries with calls about a collection that does not exist. The exit code is 5 if a check
/// fails.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup check
  milvus-backup check --for restore
  milvus-backup check --config prod.yaml --output json")]
pub(super) struct Arguments {
    /// The old name of `config show`: `config` or `backup_yaml`
    #[arg(hide = true, value_parser = ["config", "backup_yaml"])]
    old_word: Option<String>,
    /// Check only what this needs: backup or restore [default: both]
    #[arg(long = "for", value_name = "PURPOSE", hide_possible_values = true)]
    purpose: Option<Purpose>,
    #[command(flatten)]
    pub common: CommonFlags,
}

/// The work that a check prepares for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Purpose {
    Backup,
    Restore,
}

impl From<Purpose> for CheckPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Backup => Self::Backup,
            Purpose::Restore => Self::Restore,
        }
    }
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        if let Some(word) = &self.old_word {
            session.note(&format!("`check {word}` is now `config show`"));
            session.show_config()?;
            return Ok(DONE);
        }
        let engine = session.engine(Usage::Milvus)?;
        let job = session.silent_job()?;
        let purpose = self.purpose.map(CheckPurpose::from).unwrap_or_default();
        let results = engine.check(purpose, job.ctx()).await?;
        let mut checks = CheckReport::from(results.as_slice());
        checks.reword(session.terms());
        session.show(&checks, |checks| check_report(checks, session.colours_results()))?;
        Ok(if checks.ok { DONE } else { exit_code(FailureKind::Unreachable) })
    }
}
