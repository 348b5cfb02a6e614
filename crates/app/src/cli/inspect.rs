//! `inspect`: shows what a backup holds according to its files.

use clap::Args;
use wire::{BackupContents, DONE, Failure};

use super::args::{BackupArgument, CommonFlags};
use super::session::Session;
use crate::config::Usage;
use crate::render::text::contents;

/// Show what a backup holds according to its files
///
/// Reads the keys and timestamps from the files of the backup, without a Milvus. Shows for each segment its live rows,
/// the range of its keys and times, its size, and what is odd; without a collection, the sums of each collection.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup inspect nightly
  milvus-backup inspect nightly shop.orders
  milvus-backup inspect latest shop.orders --output json")]
pub(super) struct Arguments {
    #[command(flatten)]
    backup: BackupArgument,
    /// Show the segments of this collection: db.collection, or collection in the database default
    #[arg(value_name = "COLLECTION")]
    collection: Option<String>,
    #[command(flatten)]
    pub common: CommonFlags,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let engine = session.engine(Usage::Backups)?;
        let job = session.silent_job()?;
        let (backup, collection) = self.backup.parse_with_collection(self.collection.as_deref())?;
        let backup = engine.resolve_name(backup, job.ctx()).await?;
        let read = engine.inspect_rows(&backup, collection.as_ref(), job.ctx()).await?;
        let with_segments = collection.is_some();
        session.show(&BackupContents::new(&backup, &read), |document| contents(document, with_segments))?;
        Ok(DONE)
    }
}
