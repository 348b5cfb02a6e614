//! `rows`: shows the rows of a collection in a backup.

use std::io::IsTerminal;
use std::ops::ControlFlow;

use clap::Args;
use engine::{RowQuery, StoredRows};
use wire::{DONE, Failure};

use super::args::{BackupArgument, CommonFlags};
use super::session::Session;
use crate::config::Usage;
use crate::render::Format;
use crate::render::text::{RowTable, TABLE_ROWS};

/// Show the rows of a collection in a backup
///
/// Reads the live rows from the files of the backup, without a Milvus: those that a delete hides are left out. Prints a
/// table on a terminal, and one JSON object for each row elsewhere. Only the files of the chosen columns are read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup rows nightly shop.orders
  milvus-backup rows nightly shop.orders --columns id,price --limit 10
  milvus-backup rows nightly shop.orders --where 'price > 5'
  milvus-backup rows latest shop.orders --partition 2026 --output json")]
pub(super) struct Arguments {
    #[command(flatten)]
    backup: BackupArgument,
    /// Read this collection: db.collection, or collection in the database default
    #[arg(value_name = "COLLECTION")]
    collection: Option<String>,
    /// Show only these fields, in this order
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Show only the rows that match this filter, in Milvus's expression syntax
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Show only the rows of this partition
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Show at most N rows [default: 100 in a table, otherwise all]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    pub common: CommonFlags,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let engine = session.engine(Usage::Backups)?;
        let job = session.silent_job()?;
        let (backup, collection) = self.backup.parse_with_collection(self.collection.as_deref())?;
        let missing = || Failure::usage("name a backup and a collection: rows NAME COLLECTION".to_owned());
        let collection = collection.ok_or_else(missing)?;
        let in_table = std::io::stdout().is_terminal() && session.format() == Format::Text;
        // One more than the table shows tells whether there are more.
        let limit = self.limit.or(in_table.then_some(TABLE_ROWS + 1));
        let query = RowQuery {
            backup: engine.resolve_name(backup, job.ctx()).await?,
            collection,
            columns: self.columns.clone(),
            partition: self.partition.clone(),
            filter: self.filter.clone(),
            limit,
        };
        if in_table {
            let mut table = RowTable::new(if self.limit.is_some() { u64::MAX } else { TABLE_ROWS });
            engine.read_rows(&query, job.ctx(), |rows| table.add(rows)).await?;
            session.print(&table.into_text())?;
            return Ok(DONE);
        }
        let mut failure = None;
        engine
            .read_rows(&query, job.ctx(), |rows| {
                session.print_part(&json_lines(rows)).unwrap_or_else(|error| {
                    failure = Some(error);
                    ControlFlow::Break(())
                })
            })
            .await?;
        failure.map_or(Ok(DONE), Err)
    }
}

fn json_lines(rows: &StoredRows<'_>) -> String {
    let mut text = String::new();
    for row in 0..rows.count() {
        rows.write_json(row, &mut text);
        text.push('\n');
    }
    text
}
