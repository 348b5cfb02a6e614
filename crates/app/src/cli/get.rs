//! `get`: shows one backup.

use clap::Args;
use wire::{BackupDetail, DONE, Failure};

use super::args::{BackupArgument, CommonFlags, result_width};
use super::remote::ServerFlags;
use super::session::Session;
use crate::config::Usage;
use crate::remote::query_flag;
use crate::render;

/// Show one backup
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup get nightly
  milvus-backup get nightly --detail --output json")]
pub(super) struct Arguments {
    #[command(flatten)]
    backup: BackupArgument,
    /// Show partitions and segments too
    #[arg(long, short)]
    detail: bool,
    #[command(flatten)]
    pub server: ServerFlags,
    #[command(flatten)]
    pub common: CommonFlags,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let name = self.backup.parse()?;
        let backup = if let Some(client) = session.server() {
            client.get(&["backups", name.as_str()], &[("detail", query_flag(self.detail))]).await?
        } else {
            let engine = session.engine(Usage::Backups)?;
            let job = session.silent_job()?;
            let name = engine.resolve_name(name, job.ctx()).await?;
            BackupDetail::new(&engine.get(&name, job.ctx()).await?, self.detail)
        };
        session.show(&backup, |backup| render::text::detail(backup, result_width()))?;
        Ok(DONE)
    }
}
