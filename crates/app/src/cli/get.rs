//! `get`: one backup.

use clap::Args;

use super::remote::ServerFlags;
use super::session::Session;
use super::{Named, Shared};
use crate::render;
use wire::BackupDetail;
use wire::{DONE, Failure};

/// Show one backup
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup get -n nightly
  milvus-backup get -n nightly --detail --output json")]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
    /// Show partitions and segments too
    #[arg(long, short)]
    detail: bool,
    #[command(flatten)]
    pub server: ServerFlags,
    #[command(flatten)]
    pub shared: Shared,
}

impl Arguments {
    /// Runs the verb.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let name = self.named.parse()?;
        let backup = if let Some(client) = session.server() {
            let detail = if self.detail { "true" } else { "false" };
            client.get(&["backups", name.as_str()], &[("detail", detail)]).await?
        } else {
            let engine = session.engine()?;
            let job = session.silent_job()?;
            BackupDetail::new(&engine.get(&name, job.ctx()).await?, self.detail)
        };
        session.show(&backup, render::text::detail)?;
        Ok(DONE)
    }
}
