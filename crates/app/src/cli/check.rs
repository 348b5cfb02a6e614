//! `check`: whether everything a backup and a restore need is there.

use super::Shared;
use super::session::Session;
use clap::Args;
use wire::{CheckReport, Reword};
use wire::{DONE, Failure, Kind, exit_code};

/// Try Milvus and both storages: connection, rights, root path, the way between them
///
/// What it writes it removes. A line that says FAIL makes the exit code 5.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup check
  milvus-backup check --config prod.yaml --output json")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub shared: Shared,
}

impl Arguments {
    /// Runs the verb.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        if let Some(word @ ("config" | "backup_yaml")) = self.shared.extra.first().map(String::as_str) {
            session.note(&format!("`check {word}` is now `config show`"));
            session.show_config()?;
            return Ok(DONE);
        }
        let engine = session.engine()?;
        let job = session.silent_job()?;
        let mut checks = CheckReport::from(engine.check(job.ctx()).await?.as_slice());
        checks.reword(session.terms());
        session.show(&checks, CheckReport::to_string)?;
        Ok(if checks.ok { DONE } else { exit_code(Kind::Unreachable) })
    }
}
